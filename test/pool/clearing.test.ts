import { describe, expect, it } from 'vitest';
import { gatedCreate, setup, stateOf } from './kit.ts';

describe('clear and resize', () => {
  it('after `clear` nothing is lent whose creation began before', async () => {
    const { create, finish } = gatedCreate();
    const { pool, ends } = setup({ create, max: 3, minIdle: 0 });
    const first = [pool.acquire(), pool.acquire()];
    await finish(0);
    await finish(1);
    const [lease, idle] = await Promise.all(first);
    idle!.release();
    const held = await pool.acquire();
    const late = pool.acquire();
    held.release();
    (await late).release();
    const flying = [pool.acquire(), pool.acquire()];
    (await flying[0]!).release();
    (await flying[1]!).release();
    pool.clear();
    expect(ends()).toEqual(['1:clear']);
    lease!.release();
    expect(ends()).toEqual(['1:clear', '0:clear']);
    await finish(2);
    expect(ends()).toEqual(['1:clear', '0:clear', '2:clear']);
    expect(pool.stats().idle).toBe(0);
  });

  it('a clear while hooks acquire lends nothing old', async () => {
    const lent: number[] = [];
    const { pool } = setup({
      max: 5,
      destroy: () => {
        const lease = pool.tryAcquire();
        if (lease) lent.push(lease.resource.id);
        lease?.release();
      },
    });
    const leases = await Promise.all(Array.from({ length: 4 }, () => pool.acquire()));
    for (const lease of leases) lease.release();
    pool.clear();
    expect(lent).toEqual([]);
  });

  it('after a `resize` to less, the count never grows until it is `max` again, and a larger `max` serves at once', async () => {
    const { pool, ends } = setup({ max: 4 });
    const leases = await Promise.all(Array.from({ length: 4 }, () => pool.acquire()));
    leases[3]!.release();
    pool.resize({ max: 2 });
    expect(ends()).toEqual(['3:resize']);
    const wait = pool.acquire();
    leases[0]!.release();
    expect(ends()).toEqual(['3:resize', '0:resize']);
    expect(pool.stats()).toMatchObject({ size: 2, max: 2, waiting: 1 });
    leases[1]!.release();
    expect(await stateOf(wait)).toBe(1);
    const more = pool.acquire();
    pool.resize({ max: 3, minIdle: 1 });
    expect(await stateOf(more)).toBe(4);
    expect(() => pool.resize({ max: 1, min: 2 })).toThrow(RangeError);
    expect(() => pool.resize({ max: 0 })).toThrow(RangeError);
  });

  it('a `resize` to less destroys no more than it has to', async () => {
    const { pool, ends } = setup({ max: 4 });
    const leases = await Promise.all(Array.from({ length: 4 }, () => pool.acquire()));
    for (const lease of leases.slice(1)) lease.release();
    pool.resize({ max: 2 });
    expect(ends()).toEqual(['1:resize', '2:resize']);
    expect(pool.stats()).toMatchObject({ idle: 1, inUse: 1, size: 2 });
  });

  it('creates in flight count when a pool has shrunk', async () => {
    const { create, finish } = gatedCreate();
    const { pool, ends } = setup({ create, max: 4 });
    const waits = Array.from({ length: 4 }, () => pool.acquire());
    await finish(0);
    await finish(1);
    (await waits[1]!).release();
    expect(pool.stats()).toMatchObject({ inUse: 2, creating: 2, waiting: 1 });
    // One of the two loans went on to one who waited.
    pool.resize({ max: 2 });
    (await waits[0]!).release();
    expect(ends()).toEqual(['0:resize']);
    expect(pool.stats()).toMatchObject({ size: 3, max: 2 });
  });

  it('what hooks see of a `clear` adds up', async () => {
    const sizes: number[] = [];
    const { pool } = setup({
      max: 3,
      destroy: () => {
        const { size, idle, inUse, creating, testing, destroying } = pool.stats();
        sizes.push(size, idle + inUse + creating + testing + destroying);
      },
    });
    const leases = await Promise.all(Array.from({ length: 3 }, () => pool.acquire()));
    for (const lease of leases) lease.release();
    pool.clear();
    expect(sizes).toEqual([3, 3, 2, 2, 1, 1]);
  });

  it('a `resize` to less makes room for what is being created', async () => {
    const { create, finish } = gatedCreate();
    const { pool, ends } = setup({ create, max: 4 });
    const waits = [pool.acquire(), pool.acquire(), pool.acquire()];
    await finish(0);
    await finish(1);
    const leases = await Promise.all(waits.slice(0, 2));
    waits[2]!.catch(() => {});
    leases[0]!.release();
    leases[1]!.release();
    (await waits[2]!).release();
    expect(pool.stats()).toMatchObject({ idle: 2, creating: 1 });
    pool.resize({ max: 2 });
    expect(ends()).toHaveLength(1);
    expect(pool.stats()).toMatchObject({ idle: 1, creating: 1, size: 2 });
  });
});
