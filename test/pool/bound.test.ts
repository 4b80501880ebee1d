import { describe, expect, it } from 'vitest';
import { createPool } from '../../src/pool/index.ts';
import { gate } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';
import { down, gatedCreate, setup } from './kit.ts';

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
    const { pool, clock, ends, events } = setup({
      create,
      max: 1,
      createTimeoutMs: 100,
      createBackoff: { baseMs: 1, maxMs: 1 },
    });
    const waiting = pool.acquire();
    await clock.advance(100);
    expect(signals[0]?.aborted).toBe(true);
    const error = { code: 'ERR_POOL_CREATE_TIMEOUT', message: 'create took more than 100 ms' };
    expect([signals[0]!.reason, events.at(-1)]).toMatchObject([error, { type: 'create-failed', error }]);
    expect(pool.stats()).toMatchObject({ creating: 0, size: 0, createFailed: 1 });
    await clock.advance(1);
    expect(pool.stats()).toMatchObject({ creating: 1, size: 1 });
    await finish(0);
    expect(ends()).toEqual(['0:late']);
    await finish(1);
    expect((await waiting).resource).toBe(made[1]);
    expect(pool.stats()).toMatchObject({ created: 2, destroyed: 1, inUse: 1, size: 1 });
  });

  it('what a create rejects with after its time is forgotten, as are answers of other hooks', async () => {
    const { create, fail } = gatedCreate();
    const answers: Gate<boolean>[] = [];
    const { pool, clock, ends } = setup({
      create,
      max: 1,
      createTimeoutMs: 10,
      createBackoff: { baseMs: 1, maxMs: 1 },
    });
    pool.acquire().catch(() => {});
    await clock.advance(11);
    await fail(0);
    expect(ends()).toEqual([]);
    expect(pool.stats()).toMatchObject({ created: 0, destroyed: 0, createFailed: 1, creating: 1 });
    const slow = (): Promise<boolean> => answers[answers.push(gate<boolean>()) - 1]!.promise;
    const other = setup({ max: 1, validate: slow, validateAfterIdleMs: 0, validateTimeoutMs: 10 });
    (await other.pool.acquire()).release();
    const wait = other.pool.acquire();
    await other.clock.advance(10);
    answers[0]!.open(true);
    expect((await wait).resource.id).toBe(1);
    expect(other.pool.stats()).toMatchObject({ invalid: 1, inUse: 1, idle: 0 });
  });

  it('without limits no timer is set for creates, tests, resets and destroys', async () => {
    const hang = (): Promise<never> => new Promise(() => {});
    const times = {
      acquireTimeoutMs: Infinity,
      createTimeoutMs: Infinity,
      validateTimeoutMs: Infinity,
      resetTimeoutMs: Infinity,
      destroyTimeoutMs: Infinity,
    };
    for (const hook of ['create', 'validate', 'reset', 'destroy'] as const) {
      const { pool, clock } = setup({ max: 1, validateAfterIdleMs: 0, ...times, [hook]: hang });
      if (hook !== 'create') (await pool.acquire())[hook === 'destroy' ? 'destroy' : 'release']();
      void pool.acquire();
      await clock.advance(1_000_000);
      expect(pool.stats()).toMatchObject({ waiting: 1, size: 1 });
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('a pool without `destroy` lets go of its resources, and no hook has failed', async () => {
    const pool = createPool<object>({ create: () => ({}) });
    const types: string[] = [];
    pool.onEvent(({ type }) => void types.push(type));
    (await pool.acquire()).destroy();
    expect(types).toEqual(['created', 'acquired', 'released', 'destroyed']);
    expect(pool.stats()).toMatchObject({ destroyed: 1, size: 0 });
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
    expect(events).toContainEqual({
      type: 'hook-failed',
      hook: 'destroy',
      error: expect.objectContaining({ code: 'ERR_POOL_HOOK_TIMEOUT', message: 'destroy took more than 50 ms' }),
    });
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
