import { describe, expect, it } from 'vitest';
import type { Saga, SagaStore, StepContext } from '../../src/saga/index.ts';
import { SagaRefusal, saga } from '../../src/saga/index.ts';
import { gate } from '../support/gate.ts';
import { LEASE_MS, bed, broken, never, storeOf } from './kit.ts';
import type { Bed, Fate, Life } from './kit.ts';

describe('a stuck saga', () => {
  it('can be retried again where the answer to the first retry was lost', async () => {
    const own = bed();
    let fate: Fate;
    const store = storeOf(own.store, { isDead: false }, (verb, after) =>
      verb === 'claim' && !after ? fate : undefined,
    );
    let isBroken = true;
    const def = saga('order').step('a', {
      kind: 'retriable',
      retry: { maxAttempts: 1 },
      run: () => {
        if (isBroken) throw broken();
        return 'done';
      },
    });
    const runner = own.runner([def], { store });
    await expect((await runner.start(def, undefined, { id: 'x' })).result()).rejects.toMatchObject({ step: 'a' });
    isBroken = false;
    fate = 'lose';
    await expect(runner.retry('x')).rejects.toThrow('the answer is lost');
    fate = undefined;
    const [first, second] = await Promise.all([runner.retry('x'), runner.retry('x')]);
    expect([first, second]).toEqual([true, false]);
    expect(await runner.handle('x').result()).toEqual({ a: 'done' });
  });
});

describe('a stuck saga that went on past what is broken', () => {
  it('goes on with that alone when it is retried, and ends as undone', async () => {
    const own = bed();
    const trace: string[] = [];
    let isBroken = true;
    const undo = (name: string) => (): void => {
      trace.push(name);
      if (name === 'b' && isBroken) throw new Error('broken');
    };
    const def = saga('order')
      .step('a', { run: () => 1, compensate: undo('a') })
      .step('b', {
        run: () => 2,
        compensate: undo('b'),
        onExhausted: 'continue',
        compensationRetry: { maxAttempts: 1 },
      })
      .step('c', { run: () => 3, compensate: undo('c') })
      .step('d', {
        run: () => {
          throw new SagaRefusal('no');
        },
      });
    const runner = own.runner([def]);
    const handle = await runner.start(def, undefined, { id: 'x' });
    await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_SAGA_STUCK', step: 'b' });
    expect(trace).toEqual(['c', 'b', 'a']);
    isBroken = false;
    expect(await runner.retry('x')).toBe(true);
    await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED', step: 'd' });
    expect(trace).toEqual(['c', 'b', 'a', 'b']);
  });
});

describe('a saga of which a step meets the error of another runner', () => {
  it('is undone as by any other error, and is not taken for lost', async () => {
    const own = bed();
    const undone: unknown[] = [];
    const other = own.runner([]);
    await other.close();
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void undone.push('a') })
      .step('b', {
        run: async () => {
          await other.get('y');
        },
        // It may have asked for something before it was closed.
        compensate: ({ outcome }) => void undone.push(outcome),
      });
    const handle = await own.runner([def]).start(def, undefined);
    await expect(handle.result()).rejects.toMatchObject({ step: 'b', cause: { code: 'ERR_SAGA_LEASE_LOST' } });
    await expect(def.run()).rejects.toMatchObject({ step: 'b', cause: { code: 'ERR_SAGA_LEASE_LOST' } });
    expect(undone).toEqual(['unknown', 'a', 'unknown', 'a']);
  });

  it('waits for its runs before it is undone, also where that error aborted it', async () => {
    const own = bed();
    const trace: string[] = [];
    const slow = gate();
    const controller = new AbortController();
    const other = own.runner([]);
    await other.close();
    const reason: unknown = await other.get('y').catch((error: unknown) => error);
    const def = saga('order')
      .step('a', { run: () => 1, compensate: () => void trace.push('undo a') })
      .step('b', { run: () => slow.promise.then(() => void trace.push('b')) });
    const running = def.run(undefined, { clock: own.clock, signal: controller.signal });
    running.catch(() => undefined);
    await own.pass(1);
    controller.abort(reason);
    await own.pass(1000);
    expect(trace).toEqual([]);
    slow.open();
    await own.pass(1);
    await expect(running).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    expect(trace).toEqual(['b', 'undo a']);
  });
});

describe('a cancellation', () => {
  it('that came before the end counts, also where the last step completes after all, and over a crash', async () => {
    const own = bed();
    const undone: string[] = [];
    const slow = gate();
    let lives = 0;
    const life: Life = { isDead: false };
    const def = saga('order').step('a', {
      run: () => slow.promise,
      compensate: () => {
        undone.push(`life ${++lives}`);
        if (lives > 1) return;
        life.isDead = true;
        return never();
      },
    });
    const runner = own.runner([def], { store: storeOf(own.store, life) });
    await runner.start(def, undefined, { id: 'x' });
    await own.pass(10);
    expect(await runner.cancel('x', 'why')).toBe(true);
    slow.open();
    await own.pass(LEASE_MS);
    const [handle] = await own.runner([def]).recover();
    await expect(handle!.result()).rejects.toMatchObject({ step: '', cause: { code: 'ERR_SAGA_CANCELLED' } });
    expect(undone).toEqual(['life 1', 'life 2']);
  });
});

