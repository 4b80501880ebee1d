import { describe, expect, it } from 'vitest';
import { flush, gate } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';
import type { Thing } from './kit.ts';
import { down, gatedCreate, setup, stateOf, thing } from './kit.ts';

describe('suspects', () => {
  it('one failure makes every resource be tested that was idle then, whatever the bypass', async () => {
    const tested: number[] = [];
    const { pool } = setup({ max: 3, validate: ({ id }) => tested.push(id) > 0, validateAfterIdleMs: 10_000 });
    const leases = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    leases[0]!.release();
    leases[1]!.release();
    leases[2]!.destroy(down);
    for (const lease of await Promise.all([pool.acquire(), pool.acquire()])) lease.release();
    expect(tested).toEqual([1, 0]);
    for (const lease of await Promise.all([pool.acquire(), pool.acquire()])) lease.release();
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
    for (const lease of await Promise.all(Array.from({ length: 5 }, () => pool.acquire()))) lease.release();
    clock.stall(1_000);
    const waiting = pool.acquire();
    await clock.advance(200);
    expect(pool.stats().invalid).toBe(5);
    expect(await stateOf(waiting)).toBe(5);
  });

  it('a breakage in use, a failed create and a bad test each count, one after the other', async () => {
    const tested: number[] = [];
    let isDown = false;
    const made: Thing[] = [];
    const { pool } = setup({
      max: 5,
      create: () => {
        if (isDown) throw down;
        return thing(made);
      },
      validate: ({ id }) => {
        tested.push(id);
        return id !== 1;
      },
    });
    const leases = await Promise.all(Array.from({ length: 4 }, () => pool.acquire()));
    leases[0]!.release();
    leases[1]!.release();
    leases[2]!.destroy(down);
    isDown = true;
    await expect(pool.warm(4)).rejects.toThrow('pool: create failed');
    // A suspect is destroyed, and the next one is one all the same.
    await pool.acquire();
    expect(tested).toEqual([1, 0]);
  });

  it('a suspect that turns out to be bad is no news about one that has been tested since', async () => {
    const tested: number[] = [];
    const { pool } = setup({
      max: 4,
      validate: ({ id }) => {
        tested.push(id);
        return id !== 0;
      },
    });
    const leases = await Promise.all(Array.from({ length: 3 }, () => pool.acquire()));
    leases[0]!.release();
    leases[1]!.release();
    leases[2]!.destroy(down);
    const good = await pool.acquire();
    good.release();
    expect(tested).toEqual([1]);
    const both = [await pool.acquire(), await pool.acquire()];
    expect(tested).toEqual([1, 0]);
    for (const lease of both) lease.release();
    await pool.use(() => {});
    await pool.use(() => {});
    expect(tested).toEqual([1, 0]);
  });

  it('a resource that is given up without an error is no breakage', async () => {
    let tests = 0;
    const { pool } = setup({ max: 2, validate: () => ++tests > 0 });
    const [lease, other] = [await pool.acquire(), await pool.acquire()];
    other.release();
    lease.destroy();
    await pool.use(() => {});
    expect(tests).toBe(0);
  });

  it('creates that fail together are one breakage', async () => {
    const tested: number[] = [];
    const { create, finish, fail } = gatedCreate();
    const { pool } = setup({ max: 3, create, validate: ({ id }) => tested.push(id) > 0 });
    const waits = Array.from({ length: 3 }, () => pool.acquire());
    await finish(0);
    await fail(1);
    for (const wait of waits) (await wait).release();
    await fail(2);
    await pool.use(() => {});
    // Used since the first of them failed, and the second is no news.
    expect(tested).toEqual([]);
  });

  it('a resource that was no suspect and turns out to be bad is one breakage more', async () => {
    const tested: number[] = [];
    const { pool, clock } = setup({
      max: 3,
      idleOrder: 'fifo',
      validate: ({ id }) => {
        tested.push(id);
        return id !== 0;
      },
    });
    const leases = await Promise.all(Array.from({ length: 3 }, () => pool.acquire()));
    leases[0]!.release();
    clock.stall(499);
    leases[1]!.release();
    leases[2]!.release();
    clock.stall(1);
    const next = await pool.acquire();
    expect([tested, next.resource.id]).toEqual([[0, 1], 1]);
    next.destroy(down);
    await pool.use(() => {});
    expect(tested).toEqual([0, 1, 2]);
  });

  it('one that has been tested stays trusted when another suspect fails its test later', async () => {
    const tested: number[] = [];
    const tests = new Map<number, Gate<boolean>>();
    const { pool } = setup({
      max: 4,
      validate: ({ id }) => {
        tested.push(id);
        tests.set(id, gate<boolean>());
        return tests.get(id)!.promise;
      },
    });
    const leases = await Promise.all(Array.from({ length: 4 }, () => pool.acquire()));
    for (const lease of leases.slice(1)) lease.release();
    leases[0]!.destroy(down);
    const wait = pool.acquire();
    expect(tested).toEqual([3, 2, 1]);
    tests.get(3)!.open(true);
    await wait;
    tests.get(2)!.open(true);
    await flush();
    tests.get(1)!.open(false);
    await flush();
    expect(pool.stats()).toMatchObject({ idle: 1, invalid: 1 });
    expect(pool.tryAcquire()?.resource.id).toBe(2);
  });
});
