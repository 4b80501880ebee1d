import { describe, expect, it } from 'vitest';
import type { FlightContext } from '../../src/singleflight/index.ts';
import { createSingleflight } from '../../src/singleflight/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';

const pending = { state: 'pending' };

describe('an abort', () => {
  it('rejects that caller at once with the reason of its signal, and touches no other', async () => {
    const flights = createSingleflight<string, string>();
    const work = gate<string>();
    const contexts: FlightContext[] = [];
    const [first, second] = [new AbortController(), new AbortController()];
    const load = (ctx: FlightContext): Promise<string> => (contexts.push(ctx), work.promise);
    const one = flights.run('k', load, { signal: first.signal });
    const two = flights.run('k', load, { signal: second.signal });
    const three = flights.run('k', load);
    const reason = { why: 'left' };
    first.abort(reason);
    expect(await outcomeOf(one)).toEqual({ state: 'rejected', reason });
    expect(await outcomeOf(two)).toEqual(pending);
    expect(contexts[0]!.signal.aborted).toBe(false);
    work.open('done');
    expect(await Promise.all([two, three])).toEqual(['done', 'done']);
    expect(contexts).toHaveLength(1);
  });

  it('rejects all callers of one signal, through one listener for them all', async () => {
    const flights = createSingleflight<string, string>();
    const work = gate<string>();
    const [one, other] = [countingSignal(), countingSignal()];
    const load = (): Promise<string> => work.promise;
    const crowd = Array.from({ length: 1000 }, () => flights.run('k', load, { signal: one.signal }));
    const told = flights.runShared('k', load, { signal: one.signal });
    const stays = flights.runShared('k', load, { signal: other.signal });
    expect([one.peak, other.peak, flights.waiters('k')]).toEqual([1, 1, 1002]);
    one.abort('shutdown');
    for (const caller of [...crowd, told]) await expect(caller).rejects.toBe('shutdown');
    expect([one.listeners, flights.waiters('k'), flights.size]).toEqual([0, 1, 1]);
    work.open('done');
    expect([await stays, other.listeners]).toEqual([{ value: 'done', shared: false }, 0]);
  });

  it('of the last caller aborts the signal of the work with that reason, and frees the key at once', async () => {
    const flights = createSingleflight<string, string>();
    const work = [gate<string>(), gate<string>()];
    const signals: AbortSignal[] = [];
    let runs = 0;
    const load = (ctx: FlightContext): Promise<string> => (signals.push(ctx.signal), work[runs++]!.promise);
    const callers = [new AbortController(), new AbortController()];
    const left = callers.map(({ signal }) => outcomeOf(flights.run('k', load, { signal })));
    callers[0]!.abort('one');
    expect([signals[0]!.aborted, flights.size]).toEqual([false, 1]);
    callers[1]!.abort('two');
    expect([signals[0]!.aborted, signals[0]!.reason, flights.size]).toEqual([true, 'two', 0]);
    const next = flights.run('k', load);
    work[0]!.open('late');
    await flush();
    work[1]!.open('fresh');
    expect(await next).toBe('fresh');
    expect(await Promise.all(left)).toEqual(['one', 'two'].map((reason) => ({ state: 'rejected', reason })));
  });

  it('that came before the call starts nothing and joins nothing', async () => {
    const flights = createSingleflight<string, number>();
    const signal = AbortSignal.abort('before');
    let runs = 0;
    const load = (): number => ++runs;
    expect(await outcomeOf(flights.run('k', load, { signal }))).toEqual({ state: 'rejected', reason: 'before' });
    const work = gate<number>();
    const running = flights.run('k', () => work.promise);
    expect(await outcomeOf(flights.runShared('k', load, { signal }))).toEqual({ state: 'rejected', reason: 'before' });
    expect([runs, flights.waiters('k')]).toEqual([0, 1]);
    work.open(1);
    await running;
  });

  it('is seen by a signal that the work reads only afterwards', async () => {
    const flights = createSingleflight<string, never>();
    let context: FlightContext | undefined;
    const caller = new AbortController();
    const left = outcomeOf(
      flights.run('k', (ctx) => ((context = ctx), new Promise<never>(() => {})), { signal: caller.signal }),
    );
    caller.abort('gone');
    expect([context!.signal.aborted, context!.signal.reason]).toEqual([true, 'gone']);
    await left;
  });

  it('of the work by its last caller lets a listener start the next flight of the key', async () => {
    const flights = createSingleflight<string, string>();
    let next: Promise<string> | undefined;
    const caller = new AbortController();
    const left = outcomeOf(
      flights.run(
        'k',
        ({ signal }) => {
          signal.addEventListener('abort', () => (next = flights.run('k', () => 'next')));
          return new Promise<never>(() => {});
        },
        { signal: caller.signal },
      ),
    );
    caller.abort('gone');
    expect(await next).toBe('next');
    expect(await left).toEqual({ state: 'rejected', reason: 'gone' });
    expect(flights.size).toBe(0);
  });

  it('leaves no listener on any signal, whichever way the call ends', async () => {
    const flights = createSingleflight<string, number>();
    const signals = [countingSignal(), countingSignal(), countingSignal(), countingSignal()];
    const settled = [
      flights.run('a', async () => 1, signals[0]!),
      flights.run('a', async () => 1, signals[1]!),
      flights.run('b', async () => Promise.reject(new Error('down')), signals[2]!),
      flights.run('c', () => new Promise<never>(() => {}), signals[3]!),
    ].map((promise) => outcomeOf(promise));
    expect(signals.map(({ listeners }) => listeners)).toEqual([1, 1, 1, 1]);
    signals[3]!.abort('left');
    await Promise.all(settled);
    expect(signals.map(({ listeners }) => listeners)).toEqual([0, 0, 0, 0]);
    expect(flights.size).toBe(0);
  });

  it('of a work that fails afterwards is no unhandled rejection', async () => {
    const flights = createSingleflight<string, never>();
    const work = gate<never>();
    const caller = new AbortController();
    const left = outcomeOf(flights.run('k', () => work.promise.then(() => work.promise), { signal: caller.signal }));
    caller.abort('left');
    work.fail(new Error('late'));
    expect(await left).toEqual({ state: 'rejected', reason: 'left' });
  });
});
