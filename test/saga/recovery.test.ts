import { describe, expect, it } from 'vitest';
import type { Saga } from '../../src/saga/index.ts';
import { LeaseLostError, SagaRefusal, saga } from '../../src/saga/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import type { Life } from './kit.ts';
import { LEASE_MS, bed, counted, dying, never, storeOf } from './kit.ts';

describe('recovery', () => {
  it('goes on at the frontier, calls no completed step again, and reads everything in one claim', async () => {
    const own = bed();
    const calls: string[] = [];
    const define = (life: Life): Saga<unknown, unknown> => {
      let def = saga<unknown>('long') as Saga<unknown, unknown>;
      for (let k = 0; k < 100; k++) {
        def = def.step(`s${k}`, {
          run: async ({ attempt, results }) => {
            calls.push(`s${k} ${attempt}`);
            if (k === 60 && attempt === 1) {
              life.isDead = true;
              return never();
            }
            return { k, sees: Object.keys(results as object).length };
          },
        });
      }
      return def;
    };
    await dying(own, define, 'x');
    await own.pass(LEASE_MS);
    const { store, calls: verbs } = counted(own.store);
    const heir = own.runner([define({ isDead: false })], { store });
    const [handle] = await heir.recover();
    expect(await handle!.result()).toMatchObject({ s99: { k: 99, sees: 99 } });
    expect(calls).toEqual(
      [...Array(61).keys()]
        .map((k) => `s${k} 1`)
        .concat([...Array(40).keys()].map((k) => `s${k + 60} ${k === 0 ? 2 : 1}`)),
    );
    expect([verbs['claim'], verbs['load'], verbs['get']]).toEqual([1, undefined, undefined]);
  });

  it('undoes as unknown what a crash cut off, when the saga turns back after all', async () => {
    const own = bed();
    const trace: unknown[] = [];
    const define = (life: Life): Saga<unknown, unknown> =>
      saga<unknown>('order').step('pay', {
        run: ({ attempt }) => {
          if (attempt > 1) throw new SagaRefusal('no');
          life.isDead = true;
          return never();
        },
        compensate: ({ outcome, output, attempt }) => void trace.push(outcome, output, attempt),
      });
    await dying(own, define, 'x');
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([define({ isDead: false })]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect(trace).toEqual(['unknown', undefined, 1]);
  });

  it('goes on with the compensation that a crash cut off, and repeats none before it', async () => {
    const own = bed();
    const trace: string[] = [];
    const define = (life: Life): Saga<unknown, unknown> => {
      const step = (name: string): object => ({
        run: () => name,
        compensate: ({ attempt, cause }: { attempt: number; cause: Error }) => {
          trace.push(`${name} ${attempt} ${cause.message}`);
          if (name !== 'b' || attempt > 1) return undefined;
          life.isDead = true;
          return never();
        },
      });
      return saga<unknown>('order')
        .step('a', step('a') as { run(): string })
        .step('b', step('b') as { run(): string })
        .step('c', step('c') as { run(): string })
        .step('d', {
          run: () => {
            throw new Error('no');
          },
        });
    };
    await dying(own, define, 'x');
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([define({ isDead: false })]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ step: 'd', cause: { message: 'no' } });
    expect(trace).toEqual(['c 1 no', 'b 1 no', 'b 2 no', 'a 1 no']);
  });

  it('counts attempts over crashes, and none of them makes a step give up by itself', async () => {
    const own = bed();
    const attempts: number[] = [];
    const define = (life: Life): Saga<unknown, unknown> =>
      saga<unknown>('order').step('a', {
        run: ({ attempt }) => {
          attempts.push(attempt);
          if (attempt === 2 || attempt === 3) {
            life.isDead = true;
            return never();
          }
          throw new Error('no');
        },
        retry: { maxAttempts: 4, baseDelayMs: 1 },
      });
    await dying(own, define, 'x');
    await own.pass(LEASE_MS);
    const life: Life = { isDead: false };
    await own.runner([define(life)], { store: storeOf(own.store, life) }).recover();
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([define({ isDead: false })]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect(attempts).toEqual([1, 2, 3, 4]);
  });

  it('parks a saga that brings its process down `maxRecoveries` times, and delays no other for it', async () => {
    const own = bed();
    let poisoned = 0;
    let isolated = 0;
    const define = (life: Life): Saga<unknown, unknown> =>
      saga<unknown>('order').step('a', {
        run: ({ sagaId }) => {
          if (sagaId !== 'poison') return ++isolated;
          poisoned++;
          life.isDead = true;
          return never();
        },
      });
    await dying(own, define, 'poison');
    let lives = 0;
    for (; lives < 10; lives++) {
      await own.pass(LEASE_MS);
      const life: Life = { isDead: false };
      const def = define(life);
      const runner = own.runner([def], { store: storeOf(own.store, life), maxRecoveries: 3 });
      const bystander = await runner.start(def, 1, { id: `bystander ${lives}` });
      await bystander.result();
      void runner.recover();
      await own.pass(10);
      if (!life.isDead) break;
    }
    expect([poisoned, lives, isolated]).toEqual([4, 3, 4]);
    const [record] = await own.store.get(['poison']);
    expect(record!.status).toBe('stuck');
    const told = { step: '', code: 'ERR_SAGA_STUCK' };
    expect(own.events.find(({ type }) => type === 'stuck')).toMatchObject({ error: told });
    await expect(
      own
        .runner([define({ isDead: false })])
        .handle('poison')
        .result(),
    ).rejects.toMatchObject(told);
  });
});

describe('ownership', () => {
  it('keeps a saga for as long as a step takes', async () => {
    const own = bed();
    const slow = gate();
    const def = saga('order').step('a', { run: () => slow.promise });
    const [here, there] = [own.runner([def]), own.runner([def])];
    const handle = await here.start(def, undefined, { id: 'x' });
    await own.pass(10 * LEASE_MS);
    expect(await there.recover()).toEqual([]);
    slow.open();
    expect(await handle.result()).toEqual({ a: undefined });
  });

  it('aborts the signal and begins no step after the lease has ended by its own clock, and writes nothing', async () => {
    const own = bed();
    let isCut = false;
    const store = storeOf(own.store, { isDead: false }, (verb) => (isCut && verb !== 'get' ? 'refuse' : undefined));
    const slow = gate();
    const trace: unknown[] = [];
    const def = saga('order')
      .step('a', {
        run: async ({ signal }) => {
          signal.addEventListener('abort', () => trace.push(signal.reason));
          await slow.promise;
        },
      })
      .step('b', { run: () => void trace.push('b') });
    await own.runner([def], { store }).start(def, undefined, { id: 'x' });
    isCut = true;
    await own.pass(LEASE_MS);
    expect(trace).toEqual([expect.any(LeaseLostError)]);
    slow.open();
    await own.pass(1);
    expect(trace.length).toBe(1);
    expect((await own.store.load('x'))!.log).toEqual([]);
  });

  it('begins no step when it wakes up after its lease, before any timer has fired', async () => {
    const own = bed();
    const slow = gate();
    let calls = 0;
    const def = saga('order')
      .step('a', { run: () => slow.promise })
      .step('b', { run: () => void calls++ });
    const frozen = own.runner([def]);
    await frozen.start(def, undefined, { id: 'x' });
    own.clock.stall(LEASE_MS);
    slow.open();
    await outcomeOf(slow.promise);
    expect(calls).toBe(0);
  });

  it('goes on under a new name after a lost lease, and takes up what it had', async () => {
    const own = bed();
    let isCut = false;
    const store = storeOf(own.store, { isDead: false }, () => (isCut ? 'refuse' : undefined));
    let calls = 0;
    const def = saga('order').step('a', { run: () => (++calls === 1 ? never<number>() : calls) });
    const handle = await own.runner([def], { store }).start(def, undefined);
    isCut = true;
    await own.pass(LEASE_MS);
    isCut = false;
    const result = handle.result();
    await own.pass(2000);
    expect(await result).toEqual({ a: 2 });
  });

  it('frees everything at once when it closes, and lets what runs end before', async () => {
    const own = bed();
    const slow = gate();
    const trace: string[] = [];
    const def = saga('order')
      .step('a', { run: () => slow.promise })
      .step('b', { run: () => void trace.push('b') });
    const here = own.runner([def]);
    const handle = await here.start(def, undefined, { id: 'x' });
    const result = handle.result();
    const closing = here.close({ graceMs: 1000 });
    await own.pass(500);
    slow.open();
    await closing;
    await expect(result).rejects.toThrow(LeaseLostError);
    expect(trace).toEqual([]);
    const [taken] = await own.runner([def]).recover();
    await taken!.result();
    expect([trace, (await own.store.get(['x']))[0]!.recoveries]).toEqual([['b'], 0]);
    await expect(here.start(def, undefined)).rejects.toThrow(LeaseLostError);
  });

  it('closes after `graceMs` though a step goes on, and leaves no timer', async () => {
    const own = bed();
    const def = saga('order').step('a', { run: () => never() });
    const runner = own.runner([def]);
    await runner.start(def, undefined, { id: 'x' });
    const working = runner.work();
    const closing = runner.close({ graceMs: 1000 });
    await own.pass(999);
    expect((await outcomeOf(closing)).state).toBe('pending');
    await own.pass(1);
    await closing;
    await working;
    expect(own.clock.pendingTimers).toBe(0);
    expect((await own.runner([def]).recover()).length).toBe(1);
  });
});
