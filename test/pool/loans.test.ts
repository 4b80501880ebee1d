import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPool, PoolError } from '../../src/pool/index.ts';
import { outcomeOf } from '../support/gate.ts';
import { down, errorOf, setup, watchReports } from './kit.ts';

afterEach(() => vi.unstubAllGlobals());

describe('a lease', () => {
  it('a resource has one live lease at most', async () => {
    const { pool } = setup({ max: 2 });
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    expect(a.resource).not.toBe(b.resource);
    expect(pool.tryAcquire()).toBeUndefined();
  });

  it('a lease gives its resource back once, and what comes later changes nothing and is counted', async () => {
    const { pool } = setup({ max: 1 });
    const stale = await pool.acquire();
    stale.release();
    const lease = await pool.acquire();
    stale.release();
    stale.destroy(down);
    stale[Symbol.dispose]();
    expect(pool.tryAcquire()).toBeUndefined();
    expect(pool.stats()).toMatchObject({ inUse: 1, released: 1, destroyed: 0, doubleReleases: 3 });
    expect(lease.resource.ends).toEqual([]);
  });

  it('a stale lease casts no doubt on what others have', async () => {
    let tests = 0;
    const { pool } = setup({ max: 2, validate: () => ++tests > 0 });
    const [stale, other] = [await pool.acquire(), await pool.acquire()];
    stale.release();
    other.release();
    stale.destroy(down);
    (await pool.acquire()).release();
    expect([tests, pool.stats().doubleReleases]).toEqual([0, 1]);
  });

  it('`lease.resource` throws once the lease has ended', async () => {
    const { pool } = setup();
    const lease = await pool.acquire();
    lease.release();
    expect(() => lease.resource).toThrow(PoolError);
    expect(() => lease.resource).toThrow('the lease has ended');
    expect(await errorOf(Promise.resolve().then(() => lease.resource))).toMatchObject({
      code: 'ERR_POOL_LEASE_RELEASED',
    });
  });

  it('gives its resource back at the end of its block', async () => {
    const { pool } = setup();
    {
      using lease = await pool.acquire();
      expect(lease.resource.id).toBe(0);
    }
    {
      await using lease = await pool.acquire();
      expect(lease.resource.id).toBe(0);
    }
    expect(pool.stats()).toMatchObject({ inUse: 0, idle: 1, created: 1 });
  });

  it('destroys its resource, as broken, and makes room', async () => {
    const { pool, ends } = setup({ max: 1 });
    const lease = await pool.acquire();
    const next = pool.acquire();
    lease.destroy();
    expect((await next).resource.id).toBe(1);
    expect(ends()).toEqual(['0:broken']);
  });

  it('holds any value, `undefined` and equal primitives included', async () => {
    const pool = createPool<unknown>({ create: () => undefined, max: 2 });
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    expect([a.resource, b.resource]).toEqual([undefined, undefined]);
    a.release();
    expect(pool.stats()).toMatchObject({ inUse: 1, idle: 1 });
    b.release();
    expect(pool.stats()).toMatchObject({ inUse: 0, idle: 2 });
  });
});

describe('use', () => {
  it('`use` gives the resource back however its function ends', async () => {
    const { pool } = setup({ max: 1 });
    expect(await pool.use((resource) => resource.id)).toBe(0);
    expect(await pool.use(async (resource) => resource.id)).toBe(0);
    const thenable = { then: (resolve: (value: string) => void) => resolve('thenable') };
    expect(await pool.use(() => thenable as PromiseLike<string>)).toBe('thenable');
    const throws = (): never => {
      throw down;
    };
    expect(await errorOf(pool.use(throws))).toBe(down);
    expect(await errorOf(pool.use(() => Promise.reject(down)))).toBe(down);
    expect(pool.stats()).toMatchObject({ inUse: 0, idle: 1, created: 1, released: 5 });
  });

  it('waits for a resource as acquire does', async () => {
    const { pool } = setup({ max: 1 });
    const lease = await pool.acquire();
    const used = pool.use(({ id }) => id, { priority: 1 });
    const quick = pool.use(({ id }) => id);
    expect((await outcomeOf(used)).state).toBe('pending');
    lease.release();
    expect([await used, await quick]).toEqual([0, 0]);
  });

  it('an error of the function given to `use` destroys the resource when `destroyOnError` says so', async () => {
    const { pool, ends } = setup({ destroyOnError: (error) => error === down });
    await errorOf(pool.use(() => Promise.reject(new Error('a constraint'))));
    expect(ends()).toEqual([]);
    await errorOf(pool.use(() => Promise.reject(down)));
    expect(ends()).toEqual(['0:broken']);
  });

  it('gives back the resource when `destroyOnError` throws, and reports that', async () => {
    const reports = watchReports();
    const { pool } = setup({
      destroyOnError: () => {
        throw new Error('in the hook');
      },
    });
    expect(await errorOf(pool.use(() => Promise.reject(down)))).toBe(down);
    expect(pool.stats()).toMatchObject({ idle: 1, inUse: 0 });
    expect(reports).toHaveLength(1);
  });

  it('starts nothing when its signal aborts before a resource is there', async () => {
    const { pool } = setup({ max: 1 });
    const lease = await pool.acquire();
    const caller = new AbortController();
    let calls = 0;
    const used = pool.use(() => ++calls, { signal: caller.signal });
    used.catch(() => {});
    caller.abort('enough');
    lease.release();
    expect(await errorOf(used)).toBe('enough');
    expect(await errorOf(pool.use(() => ++calls, { signal: caller.signal }))).toBe('enough');
    expect([calls, pool.stats().idle]).toEqual([0, 1]);
  });

  it('gives the resource back before it returns, where the function does not wait', async () => {
    const { pool } = setup({ max: 1 });
    await pool.use(() => {});
    const used = pool.use(({ id }) => id);
    expect(pool.tryAcquire()?.resource.id).toBe(0);
    expect(await used).toBe(0);
  });

  it('rejects what is no function, and takes nothing', async () => {
    const { pool } = setup();
    expect(await errorOf(pool.use(1 as never))).toBeInstanceOf(TypeError);
    await expect(pool.use(1 as never, {})).rejects.toThrow('fn must be a function, got number');
    expect(pool.stats().created).toBe(0);
  });
});
