import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/pool/index.ts';
import { createSeededRandom } from '../../src/testing/index.ts';
import { flush, gate } from '../support/gate.ts';
import type { Thing } from './kit.ts';
import { down, setup, stateOf, thing } from './kit.ts';

async function all(leases: readonly Promise<Lease<Thing>>[]): Promise<Lease<Thing>[]> {
  return Promise.all(leases);
}

describe('validate', () => {
  it('a resource is tested before it is lent, unless it was used within `validateAfterIdleMs`', async () => {
    const tested: number[] = [];
    const { pool, clock } = setup({ validate: ({ id }) => tested.push(id) > 0 });
    (await pool.acquire()).release();
    clock.stall(499);
    (await pool.acquire()).release();
    expect(tested).toEqual([]);
    clock.stall(500);
    (await pool.acquire()).release();
    expect(tested).toEqual([0]);
  });

  it('the time since the last use counts from the return, and whoever came through a breakage in use is trusted', async () => {
    const tested: number[] = [];
    const { pool, clock, ends } = setup({
      max: 2,
      validate: ({ id }) => tested.push(id) > 0,
      validateAfterIdleMs: 50,
      idleTimeoutMs: 100,
    });
    const [lease, other] = [await pool.acquire(), await pool.acquire()];
    await clock.advance(1_000);
    other.destroy(new Error('broken'));
    lease.release();
    await clock.advance(49);
    expect(await pool.use(({ id }) => id)).toBe(0);
    expect(tested).toEqual([]);
    await clock.advance(99);
    expect(pool.stats().idle).toBe(1);
    await clock.advance(1);
    expect(ends()).toEqual(['1:broken', '0:idle']);
  });

  it('with `validateAfterIdleMs: 0` every reuse is tested, a direct hand-off included', async () => {
    const tested: number[] = [];
    const validate = async ({ id }: Thing): Promise<boolean> => tested.push(id) > 0;
    const { pool } = setup({ max: 1, validate, validateAfterIdleMs: 0 });
    const lease = await pool.acquire();
    expect(tested).toEqual([]);
    const next = pool.acquire();
    lease.release();
    (await next).release();
    expect(tested).toEqual([0]);
    (await pool.acquire()).release();
    expect(tested).toEqual([0, 0]);
  });

  it('false, an error, a rejection and a timeout of `validate` are the same: the resource is destroyed', async () => {
    const bad: (() => boolean | Promise<boolean>)[] = [
      () => false,
      () => Promise.resolve(false),
      () => Promise.reject(down),
      () => new Promise(() => {}),
      () => {
        throw down;
      },
    ];
    for (const validate of bad) {
      const { pool, clock, ends } = setup({ max: 1, validate, validateAfterIdleMs: 0, validateTimeoutMs: 20 });
      (await pool.acquire()).release();
      const next = pool.acquire();
      await clock.advance(20);
      expect(await stateOf(next)).toBe(1);
      expect(ends()).toEqual(['0:invalid']);
      expect(pool.stats()).toMatchObject({ invalid: 1, size: 1 });
    }
  });

  it('one failure makes every resource be tested that was idle then, whatever the bypass', async () => {
    const tested: number[] = [];
    const { pool } = setup({ max: 3, validate: ({ id }) => tested.push(id) > 0, validateAfterIdleMs: 10_000 });
    const leases = await all([pool.acquire(), pool.acquire(), pool.acquire()]);
    leases[0]!.release();
    leases[1]!.release();
    leases[2]!.destroy(down);
    for (const lease of await all([pool.acquire(), pool.acquire()])) lease.release();
    expect(tested).toEqual([1, 0]);
    for (const lease of await all([pool.acquire(), pool.acquire()])) lease.release();
    expect(tested).toEqual([1, 0]);
  });

  it('what was made after a breakage is no suspect', async () => {
    let tests = 0;
    const { pool } = setup({ validate: () => ++tests > 0 });
    (await pool.acquire()).destroy(new Error('broken'));
    await pool.warm(1);
    (await pool.acquire()).release();
    expect(tests).toBe(0);
  });

  it('what is cleared while it is tested is not lent, however quick the test', async () => {
    let clears = 0;
    const { pool, ends } = setup({
      validate: () => {
        if (clears++ === 0) pool.clear();
        return true;
      },
      validateAfterIdleMs: 0,
    });
    (await pool.acquire()).release();
    expect(await pool.use(({ id }) => id)).toBe(1);
    expect(ends()).toEqual(['0:clear']);
  });

  it('a failed create makes suspects of idle resources too', async () => {
    const tested: number[] = [];
    let isDown = false;
    const made: Thing[] = [];
    const { pool } = setup({
      max: 3,
      create: () => {
        if (isDown) throw new Error('down');
        return thing(made);
      },
      validate: ({ id }) => tested.push(id) > 0,
    });
    (await pool.acquire()).release();
    isDown = true;
    await expect(pool.warm(2)).rejects.toMatchObject({ code: 'ERR_POOL_CREATE' });
    (await pool.acquire()).release();
    expect(tested).toEqual([0]);
    // Proven now.
    (await pool.acquire()).release();
    expect(tested).toEqual([0]);
  });

  it('after a breakage all suspects are tested at once, so that nobody pays one timeout after the other', async () => {
    const { pool, clock } = setup({
      max: 5,
      validate: () => new Promise(() => {}),
      validateAfterIdleMs: 1,
      validateTimeoutMs: 100,
      growth: 'adaptive',
      maxConcurrentCreates: 1,
    });
    for (const lease of await all(Array.from({ length: 5 }, () => pool.acquire()))) lease.release();
    clock.stall(1_000);
    const waiting = pool.acquire();
    await clock.advance(200);
    expect(pool.stats().invalid).toBe(5);
    expect(await stateOf(waiting)).toBe(5);
  });

  it('one who waits has one resource tested, and is served before a newcomer whose test is quicker', async () => {
    const slow = gate<boolean>();
    const tested: number[] = [];
    const { pool, clock } = setup({
      max: 2,
      validateAfterIdleMs: 1,
      validate: ({ id }) => {
        tested.push(id);
        return id === 1 ? slow.promise : true;
      },
    });
    for (const lease of await all([pool.acquire(), pool.acquire()])) lease.release();
    clock.stall(10);
    const first = pool.acquire();
    expect(tested).toEqual([1]);
    expect(pool.stats()).toMatchObject({ creating: 0, testing: 1, created: 2 });
    const second = pool.acquire();
    expect(tested).toEqual([1, 0]);
    expect([await stateOf(first), await stateOf(second)]).toEqual([0, 'pending']);
    slow.open(true);
    expect(await stateOf(second)).toBe(1);
  });

  it('nothing is created for one for whom a resource is being tested', async () => {
    const slow = gate<boolean>();
    const { pool } = setup({ max: 3, validate: () => slow.promise, validateAfterIdleMs: 0 });
    (await pool.acquire()).release();
    const wait = pool.acquire();
    expect(pool.stats()).toMatchObject({ testing: 1, creating: 0, created: 1, waiting: 1 });
    slow.open(true);
    expect(await stateOf(wait)).toBe(0);
  });

  it('when a test fails, the next idle resource is tested at once, and not when the bad one is gone', async () => {
    const { pool, clock } = setup({
      max: 2,
      validateAfterIdleMs: 1,
      validate: async ({ id }) => id === 0,
      destroy: () => new Promise(() => {}),
    });
    for (const lease of await all([pool.acquire(), pool.acquire()])) lease.release();
    clock.stall(10);
    expect(await stateOf(pool.acquire())).toBe(0);
    expect(pool.stats()).toMatchObject({ destroying: 1, inUse: 1 });
  });

  it('does not spin when all is invalid, however fast it is replaced', async () => {
    const { pool } = setup({ validate: () => false, validateAfterIdleMs: 0, minIdle: 2, max: 4 });
    const lease = await pool.acquire();
    lease.release();
    (await pool.acquire()).release();
    expect(pool.stats().invalid).toBeLessThan(10);
  });

  it('`keepaliveMs` tests idle resources in the background, earlier by up to a tenth, and not all at once', async () => {
    const at: number[] = [];
    const { pool, clock } = setup({
      max: 20,
      validate: () => at.push(clock.now()) > 0,
      keepaliveMs: 1_000,
      random: createSeededRandom(2),
    });
    for (const lease of await all(Array.from({ length: 20 }, () => pool.acquire()))) lease.release();
    await clock.advance(1_000);
    expect(at).toHaveLength(20);
    expect(Math.min(...at)).toBeGreaterThanOrEqual(900);
    expect(new Set(at).size).toBeGreaterThan(10);
    expect(pool.stats()).toMatchObject({ idle: 20, acquired: 20 });
  });

  it('what the keepalive finds invalid is destroyed', async () => {
    const { pool, clock, ends } = setup({ validate: () => false, keepaliveMs: 100 });
    (await pool.acquire()).release();
    await clock.advance(100);
    expect(ends()).toEqual(['0:invalid']);
  });
});

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
      destroy: ({ id }) => void lived.set(id, clock.now()),
    });
    const leases = await all(Array.from({ length: 50 }, () => pool.acquire()));
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
    const leases = await all(Array.from({ length: 5 }, () => pool.acquire()));
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
    const leases = await all(Array.from({ length: 4 }, () => pool.acquire()));
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
    let reads = 0;
    const { pool, clock } = setup({ onEvent: undefined as never });
    const { now } = clock;
    clock.now = () => {
      reads++;
      return now.call(clock);
    };
    (await pool.acquire()).release();
    const before = reads;
    for (let k = 0; k < 10; k++) (await pool.acquire()).release();
    expect(reads).toBe(before);
  });
});

