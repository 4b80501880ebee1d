import { describe, expect, it } from 'vitest';
import type { Lease, PoolOptions } from '../../src/pool/index.ts';
import { flush } from '../support/gate.ts';
import { setup, sleep, thing } from './kit.ts';
import type { Setup, Thing } from './kit.ts';

/** A connect of 80 ms is watched in ticks of 10 ms. */
const CONNECT_MS = 80;
const TICK_MS = 10;

interface Busy extends Setup {
  /** As so many returns to those who wait, in one tick, which then ends. */
  tick(handOffs: number): Promise<void>;
}

/** A pool whose only resource is on loan while `waiting` wait without a deadline, from one tick to the next. */
async function busy(waiting: number, options: Partial<PoolOptions<Thing>> = {}): Promise<Busy> {
  const made: Thing[] = [];
  const one = setup({
    max: 200,
    acquireTimeoutMs: Infinity,
    createTimeoutMs: Infinity,
    create: async () => {
      await sleep(one.clock, CONNECT_MS);
      return thing(made);
    },
    ...options,
  });
  const { pool, clock } = one;
  const lent: Lease<Thing>[] = [];
  const borrow = (): void =>
    void pool.acquire().then(
      (lease) => lent.push(lease),
      () => {},
    );
  borrow();
  await clock.advance(CONNECT_MS);
  for (let k = 0; k < waiting; k++) borrow();
  const tick: Busy['tick'] = async (handOffs) => {
    for (let k = 0; k < handOffs; k++) {
      lent.shift()!.release();
      await flush();
    }
    await clock.advance(TICK_MS);
  };
  return { ...one, tick };
}

describe('the pace of growth', () => {
  it('is judged after an eighth of a connect', async () => {
    const { pool, clock } = await busy(5);
    expect(pool.stats().creating).toBe(1);
    await clock.advance(TICK_MS - 1);
    expect(pool.stats().creating).toBe(1);
    await clock.advance(1);
    expect(pool.stats().creating).toBe(5);
  });

  it('follows connects that become slower, by a third of the difference', async () => {
    const times = [100, 200, 1_000];
    const { pool, clock } = setup({
      max: 9,
      create: async () => {
        await sleep(clock, times.shift()!);
        return { id: 0, ends: [] };
      },
    });
    for (let k = 0; k < 2; k++) {
      const warmed = pool.warm(k + 1);
      await clock.advance(200);
      await warmed;
    }
    await pool.acquire();
    await pool.acquire();
    for (let k = 0; k < 4; k++) void pool.acquire();
    // 100 + 0.3 x (200 - 100), an eighth of it.
    await clock.advance(16);
    expect(pool.stats().creating).toBe(1);
    times.push(1_000, 1_000, 1_000);
    await clock.advance(1);
    expect(pool.stats().creating).toBe(4);
  });

  it('is as many creates as leave no more in the line than a connect takes to serve', async () => {
    // 5 ms for each of the 28 who are left: 16 of them in 80 ms.
    const { pool, tick } = await busy(30);
    await tick(2);
    expect(pool.stats()).toMatchObject({ waiting: 28, creating: 28 - 16 });
  });

  it('goes by a mean of the hand-offs that follows the last ones slowly', async () => {
    const { pool, tick } = await busy(60);
    await tick(10);
    expect(pool.stats()).toMatchObject({ waiting: 50, creating: 1 });
    // 1 + 0.3 x (5 - 1) = 2.2 ms: 36 of 48 in 80 ms.
    await tick(2);
    expect(pool.stats()).toMatchObject({ waiting: 48, creating: 48 - 36 });
  });

  it('is all that are missing after a tick without a hand-off, however fast they were before', async () => {
    const { pool, tick } = await busy(60);
    await tick(10);
    await tick(0);
    expect(pool.stats()).toMatchObject({ waiting: 50, creating: 50 });
  });

  it('takes hand-offs after a stall for what they are', async () => {
    const { pool, tick } = await busy(90, { maxConcurrentCreates: 2 });
    await tick(0);
    expect(pool.stats()).toMatchObject({ creating: 2 });
    for (let k = 0; k < 7; k++) await tick(10);
    // The first create has ended; by now the line moves fast enough without another.
    expect(pool.stats()).toMatchObject({ waiting: 19, creating: 1, created: 2 });
  });

  it('is judged anew when nobody has waited for a while', async () => {
    const { pool, clock, tick } = await busy(2);
    await tick(0);
    expect(pool.stats()).toMatchObject({ creating: 2, waiting: 2 });
    await clock.advance(CONNECT_MS);
    expect(pool.stats()).toMatchObject({ waiting: 0, inUse: 3 });
    for (let k = 0; k < 5; k++) void pool.acquire();
    expect(pool.stats()).toMatchObject({ creating: 1, waiting: 5 });
  });

  it('counts no hand-off of what was just created', async () => {
    const made: Thing[] = [];
    let connectMs = CONNECT_MS;
    const { pool, clock } = setup({
      max: 200,
      acquireTimeoutMs: Infinity,
      maxConcurrentCreates: 2,
      create: async () => {
        await sleep(clock, connectMs);
        return thing(made);
      },
    });
    const warmed = pool.warm(1);
    await clock.advance(CONNECT_MS);
    await warmed;
    await pool.acquire();
    connectMs = TICK_MS - 1;
    for (let k = 0; k < 6; k++) void pool.acquire();
    expect(pool.stats().creating).toBe(1);
    // One was served by a create: nothing has come back, and that is a stall.
    await clock.advance(TICK_MS);
    expect(pool.stats()).toMatchObject({ creating: 2, created: 2, waiting: 5 });
  });

  it('knows no limit where a create takes no time', async () => {
    const made: Thing[] = [];
    const { pool } = setup({ max: 9, create: async () => thing(made) });
    await pool.acquire();
    const waits = Array.from({ length: 5 }, () => pool.acquire());
    expect(pool.stats()).toMatchObject({ creating: 5, waiting: 5 });
    await Promise.all(waits);
  });
});

describe('the timer of ticks', () => {
  it('is set only while creates are missing that there is room for', async () => {
    const { pool, clock } = await busy(1);
    // The create alone: it is under way for the one who waits.
    expect(clock.pendingTimers).toBe(1);
    const more = pool.acquire();
    expect(clock.pendingTimers).toBe(2);
    void pool.close();
    await more.catch(() => {});
    expect(clock.pendingTimers).toBe(1);
  });

  it('goes as soon as nobody waits', async () => {
    const { pool, clock } = await busy(0);
    const first = pool.acquire();
    await clock.advance(CONNECT_MS);
    const waits = [pool.acquire(), pool.acquire()];
    expect(clock.pendingTimers).toBe(2);
    (await first).release();
    for (const wait of waits) (await wait).release();
    expect(clock.pendingTimers).toBe(1);
  });

  it('is none where growth is eager', async () => {
    const { pool, clock } = await busy(3, { growth: 'eager', maxConcurrentCreates: 1 });
    expect(pool.stats()).toMatchObject({ creating: 1, waiting: 3 });
    expect(clock.pendingTimers).toBe(1);
  });

  it('is none while a test is under way for the one who waits', async () => {
    const { pool, clock } = await busy(0, {
      validate: () => new Promise(() => {}),
      validateAfterIdleMs: 0,
      validateTimeoutMs: Infinity,
    });
    const second = pool.acquire();
    await clock.advance(CONNECT_MS);
    (await second).release();
    void pool.acquire();
    expect(pool.stats()).toMatchObject({ testing: 1, creating: 0, waiting: 1 });
    expect(clock.pendingTimers).toBe(0);
  });
});
