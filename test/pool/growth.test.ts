import { describe, expect, it } from 'vitest';
import { createPool } from '../../src/pool/index.ts';
import type { Pool, PoolOptions } from '../../src/pool/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { outcomeOf } from '../support/gate.ts';
import { sleep } from './kit.ts';

const CONNECT_MS = 150;

interface Spike {
  readonly created: number;
  readonly lastServedMs: number;
}

function slowPool(clock: VirtualClock, options: Partial<PoolOptions<object>> = {}): Pool<object> {
  return createPool<object>({
    create: async () => {
      await sleep(clock, CONNECT_MS);
      return {};
    },
    max: 50,
    clock,
    ...options,
  });
}

/** `count` requests at once, each holding a resource for `holdMs`, on a pool with 5 idle ones. */
async function spike(holdMs: number, options: Partial<PoolOptions<object>> = {}, count = 50): Promise<Spike> {
  const clock = createVirtualClock();
  const pool = slowPool(clock, options);
  const warmed = pool.warm(5);
  await clock.advance(CONNECT_MS);
  await warmed;
  const startMs = clock.now();
  let lastServedMs = 0;
  const all = Array.from({ length: count }, () =>
    pool.use(async () => {
      lastServedMs = clock.now() - startMs;
      await sleep(clock, holdMs);
    }),
  );
  await clock.advance(30_000);
  await Promise.all(all);
  return { created: pool.stats().created, lastServedMs };
}

