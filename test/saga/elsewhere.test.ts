import { describe, expect, it } from 'vitest';
import type { Saga, SagaStore } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import type { Life } from './kit.ts';
import { LEASE_MS, bed, chain, counted, dying, never, storeOf } from './kit.ts';

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
    const abort = new AbortController();
    const listeners: string[] = [];
    const { signal } = abort;
    const spy = new Proxy(signal, {
      get: (target, key) => {
        if (key === 'addEventListener' || key === 'removeEventListener') {
          return (...args: Parameters<AbortSignal['addEventListener']>) => {
            listeners.push(`${key} ${args[0]}`);
            target[key](...args);
          };
        }
        return Reflect.get(target, key) as unknown;
      },
    });
    const first = handle.result({ signal: spy });
    const second = handle.result({ signal: new AbortController().signal });
    const given = handle.result({ signal });
    given.catch(() => {});
    await own.pass(10);
    abort.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    await expect(given).rejects.toThrow('enough');
    const again = handle.result();
    slow.open();
    await own.pass(1000);
    expect([await second, await again]).toEqual([{ s0: undefined }, { s0: undefined }]);
    const third = new AbortController();
    await handle.result({ signal: third.signal });
    expect(listeners).toEqual(['addEventListener abort', 'removeEventListener abort']);
  });
});

describe('resolve', () => {
  it('refuses a value that cannot be stored before it takes the saga up, which stays stuck', async () => {
    const own = bed();
    const def = saga('order')
      .step('a', { kind: 'pivot', run: () => 1 })
      .step('b', { run: refuse });
    const runner = own.runner([def]);
    await (await runner.start(def, undefined, { id: 'x' })).result().catch(() => {});
    await expect(runner.resolve('x', 'b', () => 1)).rejects.toMatchObject({
      code: 'ERR_SAGA_SERIALIZATION',
      path: 'b',
    });
    expect((await own.store.get(['x']))[0]).toMatchObject({ status: 'stuck', fence: 1 });
    expect(await runner.resolve('x', 'b', 5)).toBe(true);
    await own.pass(10);
    expect((await runner.history('x')).map(({ type, path }) => `${type} ${path}`).slice(-1)).toEqual(['resolved b']);
    expect((await own.store.get(['x']))[0]!.status).toBe('completed');
  });

  it('answers false for a saga that is not stuck, or is none, and for a step where it is not stuck', async () => {
    const own = bed();
    const def = saga('order')
      .step('a', { run: () => 1, compensate: refuse, compensationRetry: { maxAttempts: 1 } })
      .step('b', { run: refuse });
    const slow = chain(1, () => never());
    const runner = own.runner([def, slow]);
    await runner.start(slow, 1, { id: 'runs' });
    await (await runner.start(def, undefined, { id: 'x' })).result().catch(() => {});
    expect([
      await runner.resolve('runs', 's0'),
      await runner.resolve('none', 's0'),
      await runner.resolve('x', 'b'),
      await runner.resolve('x', 'nowhere'),
      await runner.resolve('x', 'a'),
      await runner.resolve('x', 'a'),
    ]).toEqual([false, false, false, false, true, false]);
  });

  it('takes any step that is not done of a saga that was parked for bringing down its workers', async () => {
    const own = bed();
    const define = (life: Life): Saga<unknown, unknown> =>
      saga<unknown>('order')
        .step('a', { run: () => 1 })
        .step('b', {
          run: () => {
            life.isDead = true;
            return never();
          },
        })
        .step('c', { run: ({ results }) => results.b }) as unknown as Saga<unknown, unknown>;
    await dying(own, define, 'x');
    const def = define({ isDead: false });
    for (let k = 0; k < 3; k++) {
      await own.pass(LEASE_MS);
      const life: Life = { isDead: false };
      const runner = own.runner([define(life)], { store: storeOf(own.store, life), maxRecoveries: 1 });
      await runner.recover();
      await own.pass(10);
    }
    const runner = own.runner([def]);
    expect((await own.store.get(['x']))[0]!.status).toBe('stuck');
    expect((await runner.history('x')).at(-1)).toMatchObject({
      type: 'stuck',
      path: '',
      data: expect.stringContaining('it has brought down 2 workers without getting any further') as unknown,
    });
    await expect(runner.handle('x').result()).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: '' });
    expect([await runner.resolve('x', 'a'), await runner.resolve('x', 'b', 'by hand')]).toEqual([false, true]);
    expect(await runner.handle('x').result()).toEqual({ a: 1, b: 'by hand', c: 'by hand' });
  });

  it('takes a compensation that was passed over, and the saga then ends as undone', async () => {
    const own = bed();
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => {} })
      .step('b', { run: () => 2, compensate: refuse, onExhausted: 'continue' })
      .step('c', { run: () => 3, compensate: refuse, onExhausted: 'continue' })
      .step('d', { run: refuse });
    const runner = own.runner([def]);
    const stuck = (await runner.start(def, undefined, { id: 'x' })).result();
    await expect(stuck).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: 'c' });
    expect([await runner.resolve('x', 'a'), await runner.resolve('x', 'b')]).toEqual([false, true]);
    await expect(runner.handle('x').result()).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: 'c' });
    expect(await runner.resolve('x', 'c')).toBe(true);
    await expect(runner.handle('x').result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED', step: 'd' });
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
