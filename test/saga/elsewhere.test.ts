import { describe, expect, it } from 'vitest';
import type { SagaStore } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import { LEASE_MS, bed, chain, counted, never, storeOf } from './kit.ts';

const refuse = (): never => {
  throw new SagaRefusal('no');
};

describe('who waits for a saga that another process drives', () => {
  it('hears how it was undone, once it is, with the step and the error that ended it', async () => {
    const own = bed();
    const slow = gate();
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => slow.promise })
      .step('b', { run: refuse });
    await own.runner([def]).start(def, undefined, { id: 'x' });
    await own.pass(10);
    const result = own.runner([]).handle('x').result();
    result.catch(() => {});
    await own.pass(3000);
    expect((await own.store.get(['x']))[0]!.status).toBe('compensating');
    expect((await outcomeOf(result)).state).toBe('pending');
    slow.open();
    await own.pass(3000);
    await expect(result).rejects.toMatchObject({
      code: 'ERR_SAGA_COMPENSATED',
      sagaId: 'x',
      step: 'b',
      cause: { message: 'no' },
    });
  });

  it('cannot be told the results without the definition, or with one that has changed under its version', async () => {
    const own = bed();
    const def = saga('order').step('a', { run: () => 1 });
    await (await own.runner([def]).start(def, undefined, { id: 'x' })).result();
    const changed = saga('order')
      .step('a', { run: () => 1 })
      .step('b', { run: () => 2 });
    for (const [sagas, message] of [
      [[], 'sagas must have order 1 to tell the results of x'],
      [[changed], 'order has changed under its version since x completed'],
    ] as const) {
      await expect(own.runner(sagas).handle('x').result()).rejects.toMatchObject({ name: 'RangeError', message });
    }
  });

  it('asks the store for those alone that are not driven here', async () => {
    const own = bed();
    const { store, calls } = counted(own.store);
    const slow = gate();
    const def = chain(1, () => slow.promise);
    const runner = own.runner([def], { store });
    const handle = await runner.start(def, 1);
    const result = handle.result();
    await own.pass(5000);
    expect([calls['get'], calls['load']]).toEqual([undefined, undefined]);
    slow.open();
    await result;
  });

  it('goes on waiting while the store fails, which is told each time', async () => {
    const own = bed();
    let isDown = true;
    const store = storeOf(own.store, { isDead: false }, (verb, after) =>
      isDown && verb === 'get' && !after ? 'refuse' : undefined,
    );
    const def = chain(1);
    await (await own.runner([def]).start(def, 1, { id: 'x' })).result();
    own.events.length = 0;
    const result = own.runner([def], { store }).handle('x').result();
    await own.pass(1500);
    expect(own.events.map(({ type }) => type)).toEqual(['store-fault', 'store-fault']);
    isDown = false;
    await own.pass(1000);
    expect(await result).toEqual({ s0: 0 });
  });

  it('may give up and ask again, without a listener left and without ending the wait of another', async () => {
    const own = bed();
    const slow = gate();
    const def = chain(1, () => slow.promise);
    await own.runner([def]).start(def, 1, { id: 'x' });
    const other = own.runner([def]);
    const handle = other.handle('x');
    const counting = countingSignal();
    const first = handle.result({ signal: counting.signal });
    const second = handle.result({ signal: new AbortController().signal });
    await own.pass(10);
    counting.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    const again = handle.result();
    slow.open();
    await own.pass(1000);
    expect([await second, await again]).toEqual([{ s0: undefined }, { s0: undefined }]);
    const third = countingSignal();
    await handle.result({ signal: third.signal });
    await own.pass(1);
    expect([counting.listeners, third.added, third.listeners]).toEqual([0, 1, 0]);
  });
});

