import { describe, expect, it } from 'vitest';
import type { FlightContext } from '../../src/singleflight/index.ts';
import { createSingleflight } from '../../src/singleflight/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';

describe('a flight', () => {
  it('runs the work once for all callers of a key that come before its result', async () => {
    const flights = createSingleflight<string, object>();
    const work = gate<object>();
    let runs = 0;
    const load = (): Promise<object> => flights.run('k', () => (runs++, work.promise));
    const callers = [load(), load(), flights.run('k', () => ({}), { signal: new AbortController().signal })];
    const value = {};
    work.open(value);
    for (const got of await Promise.all(callers)) expect(got).toBe(value);
    expect(runs).toBe(1);
  });

  it('calls the work at once, on the stack of its first caller', () => {
    const flights = createSingleflight<string, number>();
    let runs = 0;
    void flights.run('k', () => ++runs);
    expect(runs).toBe(1);
  });

  it('keeps keys apart as a Map does', async () => {
    const flights = createSingleflight<unknown, unknown>();
    const keys = ['1', 1, NaN, null, undefined, '__proto__', '', '\ud800', '\ud801'];
    const work = gate();
    const all = [...keys, ...keys].map((key) => flights.run(key, () => work.promise.then(() => key)));
    expect(flights.size).toBe(keys.length);
    expect(flights.waiters(NaN)).toBe(2);
    work.open();
    expect(await Promise.all(all)).toEqual([...keys, ...keys]);
    expect(flights.size).toBe(0);
  });

  it('rejects all its callers with the identical error, and fails once for all of them', async () => {
    const flights = createSingleflight<string, never>();
    const work = gate<never>();
    let runs = 0;
    const load = (): Promise<unknown> =>
      flights
        .run('k', () => (runs++, work.promise))
        .then(
          () => 'no',
          (error: unknown) => error,
        );
    const callers = Array.from({ length: 1000 }, load);
    const error = new Error('down');
    work.fail(error);
    expect(new Set(await Promise.all(callers))).toEqual(new Set([error]));
    expect(runs).toBe(1);
  });

  it('leaves no gap between its result and its end: whoever comes after the result starts anew', async () => {
    const flights = createSingleflight<string, number>();
    let runs = 0;
    const load = async (): Promise<number> => {
      await undefined;
      return ++runs;
    };
    const later: Promise<number>[] = [];
    const first = flights.run('k', load).then((value) => {
      later.push(flights.run('k', load));
      return value;
    });
    for (let k = 0; k < 20; k++) {
      later.push(flights.run('k', load));
      await undefined;
    }
    expect(await first).toBe(1);
    // Each caller gets a run that was under way when it came, never one that had ended.
    const values = await Promise.all(later);
    expect(Math.max(...values)).toBe(runs);
    expect(values.slice(1).every((value, k) => k === 0 || value >= values[k]!)).toBe(true);
  });

  it('takes plain values, thenables and thrown errors for results', async () => {
    const flights = createSingleflight<string, number>();
    const thenable = { then: (resolve: (value: number) => void) => resolve(2) } as PromiseLike<number>;
    expect(await flights.run('k', () => 1)).toBe(1);
    expect(await flights.run('k', () => thenable)).toBe(2);
    const error = new Error('at once');
    const thrown = flights.run('k', () => {
      throw error;
    });
    await expect(thrown).rejects.toBe(error);
    await expect(flights.run('k', undefined as never)).rejects.toThrow(TypeError);
    expect(flights.size).toBe(0);
  });

  it('may throw a promise, which is an error like any other', async () => {
    const flights = createSingleflight<string, number>();
    const thrown = Promise.resolve(1);
    const error = await outcomeOf(
      flights.run('k', () => {
        throw thrown;
      }),
    );
    expect(error).toEqual({ state: 'rejected', reason: thrown });
  });

  it('tells whether more than one caller got the value', async () => {
    const flights = createSingleflight<string, number>();
    expect(await flights.runShared('k', () => 1)).toEqual({ value: 1, shared: false });
    const work = gate<number>();
    const callers = [
      flights.runShared('k', () => work.promise),
      flights.run('k', () => 0),
      flights.runShared('k', () => 0),
    ];
    work.open(7);
    expect(await Promise.all(callers)).toEqual([{ value: 7, shared: true }, 7, { value: 7, shared: true }]);
    const alone = gate<number>();
    const leaving = new AbortController();
    const stays = flights.runShared('k', () => alone.promise);
    const left = flights.runShared('k', () => 0, { signal: leaving.signal });
    leaving.abort('enough');
    alone.open(9);
    await expect(left).rejects.toBe('enough');
    expect(await stays).toEqual({ value: 9, shared: false });
    const more = gate<number>();
    const told = flights.runShared('k', () => more.promise);
    for (let k = 0; k < 3; k++) void flights.run('k', () => 0);
    more.open(8);
    expect(await told).toEqual({ value: 8, shared: true });
  });

  it('gives all callers without a signal one promise, whatever they are', async () => {
    const flights = createSingleflight<string, number>();
    const work = gate<number>();
    const own = flights.run('k', () => work.promise, { signal: new AbortController().signal });
    const common = flights.run('k', () => 0);
    expect(common).not.toBe(own);
    for (let k = 0; k < 10_000; k++) if (flights.run('k', () => 0) !== common) expect(k).toBe('shared');
    expect(flights.waiters('k')).toBe(10_002);
    work.open(1);
    expect(await Promise.all([own, common])).toEqual([1, 1]);
  });

  it('has one signal, however often it is read', async () => {
    const flights = createSingleflight<string, never>();
    const caller = new AbortController();
    const signals: AbortSignal[] = [];
    const left = flights.run(
      'k',
      (ctx) => {
        signals.push(ctx.signal, ctx.signal);
        return new Promise<never>(() => {});
      },
      { signal: caller.signal },
    );
    caller.abort('left');
    await expect(left).rejects.toBe('left');
    expect([signals[0] === signals[1], signals[0]!.aborted]).toEqual([true, true]);
  });

  it('tells how many wait', async () => {
    const flights = createSingleflight<string, number>();
    const work = gate<number>();
    const caller = new AbortController();
    const all = [
      flights.run('k', () => work.promise),
      flights.run('k', () => 0),
      outcomeOf(flights.run('k', () => 0, { signal: caller.signal })),
    ];
    expect([flights.waiters('k'), flights.waiters('other'), flights.size]).toEqual([3, 0, 1]);
    caller.abort();
    expect(flights.waiters('k')).toBe(2);
    work.open(1);
    await Promise.all(all);
    expect([flights.waiters('k'), flights.size]).toEqual([0, 0]);
  });
});

describe('forget', () => {
  it('makes the next caller start anew, while the old flight still answers its own', async () => {
    const flights = createSingleflight<string, string>();
    const [old, fresh] = [gate<string>(), gate<string>()];
    const before = flights.run('k', () => old.promise);
    expect(flights.forget('k')).toBe(true);
    expect(flights.forget('k')).toBe(false);
    const after = flights.run('k', () => fresh.promise);
    old.open('old');
    expect(await before).toBe('old');
    // The end of the forgotten flight takes nothing from the one that replaced it.
    expect([flights.size, flights.waiters('k')]).toEqual([1, 1]);
    fresh.open('fresh');
    expect(await after).toBe('fresh');
  });

  it('leaves the abort of a forgotten flight to its own callers', async () => {
    const flights = createSingleflight<string, string>();
    const signals: AbortSignal[] = [];
    const caller = new AbortController();
    const never = ({ signal }: FlightContext): Promise<string> => (signals.push(signal), new Promise<never>(() => {}));
    const left = outcomeOf(flights.run('k', never, { signal: caller.signal }));
    flights.forget('k');
    void flights.run('k', never);
    caller.abort('left');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(await left).toEqual({ state: 'rejected', reason: 'left' });
    expect(flights.size).toBe(1);
  });
});
