import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../src/testing/index.ts';
import { gate } from '../support/gate.ts';
import type { Thing } from './kit.ts';
import { down, setup, stateOf } from './kit.ts';

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
    for (const lease of await Promise.all([pool.acquire(), pool.acquire()])) lease.release();
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
    for (const lease of await Promise.all([pool.acquire(), pool.acquire()])) lease.release();
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
    for (const lease of await Promise.all(Array.from({ length: 20 }, () => pool.acquire()))) lease.release();
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

  it('a direct hand-off is not tested while the bypass lasts, with a test or without one', async () => {
    for (const options of [{ validate: () => false }, { validateAfterIdleMs: 0 }]) {
      const { pool } = setup({ max: 1, ...options });
      const lease = await pool.acquire();
      const next = pool.acquire();
      lease.release();
      expect(await stateOf(next)).toBe(0);
    }
  });

  it('what was reset is tested all the same where every reuse is', async () => {
    const steps: string[] = [];
    const { pool } = setup({
      max: 1,
      validateAfterIdleMs: 0,
      validate: () => steps.push('validate') > 0,
      reset: async () => void steps.push('reset'),
    });
    const lease = await pool.acquire();
    const next = pool.acquire();
    lease.release();
    await next;
    expect(steps).toEqual(['reset', 'validate']);
  });
});
