import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import type { SagaStore } from '../../src/saga/index.ts';
import { saga } from '../../src/saga/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import { LEASE_MS, bed, chain, counted, storeOf } from './kit.ts';
import type { Bed, Fate } from './kit.ts';

type Verb = Exclude<keyof SagaStore, symbol | number>;

/** Sagas that nobody drives. */
async function orphans(own: Bed, count: number): Promise<void> {
  const def = chain(1);
  const worker = await own.store.enlist(LEASE_MS);
  await own.store.create(
    worker,
    Array.from({ length: count }, (_, k) => ({ id: `o${k}`, name: def.name, version: 1, input: '1' })),
  );
  await own.store.retire(worker);
}

/** A clock that knows which of its timers keep the process alive. */
function lively(clock: Clock): { readonly clock: Clock; readonly alive: () => number } {
  const timers = new Set<{ isAwaited: boolean }>();
  return {
    alive: () => [...timers].filter(({ isAwaited }) => isAwaited).length,
    clock: {
      now: () => clock.now(),
      epochMs: () => clock.epochMs(),
      setTimeout: (fn, ms) => {
        const timer = {
          isAwaited: true,
          ref: () => (timer.isAwaited = true),
          unref: () => (timer.isAwaited = false),
          handle: clock.setTimeout(() => {
            timers.delete(timer);
            fn();
          }, ms),
        };
        timers.add(timer);
        return timer;
      },
      clearTimeout: (timer) => {
        timers.delete(timer as never);
        clock.clearTimeout((timer as { handle?: unknown } | undefined)?.handle);
      },
    },
  };
}

