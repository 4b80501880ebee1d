import { describe, expect, it } from 'vitest';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import type { CircuitBreaker } from '../../src/circuit-breaker/index.ts';
import { isRejection, pipeline, retry } from '../../src/policy/index.ts';
import { createKeyedPool } from '../../src/pool/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush } from '../support/gate.ts';
import { down, errorOf, gatedCreate, setup } from './kit.ts';
import type { Setup } from './kit.ts';

/** Calls through a retry and a circuit that opens at the first failure. */
function guardedBy({ pool, clock }: Setup): { call(): Promise<number>; circuit: CircuitBreaker } {
  const circuit = createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 60_000, clock });
  const policy = pipeline(retry({ maxAttempts: 3, clock }), circuit);
  return { call: () => policy.run(() => pool.use(({ id }) => id)), circuit };
}

const hang = (): Promise<never> => new Promise(() => {});

describe('rejections', () => {
  it('a full queue, a deadline that passes while others have the resources, and a closed pool are rejections: circuits do not count them and retries do not repeat them', async () => {
    const one = setup({ max: 1, maxWaiters: 1, acquireTimeoutMs: 10 });
    const { call, circuit } = guardedBy(one);
    const lease = await one.pool.acquire();
    const late = call();
    late.catch(() => {});
    await flush();
    const errors = [await errorOf(call())];
    await one.clock.advance(10);
    errors.push(await errorOf(late));
    lease.release();
    await one.pool.close();
    errors.push(await errorOf(call()));
    expect(errors).toMatchObject([
      { code: 'ERR_POOL_QUEUE_FULL' },
      { code: 'ERR_POOL_TIMEOUT' },
      { code: 'ERR_POOL_CLOSED' },
    ]);
    expect(errors.map((error) => (error as Error).message)).toEqual([
      'pool: too many wait: 1 in use, 0 idle, 0 creating, 1 waiting',
      'pool: timed out after 10 ms: 1 in use, 0 idle, 0 creating, 0 waiting',
      'pool is closed',
    ]);
    expect(errors.map(isRejection)).toEqual([true, true, true]);
    // The stack would be that of the pool, and taking it most of the cost.
    for (const error of errors) {
      expect((error as Error).stack ?? '').not.toContain('.ts:');
      expect(error).not.toHaveProperty('cause');
    }
    expect(one.pool.stats()).toMatchObject({ rejected: 2, timeouts: 1 });
    expect(circuit.state).toBe('closed');
  });

  it('while creates fail they have a `cause` and are failures, which open a circuit', async () => {
    const one = setup({ max: 1, maxWaiters: 0, create: () => Promise.reject(down), acquireTimeoutMs: 10 });
    const { circuit } = guardedBy(one);
    const late = one.pool.acquire();
    late.catch(() => {});
    await flush();
    const full = await errorOf(one.pool.acquire());
    await one.clock.advance(10);
    const errors = [full, await errorOf(late)];
    expect(errors).toMatchObject([
      { code: 'ERR_POOL_QUEUE_FULL', cause: down },
      { code: 'ERR_POOL_TIMEOUT', cause: down },
    ]);
    expect(errors.map(isRejection)).toEqual([false, false]);
    expect(await errorOf(circuit.run(() => Promise.reject(full)))).toBe(full);
    expect(circuit.state).toBe('open');
  });

  it('a deadline that passes while nothing has ever come of creates, tests and resets is a failure', async () => {
    const hangs: [Partial<Parameters<typeof setup>[0]>, string, string][] = [
      [{ create: hang }, 'ERR_POOL_CREATE_TIMEOUT', 'no create has ended yet'],
      [{ validate: hang, validateAfterIdleMs: 0 }, 'ERR_POOL_HOOK_TIMEOUT', 'no test or reset has ended yet'],
      [{ reset: hang }, 'ERR_POOL_HOOK_TIMEOUT', 'no test or reset has ended yet'],
    ];
    for (const [options, code, message] of hangs) {
      const { pool, clock } = setup({ max: 1, ...options });
      if (!options!.create) (await pool.acquire()).release();
      const late = pool.acquire({ timeoutMs: 10 });
      late.catch(() => {});
      await clock.advance(10);
      const error = await errorOf(late);
      expect(error).toMatchObject({ code: 'ERR_POOL_TIMEOUT', cause: { code, message } });
      expect(isRejection(error)).toBe(false);
    }
  });

  it('a create that is under way beside loans is no failure until it fails', async () => {
    const { create, finish, fail } = gatedCreate();
    const { pool, clock } = setup({ max: 2, create });
    const first = pool.acquire();
    await finish(0);
    await first;
    const causes: unknown[] = [];
    for (let k = 0; k < 2; k++) {
      const late = pool.acquire({ timeoutMs: 10 });
      late.catch(() => {});
      if (k === 1) await fail(1);
      await clock.advance(10);
      causes.push(((await errorOf(late)) as Error).cause);
    }
    expect(causes).toEqual([undefined, down]);
  });

  it('over all keys, one who gets no slot in time was turned away', async () => {
    const clock = createVirtualClock();
    const pool = createKeyedPool({ max: 1, clock, create: (key: string) => ({ key }) });
    await pool.acquire('a');
    const late = pool.acquire('b', { timeoutMs: 10 });
    late.catch(() => {});
    await clock.advance(10);
    expect(isRejection(await errorOf(late))).toBe(true);
  });
});
