import { describe, expect, it } from 'vitest';
import type { Saga, SagaStore } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import type { Life } from './kit.ts';
import { LEASE_MS, bed, broken, dying, never, storeOf } from './kit.ts';

type Open = Saga<unknown, unknown>;

describe('a log', () => {
  it('keeps the outcome of a step unknown while nobody owns the saga, whatever the next attempt says', async () => {
    const own = bed();
    const outcomes: string[] = [];
    const def = saga('order').step('a', {
      run: ({ attempt }) => {
        if (attempt === 1) throw broken();
        throw new SagaRefusal('no');
      },
      // Longer than `pollMs`, so the saga is let go of, and what is known of it is what was stored.
      retry: { baseDelayMs: 5000, jitter: 'none' },
      compensate: ({ outcome }) => void outcomes.push(outcome),
    });
    const handle = await own.runner([def]).start(def, undefined, { id: 'x' });
    handle.result().catch(() => undefined);
    await own.pass(7000);
    expect(own.events.map(({ type }) => type)).toEqual(['started', 'waiting', 'resumed', 'compensated']);
    expect(outcomes).toEqual(['unknown']);
  });

  it('gives a step that is retried by hand as many attempts as it had, with numbers that go on', async () => {
    const own = bed();
    const attempts: number[] = [];
    const def = saga('order').step('a', {
      kind: 'retriable',
      run: ({ attempt }) => {
        attempts.push(attempt);
        throw new Error('no');
      },
      retry: { maxAttempts: 3, baseDelayMs: 0 },
    });
    const runner = own.runner([def]);
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    expect(attempts).toEqual([1, 2, 3]);
    expect(await runner.retry('x')).toBe(true);
    await own.pass(10);
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('has what branches did, and what undid them, as each of them ends', async () => {
    for (const isUndoing of [false, true]) {
      const own = bed();
      const calls: string[] = [];
      const define = (life: Life): Open => {
        const die = (name: string): unknown => {
          calls.push(name);
          if (name.endsWith('b') && !life.isDead && calls.filter((call) => call === name).length === 1) {
            // Once the other one has been stored.
            return own.clock.advance(5).then(() => {
              life.isDead = true;
              return never();
            });
          }
          return undefined;
        };
        const branch = (name: string) => ({
          run: () => (isUndoing ? name : die(name)),
          compensate: async () => void (await die(`undo ${name}`)),
        });
        const group = saga<unknown>('order').parallel(
          'p',
          { a: branch('a'), b: branch('b') },
          { compensation: 'parallel' },
        );
        return group.step('last', {
          run: () => {
            if (isUndoing) throw new SagaRefusal('no');
          },
        }) as Open;
      };
      await dying(own, define, 'x');
      await own.pass(LEASE_MS);
      const [handle] = await own.runner([define({ isDead: false })]).recover();
      await handle!.result().catch(() => undefined);
      expect(calls).toEqual(isUndoing ? ['undo a', 'undo b', 'undo b'] : ['a', 'b', 'b']);
    }
  });

  it('says of an atomic step that a crash cut off nothing, as it did nothing, and it is not undone', async () => {
    const own = bed();
    let undone = 0;
    const define = (life: Life): Open =>
      saga<unknown>('order').step('a', {
        atomic: true,
        run: ({ attempt }) => {
          if (attempt > 1) throw new SagaRefusal('no');
          life.isDead = true;
          return never();
        },
        compensate: () => void undone++,
      }) as Open;
    await dying(own, define, 'x');
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([define({ isDead: false })]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect(undone).toBe(0);
    expect((await own.store.load('x'))!.log.map(({ type }) => type)).toEqual(['failed', 'compensating']);
  });

  it('has what an atomic step emits once, though its transaction was done again', async () => {
    const own = bed();
    let faults = 2;
    const store = new Proxy(storeOf(own.store, { isDead: false }), {
      get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
        if (verb !== 'atomic') return target[verb];
        return (...[worker, at, fn]: Parameters<NonNullable<SagaStore['atomic']>>) =>
          target.atomic!(worker, at, async (tx) => {
            const write = await fn(tx);
            if (faults-- > 0) throw new Error('rolled back');
            return write;
          });
      },
    });
    const def = saga('order').step('a', { atomic: true, run: (c) => c.emit('topic', c.attempt) });
    const handle = await own.runner([def], { store }).start(def, undefined, { id: 'x' });
    const result = handle.result();
    await own.pass(1000);
    await result;
    expect((await own.store.outbox!(10)).map(({ id, payload }) => [id, payload])).toEqual([['x/a/run/0', '1']]);
  });

  it('takes the time limit of an atomic step for its failure, not for a fault of the store', async () => {
    const own = bed();
    let calls = 0;
    const def = saga('order').step('a', {
      atomic: true,
      timeoutMs: 100,
      run: ({ signal }) => {
        calls++;
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const handle = await own.runner([def]).start(def, undefined);
    const result = handle.result();
    result.catch(() => undefined);
    await own.pass(5000);
    await expect(result).rejects.toMatchObject({ step: 'a', cause: { code: 'ERR_SAGA_STEP_TIMEOUT' } });
    expect(calls).toBe(1);
  });

  it('is asked for a value that it cannot keep once, whatever the step may retry', async () => {
    const own = bed();
    let calls = 0;
    const def = saga('order').step('a', {
      run: () => {
        calls++;
        return () => 1;
      },
      retry: { maxAttempts: 5, baseDelayMs: 0 },
    });
    const handle = await own.runner([def]).start(def, undefined);
    await expect(handle.result()).rejects.toMatchObject({ cause: { code: 'ERR_SAGA_SERIALIZATION', path: 'a' } });
    expect(calls).toBe(1);
  });

  it('tells what events and crashes did to a saga, forwards and backwards', async () => {
    const own = bed();
    const define = (life: Life): Open =>
      saga<unknown>('order')
        .event('paid')
        .step('a', {
          run: () => 1,
          compensate: ({ attempt }) => {
            if (attempt > 1) return undefined;
            life.isDead = true;
            return never<void>();
          },
        })
        .event('sent', { timeoutMs: 500 }) as unknown as Open;
    const life: Life = { isDead: false };
    const def = define(life);
    const first = own.runner([def], { store: storeOf(own.store, life) });
    await first.start(def, 1, { id: 'x' });
    await first.signal('x', 'paid', 5);
    void first.work();
    await own.pass(3000);
    expect(life.isDead).toBe(true);
    await own.pass(LEASE_MS);
    await own.runner([define({ isDead: false })]).recover();
    await own.pass(10);
    const log = (await own.store.load('x'))!.log.map(({ type, path, attempt }) => `${type} ${path} ${attempt}`);
    expect(log.filter((line) => !line.startsWith('waiting paid'))).toEqual([
      'completed paid 0',
      'completed a 1',
      'waiting sent 0',
      'failed sent 1',
      'compensating sent 0',
      'compensation-failed a 1',
      'compensated a 2',
    ]);
    expect((await own.store.get(['x']))[0]!.status).toBe('compensated');
  });

  it('names what a step emits that cannot be kept', async () => {
    const own = bed();
    const def = saga('order').step('a', { run: ({ emit }) => emit('topic', () => 1) });
    const handle = await own.runner([def]).start(def, undefined);
    await expect(handle.result()).rejects.toMatchObject({ cause: { path: 'a topic' } });
  });

  it('takes a connection that broke within an atomic step for a fault of the store, and every other error for the step’s', async () => {
    for (const [error, isFault] of [
      [broken(), true],
      [new Error('Connection terminated unexpectedly'), true],
      [new Error('no Connection terminated'), false],
      [undefined, false],
    ] as const) {
      const own = bed();
      const attempts: number[] = [];
      const def = saga('order').step('a', {
        atomic: true,
        run: ({ attempt }) => {
          attempts.push(attempt);
          if (attempts.length === 1) throw error;
          return 1;
        },
      });
      const handle = await own.runner([def]).start(def, undefined);
      const result = handle.result();
      result.catch(() => {});
      await own.pass(100);
      if (isFault) expect(await result).toEqual({ a: 1 });
      else await expect(result).rejects.toMatchObject({ step: 'a', cause: error });
      expect(attempts).toEqual(isFault ? [1, 1] : [1]);
    }
  });
});
