import { describe, expect, it } from 'vitest';
import type { SagaStore } from '../../src/saga/index.ts';
import { gate } from '../support/gate.ts';
import { LEASE_MS, bed, chain, counted, never } from './kit.ts';
import type { Bed } from './kit.ts';

type Verb = Exclude<keyof SagaStore, symbol | number>;

/** A store that `subscribe` is added to. */
function telling(own: Bed, subscribe: NonNullable<SagaStore['subscribe']>): SagaStore {
  return new Proxy(own.store, {
    get: (target, verb: Verb) => (verb === 'subscribe' ? subscribe : (target[verb] as () => void)?.bind(target)),
  });
}

describe('wake-ups', () => {
  it('cost few looks, however many they are', async () => {
    const own = bed();
    let wake: (worker?: string) => void = () => {};
    const { store, calls } = counted(
      telling(own, async (fn) => {
        wake = fn;
        return async () => {};
      }),
    );
    const runner = own.runner([chain(1)], { store, pollMs: 60_000 });
    await runner.recover();
    for (let ms = 0; ms < 200; ms++) {
      for (let k = 0; k < 5; k++) wake();
      await own.clock.advance(1);
    }
    expect(calls['claim']).toBeGreaterThan(15);
    expect(calls['claim']).toBeLessThan(25);
    await own.pass(30_000);
    expect(calls['claim']).toBeLessThan(25);
  });

  it('have a worker renew its lease now, and once more where that was under way, and no other worker', async () => {
    const own = bed();
    let wake: (worker?: string) => void = () => {};
    const slow = gate();
    let isSlow = false;
    let renewals = 0;
    const base = telling(own, async (fn) => {
      wake = fn;
      return async () => {};
    });
    const store = new Proxy(base, {
      get: (target, verb: Verb) => {
        if (verb !== 'renew') return target[verb];
        return async (...args: Parameters<SagaStore['renew']>) => {
          renewals++;
          if (isSlow) await slow.promise;
          return target.renew(...args);
        };
      },
    });
    const def = chain(1, () => never());
    const runner = own.runner([def], { store });
    await runner.start(def, 1, { id: 'x' });
    await own.pass(1);
    const { worker } = (await own.store.get(['x']))[0]!;
    wake('somebody else');
    await own.pass(1);
    expect(renewals).toBe(0);
    isSlow = true;
    wake(worker!);
    wake(worker!);
    await own.pass(1);
    expect(renewals).toBe(1);
    wake(worker!);
    wake(worker!);
    isSlow = false;
    slow.open();
    await own.pass(1);
    expect(renewals).toBe(2);
    await own.pass(LEASE_MS / 3 - 10);
    expect(renewals).toBe(2);
    await own.pass(20);
    expect(renewals).toBe(3);
    wake(worker!);
    await own.pass(1);
    expect(renewals).toBe(4);
    await runner.close({ graceMs: 0 });
    wake(worker!);
    expect(own.clock.pendingTimers).toBe(0);
  });

  it('that cannot be had are asked for again with each look, and end with the runner, however late they come', async () => {
    const own = bed();
    let asked = 0;
    const coming = gate();
    const ended: string[] = [];
    const store = telling(own, async () => {
      asked++;
      if (asked < 3) throw new Error('no connection');
      await coming.promise;
      return async () => void ended.push('ended');
    });
    const runner = own.runner([chain(1)], { store });
    await runner.recover();
    await own.pass(1000);
    expect(asked).toBe(3);
    expect(own.events.map(({ type }) => type)).toEqual(['store-fault', 'store-fault']);
    await own.pass(5000);
    expect(asked).toBe(3);
    await runner.close();
    expect(ended).toEqual([]);
    coming.open();
    await own.pass(1);
    expect(ended).toEqual(['ended']);
  });

  it('are not asked for by who only sends or waits', async () => {
    const own = bed();
    let asked = 0;
    const store = telling(own, async () => {
      asked++;
      return async () => {};
    });
    const runner = own.runner([chain(1)], { store });
    await runner.signal('x', 'paid');
    await expect(runner.handle('x').result()).rejects.toThrow(RangeError);
    await own.pass(5000);
    expect(asked).toBe(0);
  });
});
