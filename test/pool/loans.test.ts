import { afterEach, describe, expect, it, vi } from 'vitest';
import { createPool, PoolError } from '../../src/pool/index.ts';
import { outcomeOf } from '../support/gate.ts';
import { down, errorOf, gatedCreate, setup, watchReports } from './kit.ts';

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

  it('rejects what is no function', async () => {
    expect(await errorOf(setup().pool.use(1 as never))).toBeInstanceOf(TypeError);
  });
});

describe('the bound', () => {
  it('creating, idle, in use, testing and destroying together never exceed `max`', async () => {
    const destroyed = gatedCreate();
    const { pool } = setup({
      max: 2,
      maxUses: 1,
      destroy: async () => {
        await destroyed.create({ signal: new AbortController().signal });
      },
    });
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    const waiting = [pool.acquire(), pool.acquire()];
    a.release();
    b.release();
    expect(pool.stats()).toMatchObject({ size: 2, destroying: 2, creating: 0, waiting: 2 });
    await destroyed.finish(0);
    expect(pool.stats()).toMatchObject({ size: 2, destroying: 1, inUse: 1, waiting: 1 });
    await destroyed.finish(1);
    expect((await Promise.all(waiting)).length).toBe(2);
  });

  it('holds while listeners and hooks acquire more', async () => {
    let most = 0;
    let depth = 0;
    const { pool } = setup({
      max: 2,
      maxUses: 1,
      onEvent: () => {
        if (depth > 3) return;
        depth++;
        const lease = pool.tryAcquire();
        most = Math.max(most, pool.stats().size);
        void pool.acquire({ timeoutMs: 10 }).then(
          (more) => more.release(),
          () => {},
        );
        lease?.release();
        depth--;
      },
      create: () => ({ id: 0, ends: [] }),
    });
    (await pool.acquire()).release();
    expect(most).toBeLessThanOrEqual(2);
    await pool.close();
  });

  it('a resource that arrives after `createTimeoutMs` is destroyed in the same turn, and its slot was free before', async () => {
    const { create, made, signals, finish } = gatedCreate();
    const { pool, clock, ends } = setup({
      create,
      max: 1,
      createTimeoutMs: 100,
      createBackoff: { baseMs: 1, maxMs: 1 },
    });
    const waiting = pool.acquire();
    await clock.advance(100);
    expect(signals[0]?.aborted).toBe(true);
    expect(pool.stats()).toMatchObject({ creating: 0, size: 0, createFailed: 1 });
    await clock.advance(1);
    expect(pool.stats()).toMatchObject({ creating: 1, size: 1 });
    await finish(0);
    expect(ends()).toEqual(['0:late']);
    await finish(1);
    expect((await waiting).resource).toBe(made[1]);
    expect(pool.stats()).toMatchObject({ created: 2, destroyed: 1, inUse: 1, size: 1 });
  });

  it('a destroy that takes longer than `destroyTimeoutMs` stops counting', async () => {
    const { pool, clock, events } = setup({ max: 1, destroy: () => new Promise(() => {}), destroyTimeoutMs: 50 });
    const lease = await pool.acquire();
    const next = pool.acquire();
    lease.destroy();
    await clock.advance(49);
    expect(pool.stats()).toMatchObject({ destroying: 1, waiting: 1 });
    await clock.advance(1);
    expect((await next).resource.id).toBe(1);
    expect(events).toContainEqual(expect.objectContaining({ type: 'hook-failed', hook: 'destroy' }));
  });

  it('a destroy that throws or rejects counts as done, and an event says so', async () => {
    for (const destroy of [
      () => Promise.reject(down),
      () => {
        throw down;
      },
    ]) {
      const { pool, events } = setup({ max: 1, destroy });
      (await pool.acquire()).destroy();
      await pool.acquire();
      expect(pool.stats()).toMatchObject({ destroyed: 1, size: 1 });
      expect(events).toContainEqual({ type: 'hook-failed', hook: 'destroy', error: down });
    }
  });
});