describe('reset', () => {
  it('`release` waits for nothing and never throws; `reset` ends before the resource is lent again', async () => {
    const clean = gate();
    const { pool } = setup({ max: 1, reset: () => clean.promise });
    const lease = await pool.acquire();
    const next = pool.acquire();
    expect(lease.release()).toBeUndefined();
    await flush();
    expect(pool.stats()).toMatchObject({ testing: 1, idle: 0, inUse: 0, waiting: 1 });
    clean.open();
    expect(await stateOf(next)).toBe(0);
  });

  it('the idle time of what was reset begins when it is clean', async () => {
    const clean = gate();
    const { pool, clock, ends } = setup({ reset: () => clean.promise, idleTimeoutMs: 100 });
    const lease = await pool.acquire();
    await clock.advance(1_000);
    lease.release();
    await clock.advance(50);
    clean.open();
    await clock.advance(99);
    expect(ends()).toEqual([]);
    await clock.advance(1);
    expect(ends()).toEqual(['0:idle']);
  });

  it('what is retired on return is not reset', async () => {
    let resets = 0;
    const { pool, ends } = setup({ maxUses: 1, reset: () => void resets++ });
    (await pool.acquire()).release();
    expect([resets, ends()]).toEqual([0, ['0:uses']]);
  });

  it('a reset that fails or takes too long destroys the resource', async () => {
    const bad = [
      () => Promise.reject(down),
      () => new Promise<void>(() => {}),
      () => {
        throw down;
      },
    ];
    for (const reset of bad) {
      const { pool, clock, ends } = setup({ max: 1, reset, resetTimeoutMs: 30 });
      (await pool.acquire()).release();
      await clock.advance(30);
      expect(ends()).toEqual(['0:reset']);
      expect((await pool.acquire()).resource.id).toBe(1);
    }
  });
});
