import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PoolLeak } from '../../src/pool/index.ts';
import type { Thing } from './kit.ts';
import { setup, stateOf, watchReports } from './kit.ts';

afterEach(() => vi.unstubAllGlobals());

describe('leaks', () => {
  it('a loan of `leakThresholdMs` is reported once, with the stack of the one who acquired, and may still come back', async () => {
    const leaks: PoolLeak<Thing>[] = [];
    const { pool, clock, events } = setup({ max: 2, leakThresholdMs: 1_000, onLeak: (leak) => void leaks.push(leak) });
    async function carelessBorrower(): Promise<() => void> {
      const lease = await pool.acquire();
      return () => lease.release();
    }
    const giveBack = await carelessBorrower();
    expect(clock.nextTimerMs).toBe(1_000);
    await clock.advance(500);
    const other = await pool.acquire();
    await clock.advance(499);
    expect(leaks).toEqual([]);
    await clock.advance(1);
    expect(leaks).toHaveLength(1);
    expect(leaks[0]).toMatchObject({ resource: { id: 0 }, heldMs: 1_000 });
    expect(leaks[0]!.stack).toContain('acquired here');
    expect(leaks[0]!.stack).toContain('carelessBorrower');
    other.release();
    await clock.advance(10_000);
    expect(leaks).toHaveLength(1);
    giveBack();
    expect(pool.stats()).toMatchObject({ leaked: 1, idle: 2, inUse: 0, doubleReleases: 0 });
    expect(events).toContainEqual(expect.objectContaining({ type: 'leak', heldMs: 1_000 }));
  });

  it('reports each loan in its own time, and none that a report has ended', async () => {
    const seen: string[] = [];
    const leases: { release(): void }[] = [];
    const { pool, clock } = setup({
      max: 4,
      leakThresholdMs: 1_000,
      onLeak: ({ resource }) => {
        seen.push(`${resource.id} at ${clock.now()}`);
        if (seen.length === 3) leases[3]!.release();
      },
    });
    leases.push(await pool.acquire());
    await clock.advance(400);
    leases.push(await pool.acquire());
    await clock.advance(400);
    leases.push(await pool.acquire(), await pool.acquire());
    await clock.advance(5_000);
    expect(seen).toEqual(['0 at 6000', '1 at 6400', '2 at 6800']);
    expect(pool.stats()).toMatchObject({ leaked: 3, inUse: 3 });
  });

  it('reports the stack of one who waited and of `use` and `tryAcquire` too', async () => {
    const stacks: string[] = [];
    const { pool, clock } = setup({ max: 1, leakThresholdMs: 100, onLeak: ({ stack }) => void stacks.push(stack) });
    const lease = await pool.acquire();
    const waited = ((): ReturnType<typeof pool.acquire> => pool.acquire())();
    lease.release();
    const held = await waited;
    await clock.advance(100);
    held.release();
    const tried = pool.tryAcquire();
    await clock.advance(100);
    tried?.release();
    void pool.use(() => new Promise(() => {}));
    await clock.advance(100);
    expect(stacks).toHaveLength(3);
    for (const stack of stacks) expect(stack).toContain('leaks.test');
  });

  it('with `reclaimLeaked` a leaked resource is destroyed, its lease ends and those who wait are served', async () => {
    const { pool, clock, ends } = setup({ max: 1, leakThresholdMs: 1_000, reclaimLeaked: true });
    const leaked = await pool.acquire();
    const next = pool.acquire();
    await clock.advance(1_000);
    expect(await stateOf(next)).toBe(1);
    expect(ends()).toEqual(['0:leaked']);
    expect(() => leaked.resource).toThrow();
    leaked.release();
    expect(pool.stats()).toMatchObject({ leaked: 1, doubleReleases: 1, inUse: 1 });
  });

  it('watching keeps nothing alive and takes no stack without the option', async () => {
    const unwatched = setup();
    await unwatched.pool.acquire();
    expect(unwatched.clock.pendingTimers).toBe(0);
  });
});

describe('callbacks', () => {
  it('no listener and no hook can break the pool; what they throw is reported', async () => {
    const reports = watchReports();
    const boom = (): never => {
      throw new Error('in a callback');
    };
    const { pool, clock } = setup({
      max: 1,
      onEvent: boom,
      onLeak: boom,
      leakThresholdMs: 10,
      isFatalCreateError: boom,
      random: boom,
      maxLifetimeMs: 1_000,
    });
    const lease = await pool.acquire();
    await clock.advance(10);
    lease.release();
    await pool.use(() => 1);
    await pool.close();
    expect(pool.stats()).toMatchObject({ size: 0, leaked: 1 });
    expect(reports.length).toBeGreaterThan(5);
  });

  it('an `isFatalCreateError` that throws rejects nobody', async () => {
    const reports = watchReports();
    const { pool, clock } = setup({
      create: () => Promise.reject(new Error('down')),
      isFatalCreateError: () => {
        throw new Error('in the hook');
      },
    });
    const wait = pool.acquire({ timeoutMs: 20 });
    wait.catch(() => {});
    await clock.advance(19);
    expect(await stateOf(wait)).toBe('pending');
    expect(reports).toHaveLength(1);
    await clock.advance(1);
    expect(await stateOf(wait)).toBe('ERR_POOL_TIMEOUT');
  });

  it('`onEvent` adds listeners and takes them away', async () => {
    const { pool } = setup();
    const seen: string[] = [];
    const stop = pool.onEvent(({ type }) => void seen.push(type));
    (await pool.acquire()).release();
    stop();
    stop();
    (await pool.acquire()).release();
    expect(seen).toEqual(['created', 'acquired', 'released']);
    expect(() => pool.onEvent(1 as never)).toThrow('listener must be a function');
  });

  it('factories and hooks run in the context of `runInContext`', async () => {
    let context = 'borrower';
    const seen: string[] = [];
    const see = (): boolean => seen.push(context) > 0;
    const { pool } = setup({
      runInContext: (fn) => {
        context = 'pool';
        try {
          return fn();
        } finally {
          context = 'borrower';
        }
      },
      create: () => ({ id: Number(see()), ends: [] }),
      validate: see,
      validateAfterIdleMs: 0,
      reset: () => void see(),
      destroy: () => void see(),
    });
    (await pool.acquire()).release();
    await pool.use(() => expect(context).toBe('borrower'));
    await pool.close();
    expect(seen).toEqual(['pool', 'pool', 'pool', 'pool', 'pool']);
  });
});
