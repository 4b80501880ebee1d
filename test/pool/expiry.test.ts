import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../src/testing/index.ts';
import { setup } from './kit.ts';

describe('expiry', () => {
  it('a resource is not lent after its lifetime, by the clock and not by a timer; one on loan retires on return', async () => {
    const { pool, clock, ends } = setup({ maxLifetimeMs: 1_000 });
    (await pool.acquire()).release();
    clock.stall(999);
    const lease = await pool.acquire();
    expect(lease.resource.id).toBe(0);
    clock.stall(5_000);
    lease.release();
    expect(ends()).toEqual(['0:lifetime']);
    (await pool.acquire()).release();
    clock.stall(1_000);
    expect((await pool.acquire()).resource.id).toBe(2);
  });

  it('each lifetime is drawn once, between `1 - maxLifetimeJitter` and 1 times `maxLifetimeMs`', async () => {
    const lived = new Map<number, number>();
    const { pool, clock } = setup({
      max: 50,
      maxLifetimeMs: 1_000,
      maxLifetimeJitter: 0.2,
      random: createSeededRandom(3),
      destroy: ({ id }) => void lived.set(id, clock.now() - 5_000),
    });
    const leases = await Promise.all(Array.from({ length: 50 }, () => pool.acquire()));
    for (const lease of leases) lease.release();
    for (let k = 0; k < 100; k++) {
      // Use does not draw again: the first to expire expires first.
      pool.tryAcquire()?.release();
      await clock.advance(10);
    }
    expect(lived.size).toBe(50);
    const times = [...lived.values()];
    expect(Math.min(...times)).toBeGreaterThanOrEqual(800);
    expect(Math.max(...times)).toBeLessThanOrEqual(1_000);
    expect(new Set(times).size).toBeGreaterThan(25);
  });

  it('a resource is destroyed after `maxUses` loans', async () => {
    const { pool, ends } = setup({ maxUses: 2 });
    const ids: number[] = [];
    for (let k = 0; k < 5; k++) ids.push(await pool.use(({ id }) => id));
    expect(ids).toEqual([0, 0, 1, 1, 2]);
    expect(ends()).toEqual(['0:uses', '1:uses']);
  });

  it('idle resources are destroyed after `idleTimeoutMs`, down to `min`, the longest idle first', async () => {
    const { pool, clock, ends } = setup({ max: 5, min: 2, idleTimeoutMs: 100 });
    const leases = await Promise.all(Array.from({ length: 5 }, () => pool.acquire()));
    for (const lease of leases) {
      lease.release();
      await clock.advance(10);
    }
    await clock.advance(300);
    expect(ends()).toEqual(['0:idle', '1:idle', '2:idle']);
    expect(pool.stats().idle).toBe(2);
    expect(clock.pendingTimers).toBe(0);
    (await pool.acquire()).release();
    expect(pool.stats().created).toBe(5);
  });

  it('`minIdle` resources stay idle, however idle they are', async () => {
    const { pool, clock, ends } = setup({ max: 5, minIdle: 2, idleTimeoutMs: 100 });
    const leases = await Promise.all(Array.from({ length: 4 }, () => pool.acquire()));
    for (const lease of leases) lease.release();
    await clock.advance(100);
    expect(pool.stats()).toMatchObject({ idle: 2, size: 2 });
    expect(ends().every((end) => end.endsWith(':idle'))).toBe(true);
    const left = ends().length;
    await clock.advance(10_000);
    expect(ends()).toHaveLength(left);
    expect(await pool.use(({ id }) => id)).toBeLessThan(6);
    expect(ends()).toHaveLength(left);
  });

  it('what `min` keeps is lent however idle it is', async () => {
    const { pool, clock } = setup({ max: 5, min: 2, idleTimeoutMs: 100 });
    await pool.warm();
    await clock.advance(5_000);
    expect((await pool.acquire()).resource.id).toBeLessThan(2);
    expect(pool.stats()).toMatchObject({ created: 2, destroyed: 0 });
  });

  it('an idle timeout that passed while the process was frozen counts on the next borrow', async () => {
    const { pool, clock, ends } = setup({ idleTimeoutMs: 100 });
    (await pool.acquire()).release();
    clock.stall(100);
    expect((await pool.acquire()).resource.id).toBe(1);
    expect(ends()).toEqual(['0:idle']);
  });

  it('a clock that is set back ages nothing', async () => {
    const { pool, clock } = setup({ idleTimeoutMs: 100, maxLifetimeMs: 200 }, 10_000);
    (await pool.acquire()).release();
    clock.setNow(0);
    expect((await pool.acquire()).resource.id).toBe(0);
  });

  it('reads no clock where no option needs it', async () => {
    const validate = (): boolean => true;
    for (const options of [
      {},
      { maxUses: 100 },
      { validate, validateAfterIdleMs: 0 },
      { validate, validateAfterIdleMs: Infinity },
    ]) {
      let reads = 0;
      const { pool, clock } = setup(options);
      const { now } = clock;
      clock.now = () => {
        reads++;
        return now.call(clock);
      };
      (await pool.acquire()).release();
      const before = reads;
      for (let k = 0; k < 10; k++) (await pool.acquire()).release();
      expect(reads).toBe(before);
    }
  });

  it('looks at no more than a hundred resources per millisecond, however their times are spread', async () => {
    let chance = 0;
    const { pool, clock } = setup({
      max: 1_000,
      maxLifetimeMs: 1_000,
      maxLifetimeJitter: 1,
      random: () => (chance += 0.0005),
    });
    await pool.warm(1_000);
    let looks = 0;
    for (;;) {
      const { nextTimerMs } = clock;
      if (nextTimerMs === undefined) break;
      looks++;
      await clock.advance(nextTimerMs);
    }
    expect(pool.stats()).toMatchObject({ idle: 0, destroyed: 1_000 });
    // A thousand different ends within 500 ms: 10 ms apart at first, and sooner as fewer are left.
    expect(looks).toBeLessThan(200);
  });
});
