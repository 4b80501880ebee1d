import { describe, expect, it } from 'vitest';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import { gate } from '../support/gate.ts';
import { LEASE_MS, bed, never, reports, storeOf } from './kit.ts';

describe('a process that is late', () => {
  it('ends a saga as lost when the store refuses its write, and tells nobody that it has completed', async () => {
    const own = bed();
    const slow = gate();
    const calls: string[] = [];
    const def = saga('order')
      .step('a', { run: () => void calls.push('a') })
      .step('b', { run: () => void calls.push('b') });
    // Somebody else has taken the saga though this process believes in its lease: the fence alone decides.
    const store = storeOf(own.store, { isDead: false });
    const stale = new Proxy(store, {
      get: (target, verb: Exclude<keyof typeof store, symbol | number>) => {
        if (verb === 'write') {
          return async (worker: string, writes: Parameters<typeof store.write>[1]) => {
            await slow.promise;
            return target.write(worker, writes);
          };
        }
        return target[verb];
      },
    });
    const handle = await own.runner([def], { store: stale }).start(def, undefined, { id: 'x' });
    await own.pass(10);
    const [record] = await own.store.get(['x']);
    await own.store.retire(record!.worker!);
    const heir = await own.store.enlist(LEASE_MS);
    await own.store.claim({
      worker: heir,
      definitions: [def],
      limit: 1,
      suspects: 0,
      suspectAfter: 9,
      ids: undefined,
      held: undefined,
      isStuck: false,
    });
    slow.open();
    await own.pass(10);
    expect(own.events.map(({ type }) => type)).toEqual(['started', 'lost']);
    expect((await own.store.load('x'))!.log).toEqual([]);
    expect(calls).toEqual(['a']);
    await own.store.retire(heir);
    const result = handle.result();
    // It learns of the end of its lease with its next heartbeat.
    await own.pass(LEASE_MS);
    await result;
  });

  it('does an atomic step of a saga that is no longer its own not at all', async () => {
    const own = bed();
    let calls = 0;
    const def = saga('order').step('a', { atomic: true, run: () => ++calls });
    const store = storeOf(own.store, { isDead: false });
    const stale = new Proxy(store, {
      get: (target, verb: Exclude<keyof typeof store, symbol | number>) =>
        verb === 'atomic' ? async () => 'stale' as const : target[verb],
    });
    const runner = own.runner([def], { store: stale });
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    expect(own.events.map(({ type }) => type)).toEqual(['started', 'lost']);
    expect(calls).toBe(0);
  });

  it('is at no fault when a step fails after its lease, before any timer has fired', async () => {
    const own = bed();
    const reported = reports();
    const slow = gate();
    const def = saga('order').step('a', {
      run: async () => {
        await slow.promise;
        throw new Error('no');
      },
    });
    await own.runner([def]).start(def, undefined, { id: 'x' });
    await own.pass(10);
    own.clock.stall(LEASE_MS);
    slow.open();
    await own.pass(0);
    expect(own.events.slice(0, 2).map(({ type }) => type)).toEqual(['started', 'lost']);
    expect(reported).toEqual([]);
  });

  it('drives one suspect at a time', async () => {
    const own = bed();
    let running = 0;
    let most = 0;
    const open = gate();
    const define = (isLast: boolean): ReturnType<typeof saga<unknown>> =>
      saga<unknown>('order').step('a', {
        run: async () => {
          if (!isLast) return never();
          most = Math.max(most, ++running);
          await open.promise;
          running--;
        },
      }) as ReturnType<typeof saga<unknown>>;
    const first = define(false);
    const dead = own.runner([first]);
    for (const id of ['x', 'y', 'z']) await dead.start(first, 1, { id });
    await dead.close({ graceMs: 0 });
    for (let death = 0; death < 2; death++) {
      const runner = own.runner([first]);
      await runner.recover();
      await runner.recover();
      await runner.close({ graceMs: 0 });
    }
    const last = define(true);
    const runner = own.runner([last]);
    await runner.recover();
    await own.pass(5000);
    expect(most).toBe(1);
    open.open();
    await own.pass(5000);
    expect((await own.store.list({ status: 'completed' })).length).toBe(3);
    expect(most).toBe(1);
  });

  it('takes up no suspect beside a saga that has died twice itself, though that was none when it was taken up', async () => {
    const own = bed();
    const slow = gate();
    const def = saga('order').step('a', { run: () => slow.promise });
    const dies = async (ids: readonly string[], isLeft = false): Promise<string> => {
      const worker = await own.store.enlist(LEASE_MS);
      const any = { limit: 9, suspects: 9, suspectAfter: 9, held: undefined, isStuck: false };
      await own.store.claim({ ...any, worker, ids, definitions: [def] });
      if (!isLeft) await own.store.retire(worker);
      return worker;
    };
    const first = await own.store.enlist(LEASE_MS);
    const sagas = ['x', 'y'].map((id) => ({ id, name: def.name, version: 1, input: '1' }));
    await own.store.create(first, sagas);
    await own.store.retire(first);
    await dies(['x', 'y']);
    const other = await dies(['y'], true);
    const runner = own.runner([def]);
    void runner.work();
    await own.pass(10);
    await own.store.retire(other);
    const resumed = (): unknown => own.events.flatMap((e) => (e.type === 'resumed' ? [[e.id, e.recoveries]] : []));
    await own.pass(5000);
    expect(resumed()).toEqual([['x', 2]]);
    slow.open();
    await own.pass(5000);
    expect(resumed()).toEqual([
      ['x', 2],
      ['y', 3],
    ]);
  });

  it('hears of an event that is sent here at once', async () => {
    const own = bed();
    const def = saga('order').event('paid');
    const runner = own.runner([def], { pollMs: 60_000 });
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    await runner.signal('x', 'paid', 1);
    await own.pass(10);
    expect((await own.store.get(['x']))[0]!.status).toBe('completed');
  });
});