describe('a runner', () => {
  it('goes on at once with a saga that is sent an event while it is being let go of', async () => {
    const own = bed();
    const released = gate();
    const letGo = gate();
    const store = new Proxy(own.store, {
      get: (target, verb: Verb) =>
        verb !== 'write'
          ? (target[verb] as () => void)?.bind(target)
          : async (...args: Parameters<SagaStore['write']>) => {
              if (args[1].some(({ releaseAfterMs }) => releaseAfterMs !== undefined)) {
                released.open();
                await letGo.promise;
              }
              return target.write(...args);
            },
    });
    const wait = saga('wait').event('paid');
    const runner = own.runner([wait], { store, pollMs: 3_600_000 });
    const handle = await runner.start(wait, undefined, { id: 'x' });
    await released.promise;
    expect(await runner.signal('x', 'paid', 1)).toBe(true);
    await own.pass(50); // a look of now would find it in hands
    letGo.open();
    await own.pass(50);
    expect(await outcomeOf(handle.result())).toEqual({ state: 'fulfilled', value: { paid: 1 } });
  });

  it('takes up at most `concurrency` at once, the next as soon as one has ended, and no more than `recover` is told', async () => {
    const own = bed();
    await orphans(own, 7);
    const gates = Array.from({ length: 7 }, () => gate());
    let begun = 0;
    const def = chain(1, () => gates[begun++]!.promise);
    const runner = own.runner([def], { concurrency: 3 });
    expect((await runner.recover({ limit: 2 })).map(({ id, created }) => [id, created])).toEqual([
      ['o0', false],
      ['o1', false],
    ]);
    await own.pass(1);
    expect(begun).toBe(2);
    await own.pass(1000);
    expect(begun).toBe(3);
    await own.pass(5000);
    expect(begun).toBe(3);
    gates[0]!.open();
    await own.pass(50);
    expect(begun).toBe(4);
    for (const each of gates) each.open();
    await own.pass(5000);
    expect(begun).toBe(7);
  });

  it('looks one time after the other, also where two ask for it at once', async () => {
    const own = bed();
    let claiming = 0;
    let most = 0;
    const store = new Proxy(own.store, {
      get: (target, verb: Verb) =>
        verb === 'claim'
          ? async (...args: Parameters<SagaStore['claim']>) => {
              most = Math.max(most, ++claiming);
              await own.clock.advance(0);
              claiming--;
              return target.claim(...args);
            }
          : (target[verb] as () => void)?.bind(target),
    });
    await orphans(own, 5);
    const runner = own.runner([chain(1)], { store });
    const taken = await Promise.all([runner.recover({ limit: 2 }), runner.recover({ limit: 2 }), runner.recover()]);
    expect([taken.map((handles) => handles.length), most]).toEqual([[2, 2, 1], 1]);
  });

  it('goes on looking after a look that failed, and takes up what a lost answer has given it, once', async () => {
    const own = bed();
    await orphans(own, 3);
    let fate: Fate = 'lose';
    const store = storeOf(own.store, { isDead: false }, (verb, after) =>
      verb === 'claim' && !after ? fate : undefined,
    );
    let calls = 0;
    const runner = own.runner([chain(1, () => ++calls)], { store });
    await expect(runner.recover()).rejects.toThrow('the answer is lost');
    expect(own.events).toEqual([{ type: 'store-fault', error: expect.any(Error) }]);
    fate = undefined;
    await own.pass(1000);
    expect([calls, (await own.store.list({ status: 'completed' })).length]).toEqual([3, 3]);
  });

  it('takes nothing again that it drives, or is about to, while it looks for what a lost answer has given it', async () => {
    const own = bed();
    let fate: Fate = 'lose';
    const store = storeOf(own.store, { isDead: false }, (verb, after) =>
      verb === 'claim' && !after ? fate : undefined,
    );
    const slow = gate();
    const starting = gate();
    let isStarting = false;
    const late = new Proxy(store, {
      get: (target, verb: Verb) => {
        if (verb !== 'create') return target[verb];
        return async (...args: Parameters<SagaStore['create']>) => {
          const records = await target.create(...args);
          if (isStarting) await starting.promise;
          return records;
        };
      },
    });
    let calls = 0;
    const def = chain(1, () => {
      calls++;
      return slow.promise;
    });
    const runner = own.runner([def], { store: late });
    await runner.start(def, 1, { id: 'x' });
    await own.pass(10);
    isStarting = true;
    const started = runner.start(def, 1, { id: 'y' });
    await own.pass(10);
    await expect(runner.recover()).rejects.toThrow('the answer is lost');
    fate = undefined;
    await own.pass(5000);
    const fences = async (): Promise<number[]> => (await own.store.get(['x', 'y'])).map(({ fence }) => fence);
    expect([calls, await fences()]).toEqual([1, [1, 1]]);
    starting.open();
    await started;
    await own.pass(5000);
    expect([calls, await fences()]).toEqual([2, [1, 1]]);
  });

  it('says once a lease what no process can drive', async () => {
    const own = bed();
    await orphans(own, 1);
    const { store, calls } = counted(own.store);
    const runner = own.runner([saga('other')], { store });
    void runner.work();
    await own.pass(10);
    expect(own.events.map(({ type }) => type)).toEqual(['no-definition']);
    await own.pass(LEASE_MS - 1000);
    expect(calls['strangers']).toBe(1);
    await own.pass(2000);
    expect([calls['strangers'], own.events.length]).toEqual([2, 2]);
  });

  it('waits for the look under way when it closes', async () => {
    const own = bed();
    const slow = gate();
    const store = new Proxy(own.store, {
      get: (target, verb: Verb) =>
        verb === 'claim' ? () => slow.promise.then(() => []) : (target[verb] as () => void)?.bind(target),
    });
    const runner = own.runner([chain(1)], { store });
    const recovering = runner.recover();
    await own.pass(10);
    const closing = runner.close();
    expect((await outcomeOf(closing)).state).toBe('pending');
    slow.open();
    await closing;
    expect([await recovering, own.clock.pendingTimers]).toEqual([[], 0]);
  });

  it('keeps the process alive while somebody waits for work or for a result, and not by itself', async () => {
    const own = bed();
    const { clock, alive } = lively(own.clock);
    const slow = gate();
    const def = chain(1, () => slow.promise);
    const runner = own.runner([def], { clock });
    const handle = await runner.start(def, 1);
    await own.pass(10);
    expect(alive()).toBe(0);
    const result = handle.result();
    await own.pass(2000);
    expect(alive()).toBe(1);
    slow.open();
    await result;
    await own.pass(2000);
    expect(alive()).toBe(0);
    void runner.work();
    expect(alive()).toBe(1);
    await own.pass(5000);
    expect(alive()).toBe(1);
    await runner.close();
    expect([alive(), own.clock.pendingTimers]).toEqual([0, 0]);
  });

  it('keeps the process alive while somebody waits for the result of a saga that rests', async () => {
    const own = bed();
    const { clock, alive } = lively(own.clock);
    const def = saga('order').event('e');
    const runner = own.runner([def], { clock });
    const result = (await runner.start(def, undefined, { id: 'x' })).result();
    await own.pass(10);
    expect(own.events.map(({ type }) => type)).toEqual(['started', 'waiting']);
    expect(alive()).toBe(1);
    await runner.signal('x', 'e', 'come');
    await own.pass(2000);
    expect([await result, alive()]).toEqual([{ e: 'come' }, 0]);
  });
});