describe('adaptive growth', () => {
  it('a spike of short loans on a warm pool is served by returns, with 2 new resources at most', async () => {
    const { created, lastServedMs } = await spike(2);
    expect(created - 5).toBeLessThanOrEqual(2);
    expect(lastServedMs).toBeLessThanOrEqual(22);
  });

  it('a long line that moves fast opens no more than a short one', async () => {
    const { created, lastServedMs } = await spike(2, {}, 200);
    expect(created - 5).toBeLessThanOrEqual(2);
    expect(lastServedMs).toBeLessThanOrEqual(2 * (200 / 5));
  });

  it('one create is under way at once for those who wait, and the others when nothing was handed on for 25 ms', async () => {
    const clock = createVirtualClock();
    const pool = createPool<object>({
      create: async () => {
        await sleep(clock, 1_000);
        return {};
      },
      max: 20,
      clock,
    });
    const warmed = pool.warm(1);
    await clock.advance(1_000);
    await warmed;
    await pool.acquire();
    for (let k = 0; k < 10; k++) void pool.acquire();
    expect(pool.stats().creating).toBe(1);
    await clock.advance(24);
    expect(pool.stats().creating).toBe(1);
    await clock.advance(1);
    expect(pool.stats().creating).toBe(10);
  });

  it('sets no timer to grow where there is no room', async () => {
    const clock = createVirtualClock();
    const pool = slowPool(clock, { max: 1 });
    const first = pool.acquire();
    await clock.advance(CONNECT_MS);
    await first;
    void pool.acquire({ timeoutMs: Infinity });
    await clock.advance(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('long loans are served within one and a half connect times, not one connect after the other', async () => {
    expect((await spike(1_000)).lastServedMs).toBeLessThanOrEqual(1.5 * CONNECT_MS);
  });

  it('creates more when hand-offs are steady but too slow for those who wait', async () => {
    // A hand-off each 4 ms is no stall, but 45 of them take longer than a connect.
    const slow = await spike(20);
    expect(slow.created).toBeGreaterThan(5 + 2);
    expect(slow.lastServedMs).toBeLessThan(200);
  });

  it('an empty pool creates one resource for each who waits, all at once', async () => {
    const clock = createVirtualClock();
    const pool = slowPool(clock, { max: 10 });
    const all = Array.from({ length: 12 }, () => pool.acquire());
    expect(pool.stats()).toMatchObject({ creating: 10, waiting: 12 });
    await clock.advance(CONNECT_MS);
    (await all[0]!).release();
    expect(pool.stats()).toMatchObject({ inUse: 10, waiting: 1 });
    (await all[1]!).release();
    for (const lease of await Promise.all(all)) lease.release();
    // Now the pool knows how long a connect takes; an empty one has no hand-offs to wait for all the same.
    pool.clear();
    for (let k = 0; k < 7; k++) void pool.acquire();
    expect(pool.stats()).toMatchObject({ creating: 7, waiting: 7 });
  });

  it('leaves no timer when nobody waits', async () => {
    const clock = createVirtualClock();
    const pool = slowPool(clock, { max: 10 });
    const warmed = pool.warm(1);
    await clock.advance(CONNECT_MS);
    await warmed;
    const [lease, next] = [await pool.acquire(), pool.acquire()];
    lease.release();
    (await next).release();
    await clock.advance(CONNECT_MS);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('eager growth', () => {
  it('with `growth: eager` there is a create for each who waits', async () => {
    expect((await spike(2, { growth: 'eager' })).created).toBe(50);
  });

  it('`maxConcurrentCreates` bounds the creates in flight', async () => {
    const clock = createVirtualClock();
    const pool = slowPool(clock, { growth: 'eager', maxConcurrentCreates: 3 });
    const all = Array.from({ length: 7 }, () => pool.acquire());
    expect(pool.stats().creating).toBe(3);
    await clock.advance(CONNECT_MS);
    expect(pool.stats()).toMatchObject({ creating: 3, inUse: 3 });
    await clock.advance(2 * CONNECT_MS);
    await Promise.all(all);
  });
});

describe('warm, min and minIdle', () => {
  it('a new pool does nothing before its first use; then `min` and `minIdle` are kept up', async () => {
    const clock = createVirtualClock();
    const pool = slowPool(clock, { min: 3, minIdle: 2 });
    await clock.advance(10_000);
    expect(pool.stats().size).toBe(0);
    const warmed = pool.warm();
    await clock.advance(CONNECT_MS);
    await warmed;
    expect(pool.stats()).toMatchObject({ idle: 3 });
    const leases = [await pool.acquire(), await pool.acquire()];
    await pool.acquire();
    await clock.advance(CONNECT_MS);
    expect(pool.stats()).toMatchObject({ inUse: 3, idle: 2 });
    leases[0]?.destroy();
    await clock.advance(CONNECT_MS);
    expect(pool.stats().idle + pool.stats().creating).toBeGreaterThanOrEqual(2);
  });

  it('neither `clear` nor `resize` is a use', async () => {
    const clock = createVirtualClock();
    const pool = slowPool(clock, { min: 3, minIdle: 2 });
    pool.clear();
    pool.resize({ max: 8 });
    expect(pool.stats().size).toBe(0);
  });

  it('keeps `min` resources, whatever becomes of those there were', async () => {
    const pool = createPool<object>({ create: () => ({}), min: 2 });
    const lease = await pool.acquire();
    expect(pool.stats()).toMatchObject({ inUse: 1, idle: 1 });
    lease.destroy();
    expect(pool.stats()).toMatchObject({ size: 2, idle: 2, created: 3 });
  });

  it('`warm` resolves when there are that many resources, and rejects at the first create that fails', async () => {
    let isDown = false;
    const clock = createVirtualClock();
    const pool = createPool<object>({
      create: async () => {
        await sleep(clock, 10);
        if (isDown) throw new Error('down');
        return {};
      },
      max: 5,
      clock,
    });
    const warmed = pool.warm(4);
    await clock.advance(10);
    await warmed;
    expect(pool.stats().idle).toBe(4);
    await pool.warm(2);
    isDown = true;
    const failed = pool.warm(5).catch((error: unknown) => error);
    await clock.advance(10);
    expect(await failed).toMatchObject({ code: 'ERR_POOL_CREATE', cause: { message: 'down' } });
    await expect(pool.warm(6)).rejects.toThrow(RangeError);
    await clock.advance(60_000);
    expect(pool.stats().size).toBe(4);
  });

  it('`warm` resolves at once when nothing is wanted, as it does by default without `min` and `minIdle`', async () => {
    const pool = createPool<object>({ create: () => ({}) });
    const warmed = pool.warm();
    expect((await outcomeOf(warmed)).state).toBe('fulfilled');
    expect((await outcomeOf(pool.warm(0))).state).toBe('fulfilled');
    expect(pool.stats()).toMatchObject({ created: 0 });
  });

  it('`warm` keeps nothing up that it has made', async () => {
    const pool = createPool<object>({ create: () => ({}) });
    await pool.warm(3);
    (await pool.acquire()).destroy();
    expect(pool.stats()).toMatchObject({ idle: 2, created: 3 });
  });

  it('makes any number of resources at once without running out of stack', async () => {
    const pool = createPool<object>({ create: () => ({}), max: 50_000 });
    await pool.warm(50_000);
    expect(pool.stats()).toMatchObject({ idle: 50_000 });
  });

  it('what was made before anybody wanted it ages from then on', async () => {
    const clock = createVirtualClock({ nowMs: 5_000 });
    const pool = createPool<object>({ create: () => ({}), idleTimeoutMs: 100, clock });
    await pool.warm(1);
    await clock.advance(99);
    expect(pool.stats().idle).toBe(1);
    await clock.advance(1);
    expect(pool.stats().idle).toBe(0);
  });
});
