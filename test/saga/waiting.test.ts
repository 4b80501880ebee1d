import { describe, expect, it } from 'vitest';
import type { SagaStore } from '../../src/saga/index.ts';
import { saga } from '../../src/saga/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import { LEASE_MS, bed, chain, never, storeOf } from './kit.ts';
import type { Fate } from './kit.ts';

describe('a start', () => {
  it('is asked for again under a new lease where the old one ends before the store answers', async () => {
    for (const fate of ['refuse', 'lose'] as const) {
      const own = bed();
      let isDown = false;
      const store = storeOf(own.store, { isDead: false }, (): Fate => (isDown ? fate : undefined));
      let calls = 0;
      const def = saga('order').step('a', { run: () => ++calls });
      const runner = own.runner([def], { store });
      await (await runner.start(def, undefined, { id: 'first' })).result();
      await own.pass(LEASE_MS / 2);
      isDown = true;
      const [started, late] = [runner.start(def, undefined, { id: 'x' }), runner.start(def, undefined, { id: 'y' })];
      let settled = 0;
      void started.then(() => settled++);
      void late.then(() => settled++);
      // The last renewal was a while before, so the lease ends before this has been tried for as long as a lease.
      while (own.clock.now() < 1.4 * LEASE_MS) await own.pass(500);
      expect([settled, own.clock.now() > (4 / 3) * LEASE_MS]).toEqual([0, true]);
      isDown = false;
      await own.pass(1000);
      const handles = [await started, await late];
      await own.pass(LEASE_MS);
      const results = await Promise.all(handles.map((handle) => handle.result()));
      expect(results.map((result) => (result as { a: number }).a).sort()).toEqual([2, 3]);
      await runner.close();
      expect(own.clock.pendingTimers).toBe(0);
    }
  });

  it('rejects with the error of the store where no new lease is to be had in time either', async () => {
    const own = bed();
    let isDown = false;
    const store = storeOf(own.store, { isDead: false }, () => (isDown ? 'refuse' : undefined));
    const def = chain(1);
    const runner = own.runner([def], { store });
    await runner.get('x');
    isDown = true;
    await expect(runner.start(def, 1)).rejects.toThrow('enlist: the store is down');
    isDown = false;
    await runner.start(def, 1);
    await own.pass(LEASE_MS / 2);
    isDown = true;
    const started = runner.start(def, 1);
    started.catch(() => undefined);
    await own.pass(0.9 * LEASE_MS);
    expect((await outcomeOf(started)).state).toBe('pending');
    await own.pass(0.2 * LEASE_MS);
    await expect(started).rejects.toThrow('enlist: the store is down');
    await runner.close();
    expect(own.clock.pendingTimers).toBe(0);
  });

  it('that waits for a new lease ends when the runner closes, and leaves no timer', async () => {
    const own = bed();
    let isDown = false;
    const store = storeOf(own.store, { isDead: false }, () => (isDown ? 'refuse' : undefined));
    const def = chain(1);
    const runner = own.runner([def], { store });
    await runner.start(def, 1);
    await own.pass(LEASE_MS / 2);
    isDown = true;
    const started = runner.start(def, 1);
    started.catch(() => undefined);
    // The lease is lost a sixth of it before the start gives up.
    await own.pass(0.9 * LEASE_MS);
    await runner.close();
    await expect(started).rejects.toMatchObject({ code: 'ERR_SAGA_LEASE_LOST' });
    expect(own.clock.pendingTimers).toBe(0);
  });

  it('rejects with LeaseLostError when the runner closes before the store answers', async () => {
    const own = bed();
    const store = storeOf(own.store, { isDead: false }, (verb) => (verb === 'create' ? 'refuse' : undefined));
    const def = chain(1);
    const runner = own.runner([def], { store });
    const started = runner.start(def, 1);
    started.catch(() => undefined);
    await own.pass(1000);
    await runner.close();
    await expect(started).rejects.toMatchObject({ code: 'ERR_SAGA_LEASE_LOST' });
  });
});