describe('a step that is about to begin', () => {
  it('does not begin where the saga is cancelled while what came before is stored', async () => {
    const own = bed();
    const slow = gate();
    const calls: string[] = [];
    const store = new Proxy(storeOf(own.store, { isDead: false }), {
      get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
        if (verb !== 'write') return target[verb];
        return async (...args: Parameters<SagaStore['write']>) => {
          await slow.promise;
          return target.write(...args);
        };
      },
    });
    const def = saga('order')
      .step('a', { run: () => void calls.push('a'), compensate: () => void calls.push('undo a') })
      .step('b', { run: () => calls.push('b') && never() });
    const runner = own.runner([def], { store });
    const handle = await runner.start(def, undefined, { id: 'x' });
    const result = handle.result();
    result.catch(() => undefined);
    await own.pass(10);
    await runner.cancel('x', 'why');
    slow.open();
    await own.pass(10);
    await expect(result).rejects.toMatchObject({ cause: { reason: 'why' } });
    expect(calls).toEqual(['a', 'undo a']);
  });
});

describe('a saga that comes back to its process under a new lease', () => {
  it('stays known there when the call of the store that the old lease was in the middle of ends at last', async () => {
    const own = bed();
    const slow = gate();
    let isCut = false;
    let calls = 0;
    const store = new Proxy(
      storeOf(own.store, { isDead: false }, (verb) => (isCut && verb === 'renew' ? 'refuse' : undefined)),
      {
        get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
          if (verb !== 'atomic') return target[verb];
          return async (...args: Parameters<NonNullable<SagaStore['atomic']>>) => {
            if (calls++ === 0) await slow.promise;
            return target.atomic!(...args);
          };
        },
      },
    );
    const def = saga('order')
      .step('a', { atomic: true, run: () => 1 })
      .step('b', {
        run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      });
    const runner = own.runner([def], { store });
    const handle = await runner.start(def, undefined, { id: 'x' });
    const result = handle.result();
    result.catch(() => undefined);
    await own.pass(10);
    isCut = true;
    await own.pass(LEASE_MS);
    isCut = false;
    await own.pass(3000);
    expect(own.events.filter(({ type }) => type !== 'store-fault').map(({ type }) => type)).toEqual([
      'started',
      'resumed',
    ]);
    slow.open();
    await own.pass(10);
    expect(own.events.at(-1)!.type).toBe('lost');
    expect(await runner.cancel('x', 'why')).toBe(true);
    await own.pass(10);
    await expect(result).rejects.toMatchObject({ cause: { code: 'ERR_SAGA_CANCELLED', reason: 'why' } });
  });
});

describe('a lease', () => {
  const abortTimes = (own: Bed): { readonly def: Saga<unknown, unknown>; readonly at: number[] } => {
    const at: number[] = [];
    const run = ({ signal }: StepContext<unknown, unknown>): Promise<never> => {
      signal.addEventListener('abort', () => at.push(own.clock.now()));
      return never();
    };
    return { def: saga<unknown>('order').step('a', { run }) as Saga<unknown, unknown>, at };
  };

  it('ends with the heartbeat that learns of its end', async () => {
    const own = bed();
    const { def, at } = abortTimes(own);
    await own.runner([def]).start(def, 1, { id: 'x' });
    await own.pass(1000);
    await own.store.retire((await own.store.get(['x']))[0]!.worker!);
    await own.pass(LEASE_MS / 3);
    expect(at).toEqual([LEASE_MS / 3]);
  });

  it('lasts from when its renewal was sent, however late the answer comes', async () => {
    const own = bed();
    const { def, at } = abortTimes(own);
    let renewals = 0;
    const slow = gate();
    const store = new Proxy(own.store, {
      get: (target, verb: Exclude<keyof SagaStore, symbol | number>) => {
        if (verb !== 'renew') return (target[verb] as () => void)?.bind(target);
        return async (...args: Parameters<SagaStore['renew']>) => {
          if (renewals++ > 0) throw new Error('down');
          const news = await target.renew(...args);
          await slow.promise;
          return news;
        };
      },
    });
    await own.runner([def], { store }).start(def, 1, { id: 'x' });
    await own.pass((5 / 6) * LEASE_MS);
    slow.open();
    await own.pass(LEASE_MS);
    expect(at[0]).toBe((4 / 3) * LEASE_MS);
  });
});