describe('a step that has ended', () => {
  it('hears of no abort any more, and holds no timer for it', async () => {
    const own = bed();
    const controller = new AbortController();
    const heard: string[] = [];
    const listen = (c: { readonly signal: AbortSignal; readonly step: string }): void =>
      c.signal.addEventListener('abort', () => heard.push(c.step));
    const def = saga('order')
      .step('a', { run: listen })
      .step('b', {
        run: (c) => {
          listen(c);
          return new Promise((_, reject) => c.signal.addEventListener('abort', () => reject(c.signal.reason)));
        },
      });
    const running = def.run(undefined, { clock: own.clock, signal: controller.signal });
    running.catch(() => undefined);
    await own.pass(1);
    controller.abort();
    await own.pass(1);
    await expect(running).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect([heard, own.clock.pendingTimers]).toEqual([['b'], 0]);
  });
});

describe('a process that closes', () => {
  it('begins nothing that was about to begin while it stored what came before', async () => {
    const own = bed();
    const slow = gate();
    const calls: string[] = [];
    const def = saga('order')
      .step('a', { run: () => void calls.push('a') })
      .step('b', { run: () => void calls.push('b') });
    const store = storeOf(own.store, { isDead: false });
    const slowly = new Proxy(store, {
      get: (target, verb: Exclude<keyof typeof store, symbol | number>) => {
        if (verb !== 'write') return target[verb];
        return async (...args: Parameters<typeof store.write>) => {
          await slow.promise;
          return target.write(...args);
        };
      },
    });
    const runner = own.runner([def], { store: slowly });
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    const closing = runner.close();
    await own.pass(10);
    slow.open();
    await closing;
    expect(calls).toEqual(['a']);
    expect((await own.store.load('x'))!.log.map(({ path }) => path)).toEqual(['a']);
  });
});

describe('what a crash cut off', () => {
  it('is logged once, with the first thing that is stored after it', async () => {
    const own = bed();
    const def = (isLast: boolean): ReturnType<typeof saga<unknown>> =>
      saga<unknown>('order').step('a', {
        run: ({ attempt }) => {
          if (!isLast) return never();
          if (attempt < 4) throw new Error('no');
          throw new SagaRefusal('no');
        },
        retry: { maxAttempts: 9, baseDelayMs: 1 },
      }) as ReturnType<typeof saga<unknown>>;
    const [first, last] = [def(false), def(true)];
    const runner = own.runner([first]);
    await runner.start(first, 1, { id: 'x' });
    await runner.close({ graceMs: 0 });
    await own.runner([last]).recover();
    await own.pass(1000);
    const log = (await own.store.load('x'))!.log;
    expect(log.map(({ type, attempt }) => `${type} ${attempt}`)).toEqual([
      'unknown 1',
      'failed 2',
      'failed 3',
      'failed 4',
      'compensating 0',
    ]);
  });
});