describe('a lease', () => {
  it('outlasts heartbeats that fail, as they are repeated after a quarter of their interval', async () => {
    const own = bed();
    const at: number[] = [];
    let faults = 3;
    const store = storeOf(own.store, { isDead: false }, (verb, after) => {
      if (verb !== 'renew' || after) return undefined;
      at.push(own.clock.now());
      return faults-- > 0 ? 'refuse' : undefined;
    });
    const def = saga('order').step('a', { run: () => never() });
    const runner = own.runner([def], { store, heartbeatMs: 8000 });
    await runner.start(def, undefined);
    await own.pass(24_000);
    expect(at).toEqual([8000, 10_000, 12_000, 14_000, 22_000]);
    expect(own.events.map(({ type }) => type)).toEqual(['started', 'store-fault', 'store-fault', 'store-fault']);
  });
});

describe('looking for work', () => {
  it('goes on every `pollMs`, however many sagas are started meanwhile', async () => {
    const own = bed();
    const at: number[] = [];
    const def = saga('nap')
      .sleep('s', 5000)
      .step('a', { run: () => void at.push(own.clock.now()) });
    const busy = chain(1);
    const runner = own.runner([def, busy]);
    await runner.start(def, undefined);
    for (let k = 0; k < 40; k++) {
      await (await runner.start(busy, k)).result();
      await own.pass(250);
    }
    expect(at).toEqual([expect.toSatisfy((ms: number) => ms >= 5000 && ms <= 6100)]);
  });

  it('that is asked for while it looks is done once more, as what it has read may be older', async () => {
    const own = bed();
    const slow = gate();
    let isSlow = false;
    const store = new Proxy(storeOf(own.store, { isDead: false }), {
      get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
        if (verb !== 'claim') return target[verb];
        return async (...args: Parameters<SagaStore['claim']>) => {
          const claimed = await target.claim(...args);
          if (isSlow) await slow.promise;
          return claimed;
        };
      },
    });
    const def = saga('order').event('paid');
    const runner = own.runner([def], { store, pollMs: 60_000 });
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    isSlow = true;
    void runner.recover();
    await own.pass(10);
    await runner.signal('x', 'paid', 1);
    isSlow = false;
    slow.open();
    await own.pass(50);
    expect((await own.store.get(['x']))[0]!.status).toBe('completed');
  });

  it('is woken by a store that can tell, which then also has a running step hear of a cancellation', async () => {
    const own = bed();
    let wake: (worker?: string) => void = () => {};
    let ended = 0;
    const store = Object.assign(storeOf(own.store, { isDead: false }), {
      subscribe: async (fn: (worker?: string) => void) => {
        wake = fn;
        return async () => void ended++;
      },
    });
    const def = saga('order')
      .event('paid')
      .step('b', {
        run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      });
    const runner = own.runner([def], { store: new Proxy(store, {}), pollMs: 60_000, leaseMs: 300_000 });
    const handle = await runner.start(def, undefined, { id: 'x' });
    const result = handle.result();
    result.catch(() => undefined);
    await own.pass(100);
    await own.store.signal('x', { name: 'paid', payload: '1' });
    await own.pass(100);
    expect((await own.store.get(['x']))[0]!.worker).toBeNull();
    wake();
    await own.pass(20);
    const [record] = await own.store.get(['x']);
    expect(record!.worker).not.toBeNull();
    await own.store.cancel('x', 'why');
    wake('another worker');
    await own.pass(20);
    expect((await outcomeOf(result)).state).toBe('pending');
    wake(record!.worker!);
    wake(record!.worker!);
    await own.pass(20);
    await expect(result).rejects.toMatchObject({ cause: { code: 'ERR_SAGA_CANCELLED', reason: 'why' } });
    await runner.close();
    expect([ended, own.clock.pendingTimers]).toEqual([1, 0]);
  });
});