describe('a runner that closes', () => {
  it('rejects what is asked of it then, also a start that waits for its lease, and its handles wait for no one', async () => {
    const own = bed();
    const slow = gate();
    const store = new Proxy(own.store, {
      get: (target, verb: Exclude<keyof SagaStore, symbol | number>) =>
        verb !== 'enlist'
          ? (target[verb] as () => void)?.bind(target)
          : async (leaseMs: number) => {
              await slow.promise;
              return target.enlist(leaseMs);
            },
    });
    const def = chain(1);
    const runner = own.runner([def], { store });
    const starting = runner.start(def, 1);
    starting.catch(() => {});
    await own.pass(1);
    const handle = runner.handle('x');
    const closing = runner.close();
    slow.open();
    await closing;
    const lost = { code: 'ERR_SAGA_LEASE_LOST' };
    await expect(starting).rejects.toMatchObject(lost);
    for (const call of [
      () => runner.work(),
      () => handle.result(),
      () => runner.start(def, 1),
      () => runner.get('x'),
      () => runner.recover(),
      () => runner.retry('x'),
    ]) {
      await expect(call()).rejects.toMatchObject(lost);
    }
    await handle[Symbol.asyncDispose]();
    expect([await own.store.list({}), own.clock.pendingTimers]).toEqual([[], 0]);
  });

  it('ends, leaving no timer, where the store cannot take its lease back, and tells that', async () => {
    const own = bed();
    const store = storeOf(own.store, { isDead: false }, (verb, after) =>
      verb === 'retire' && !after ? 'refuse' : undefined,
    );
    const slow = gate();
    const def = chain(1, () => slow.promise);
    const runner = own.runner([def], { store });
    await using handle = await runner.start(def, 1);
    await own.pass(10);
    const closing = runner.close({ graceMs: 60_000 });
    expect((await outcomeOf(closing)).state).toBe('pending');
    slow.open();
    await closing;
    expect(own.events.map(({ type }) => type)).toEqual(['started', 'completed', 'store-fault']);
    expect([own.clock.pendingTimers, handle.created]).toEqual([0, true]);
    expect(() => own.runner([def]).close({ graceMs: -1 })).toThrow(/^graceMs must be/);
  });

  it('sets no timer when the answer to its last heartbeat comes after it', async () => {
    const own = bed();
    const slow = gate();
    const store = new Proxy(own.store, {
      get: (target, verb: Exclude<keyof SagaStore, symbol | number>) =>
        verb !== 'renew'
          ? (target[verb] as () => void)?.bind(target)
          : async (...args: Parameters<SagaStore['renew']>) => {
              const news = await target.renew(...args);
              await slow.promise;
              return news;
            },
    });
    const def = chain(1, () => never());
    const runner = own.runner([def], { store });
    await runner.start(def, 1);
    await own.pass(LEASE_MS / 3 + 1);
    await runner.close({ graceMs: 0 });
    slow.open();
    await own.pass(1);
    expect(own.clock.pendingTimers).toBe(0);
  });
});

describe('a runner that was never used', () => {
  it('closes without asking the store for anything, also at the end of its block', async () => {
    const own = bed();
    const { store, calls } = counted(own.store);
    const idle = own.runner([], { store });
    {
      await using runner = idle;
      void runner;
    }
    await expect(idle.get('x')).rejects.toMatchObject({ code: 'ERR_SAGA_LEASE_LOST' });
    expect([calls, own.events]).toEqual([{}, []]);
  });
});

describe('a handle', () => {
  it('that is disposed of waits for its saga, however that ends', async () => {
    const own = bed();
    const slow = gate();
    const def = chain(2, async (k) => {
      await slow.promise;
      if (k === 1) throw new SagaRefusal('no');
    });
    const runner = own.runner([def]);
    const handle = await runner.start(def, 1);
    const disposing = handle[Symbol.asyncDispose]();
    await own.pass(10);
    expect((await outcomeOf(disposing)).state).toBe('pending');
    slow.open();
    await disposing;
    expect((await runner.list()).map(({ status }) => status)).toEqual(['compensated']);
  });
});
