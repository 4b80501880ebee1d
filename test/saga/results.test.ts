import { describe, expect, it } from 'vitest';
import type { SagaStore } from '../../src/saga/index.ts';
import { saga } from '../../src/saga/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import { bed, chain, counted, never, storeOf } from './kit.ts';

describe('results', () => {
  it('are asked for again while the store fails, until the signal of who waits aborts or the runner closes', async () => {
    const own = bed();
    const def = chain(1);
    await (await own.runner([def]).start(def, 1, { id: 'x' })).result();
    for (const verb of ['init', 'get', 'load']) {
      let isDown = true;
      const store = storeOf(own.store, { isDead: false }, (asked) => (isDown && asked === verb ? 'refuse' : undefined));
      const other = own.runner([def], { store });
      const result = other.handle('x').result();
      await own.pass(10_000);
      expect(await outcomeOf(result)).toEqual({ state: 'pending' });
      expect(own.events.filter(({ type }) => type === 'store-fault').length).toBeGreaterThan(5);
      isDown = false;
      await own.pass(1000);
      expect(await result).toEqual({ s0: 0 });
      await other.close();
    }
  });

  it('are given up when a signal aborts, for who gave it alone, and then nobody asks and nothing listens', async () => {
    const own = bed();
    const { store, calls } = counted(own.store);
    const slow = gate();
    const def = saga('order').step('a', { run: () => slow.promise });
    await own.runner([def]).start(def, undefined, { id: 'x' });
    const waiter = own.runner([def], { store });
    const counting = countingSignal();
    const { signal } = counting;
    const reason = new Error('no time');
    const first = waiter.handle('x').result({ signal });
    const second = waiter.handle('x').result();
    await own.pass(10);
    counting.abort(reason);
    await expect(first).rejects.toBe(reason);
    expect([await outcomeOf(second), counting.listeners]).toEqual([{ state: 'pending' }, 0]);
    await expect(waiter.handle('x').result({ signal })).rejects.toBe(reason);
    const third = new AbortController();
    const rejected = expect(waiter.handle('y').result({ signal: third.signal })).rejects.toThrow('the store has no');
    await own.pass(3000);
    await rejected;
    // Nobody reads a whole log to see that it goes on.
    expect(calls['load']).toBeUndefined();
    slow.open();
    await own.pass(1000);
    await second;
    const endless = saga('endless').step('a', { run: () => never() });
    await own.runner([endless]).start(endless, undefined, { id: 'z' });
    const left = waiter.handle('z').result({ signal: third.signal });
    left.catch(() => undefined);
    await own.pass(3000);
    const before = calls['get'];
    await own.pass(3000);
    expect(calls['get']).toBeGreaterThan(before!);
    third.abort();
    await own.pass(10);
    const asked = calls['get'];
    await own.pass(10_000);
    expect(calls['get']).toBe(asked);
  });

  it('come from no step that is called for them, where a definition has changed under its version', async () => {
    const own = bed();
    let calls = 0;
    const before = saga('order').step('a', { run: () => 1 });
    const after = saga('order')
      .step('a', { run: () => 1 })
      .step('b', { run: () => ++calls });
    await (await own.runner([before]).start(before, undefined, { id: 'x' })).result();
    await expect(own.runner([after]).handle('x').result()).rejects.toThrow('order has changed under its version');
    expect(calls).toBe(0);
  });

  it('are waited for where a stuck saga is retried while its log is read', async () => {
    const own = bed();
    let isBroken = true;
    const slow = gate();
    const def = saga('order').step('a', {
      kind: 'retriable',
      retry: { maxAttempts: 1 },
      run: () => {
        if (isBroken) throw new Error('no');
        return slow.promise.then(() => 'done');
      },
    });
    const here = own.runner([def]);
    const stuck = await here.start(def, undefined, { id: 'x' });
    await expect(stuck.result()).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK' });
    isBroken = false;
    let reads = 0;
    const store = new Proxy(storeOf(own.store, { isDead: false }), {
      get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
        if (verb !== 'load') return target[verb];
        return async (id: string) => {
          if (reads++ === 0) await here.retry('x');
          await own.pass(10);
          // As it is once the retried one has written something.
          const snapshot = (await target.load(id))!;
          return { ...snapshot, record: { ...snapshot.record, status: 'running' } };
        };
      },
    });
    const result = own.runner([def], { store }).handle('x').result();
    await own.pass(10);
    expect((await outcomeOf(result)).state).toBe('pending');
    slow.open();
    await own.pass(10);
    expect(reads).toBe(1);
    expect(own.events.filter(({ type }) => type === 'store-fault')).toEqual([]);
  });

  it('are waited for where a stuck saga is retried here while its log is read', async () => {
    const own = bed();
    let isBroken = true;
    const def = saga('order').step('a', {
      kind: 'retriable',
      retry: { maxAttempts: 1 },
      run: () => {
        if (isBroken) throw new Error('no');
        return never();
      },
    });
    const store = new Proxy(storeOf(own.store, { isDead: false }), {
      get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
        if (verb !== 'load') return target[verb];
        return async (id: string) => {
          const snapshot = await target.load(id);
          await runner.retry(id);
          return snapshot;
        };
      },
    });
    const runner = own.runner([def], { store });
    await expect((await runner.start(def, undefined, { id: 'x' })).result()).rejects.toMatchObject({ step: 'a' });
    isBroken = false;
    const result = runner.handle('x').result();
    await own.pass(10);
    expect((await outcomeOf(result)).state).toBe('pending');
  });
});
