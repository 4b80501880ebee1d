import { describe, expect, it } from 'vitest';
import { gate, outcomeOf } from '../support/gate.ts';
import { codeOf, gatedCreate, setup, stateOf } from './kit.ts';

describe('close', () => {
  it('after `close` acquires are rejected, what is idle is destroyed at once, and what is on loan on return', async () => {
    const { pool, ends } = setup({ max: 2 });
    const [lease, idle] = [await pool.acquire(), await pool.acquire()];
    idle.release();
    const closed = pool.close();
    expect(ends()).toEqual(['1:close']);
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_CLOSED');
    expect(await codeOf(pool.warm(1))).toBe('ERR_POOL_CLOSED');
    expect(pool.tryAcquire()).toBeUndefined();
    expect((await outcomeOf(closed)).state).toBe('pending');
    lease.release();
    await closed;
    expect(ends()).toEqual(['1:close', '0:close']);
  });

  it('`close` rejects those who wait before borrowers are back', async () => {
    const { pool } = setup({ max: 1 });
    await pool.acquire();
    const wait = pool.acquire();
    void pool.close();
    expect(await stateOf(wait)).toBe('ERR_POOL_CLOSED');
  });

  it('with `drain` those who wait are still served, then it closes', async () => {
    const { pool, clock } = setup({ max: 1 });
    const lease = await pool.acquire();
    const waits = [pool.acquire(), pool.acquire({ timeoutMs: 10 })];
    waits[1]!.catch(() => {});
    const closed = pool.close({ drain: true });
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_CLOSED');
    await clock.advance(10);
    expect(await stateOf(waits[1]!)).toBe('ERR_POOL_TIMEOUT');
    expect((await outcomeOf(closed)).state).toBe('pending');
    lease.release();
    (await waits[0]!).release();
    await closed;
    expect(pool.stats()).toMatchObject({ size: 0, destroyed: 1 });
  });

  it('while it drains, nothing is created but for those who wait', async () => {
    const { create, gates, finish } = gatedCreate();
    const { pool } = setup({ create, max: 3, min: 3 });
    const first = [pool.acquire(), pool.acquire(), pool.acquire()];
    for (let k = 0; k < 3; k++) await finish(k);
    const leases = await Promise.all(first);
    const wait = pool.acquire();
    const closed = pool.close({ drain: true });
    leases[0]!.destroy();
    leases[1]!.destroy();
    expect(gates).toHaveLength(4);
    await finish(3);
    (await wait).release();
    leases[2]!.release();
    await closed;
    expect(gates).toHaveLength(4);
  });

  it('waits for the end of what came too late', async () => {
    const ended = gate();
    const { create, finish } = gatedCreate();
    const { pool, clock } = setup({ create, createTimeoutMs: 10, destroy: () => ended.promise });
    pool.acquire().catch(() => {});
    await clock.advance(10);
    await finish(0);
    const closed = pool.close();
    expect((await outcomeOf(closed)).state).toBe('pending');
    ended.open();
    await closed;
  });

  it('a second `close` may end a drain, and resolves with the first', async () => {
    const { pool } = setup({ max: 1 });
    const lease = await pool.acquire();
    const wait = pool.acquire();
    const closed = pool.close({ drain: true });
    expect(await stateOf(wait)).toBe('pending');
    const again = pool.close();
    expect(await stateOf(wait)).toBe('ERR_POOL_CLOSED');
    lease.release();
    await Promise.all([closed, again, pool[Symbol.asyncDispose]()]);
  });

  it('creates in flight get an aborted signal, and what they still make is destroyed', async () => {
    const { create, finish, signals } = gatedCreate();
    const { pool, ends } = setup({ create });
    pool.acquire().catch(() => {});
    const closed = pool.close();
    expect(signals[0]?.aborted).toBe(true);
    await finish(0);
    await closed;
    expect(ends()).toEqual(['0:close']);
  });

  it('aborts each create that is still in flight, also for one that reads its signal later', async () => {
    const { create, finish, signals } = gatedCreate();
    const late: { readonly signal: AbortSignal }[] = [];
    const { pool, ends } = setup({
      max: 4,
      create: (ctx) => {
        if (signals.length < 3) return create(ctx);
        late.push(ctx);
        return new Promise(() => {});
      },
    });
    for (let k = 0; k < 4; k++) pool.acquire().catch(() => {});
    await finish(0);
    const closed = pool.close({ graceMs: 0 });
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true, true]);
    expect(late[0]!.signal).toMatchObject({ aborted: true, reason: { code: 'ERR_POOL_CLOSED' } });
    expect(ends()).toEqual([]);
    void closed;
  });

  it('`close` resolves when every resource has been destroyed, once each, and leaves no timer', async () => {
    const ended = gate();
    const { pool, clock, made } = setup({
      max: 4,
      destroy: async (resource, reason) => {
        await ended.promise;
        resource.ends.push(reason);
      },
      idleTimeoutMs: 1_000,
      leakThresholdMs: 5_000,
      maxLifetimeMs: 10_000,
    });
    const leases = await Promise.all(Array.from({ length: 4 }, () => pool.acquire()));
    for (const lease of leases.slice(1)) lease.release();
    const closed = pool.close();
    leases[0]!.release();
    expect((await outcomeOf(closed)).state).toBe('pending');
    ended.open();
    await closed;
    expect(made.map(({ ends }) => ends)).toEqual([['close'], ['close'], ['close'], ['close']]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('closes while creates fail, and leaves no timer of their pause', async () => {
    const { pool, clock } = setup({ create: () => Promise.reject(new Error('down')) });
    const wait = pool.acquire();
    wait.catch(() => {});
    await clock.advance(60);
    await pool.close();
    expect(await stateOf(wait)).toBe('ERR_POOL_CLOSED');
    expect(clock.pendingTimers).toBe(0);
  });

  it('an unused pool closes at once', async () => {
    const { pool, clock } = setup({ min: 3 });
    await pool.close();
    expect([pool.stats().created, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('sets no timer without a grace', async () => {
    const { pool, clock } = setup();
    const lease = await pool.acquire();
    const closed = pool.close();
    expect(clock.pendingTimers).toBe(0);
    lease.release();
    await closed;
  });

  it('waits for a loan beside the end of what came too late', async () => {
    const ended = gate();
    const { create, finish } = gatedCreate();
    const { pool, clock } = setup({
      create,
      max: 2,
      createTimeoutMs: 10,
      createBackoff: { baseMs: 1, maxMs: 1 },
      destroy: () => ended.promise,
    });
    const wait = pool.acquire();
    await clock.advance(11);
    await finish(1);
    const lease = await wait;
    await finish(0);
    const closed = pool.close();
    expect((await outcomeOf(closed)).state).toBe('pending');
    lease.release();
    ended.open();
    await closed;
  });

  it('resolves when a create fails that was in flight', async () => {
    const { create, fail } = gatedCreate();
    const { pool } = setup({ create });
    pool.acquire().catch(() => {});
    const closed = pool.close();
    expect((await outcomeOf(closed)).state).toBe('pending');
    await fail(0);
    await closed;
  });

  it('resets nothing that comes back after it', async () => {
    let resets = 0;
    const { pool, ends } = setup({ reset: () => void resets++ });
    const lease = await pool.acquire();
    const closed = pool.close();
    lease.release();
    await closed;
    expect([resets, ends()]).toEqual([0, ['0:close']]);
  });

  it('leaves no timer when a hook closes the pool that retires what is idle, or the report of a leak does', async () => {
    const retired = setup({
      max: 3,
      maxLifetimeMs: 100,
      maxLifetimeJitter: 0,
      destroy: () => void retired.pool.close(),
    });
    const leases = [await retired.pool.acquire(), await retired.pool.acquire()];
    leases[0]!.release();
    await retired.clock.advance(50);
    await retired.pool.acquire();
    leases[1]!.release();
    await retired.clock.advance(50);
    expect([retired.pool.stats().inUse, retired.clock.pendingTimers]).toEqual([1, 0]);
    const leaky = setup({ leakThresholdMs: 100, onLeak: () => void leaky.pool.close() });
    await leaky.pool.acquire();
    await leaky.clock.advance(50);
    await leaky.pool.acquire();
    await leaky.clock.advance(50);
    expect(leaky.clock.pendingTimers).toBe(0);
  });

  it('counts each who is turned away once, though a listener closes the pool meanwhile', async () => {
    const { pool, clock } = setup({
      max: 1,
      create: () => Promise.reject(new Error('down')),
      isFatalCreateError: () => true,
      onEvent: ({ type }) => type === 'rejected' && void pool.close(),
    });
    const waits = [pool.acquire(), pool.acquire(), pool.acquire()];
    expect(await Promise.all(waits.map(codeOf))).toEqual(Array(3).fill('ERR_POOL_CREATE'));
    expect(pool.stats()).toMatchObject({ rejected: 3, waiting: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('serves nobody who is about to be turned away, though a listener gives a resource back meanwhile', async () => {
    const { create, gates, finish } = gatedCreate();
    const { pool } = setup({ create, max: 2 });
    const loans = [pool.acquire(), pool.acquire()];
    for (const at of [0, 1]) await finish(at);
    const leases = await Promise.all(loans);
    const waits = [pool.acquire(), pool.acquire(), pool.acquire()];
    pool.onEvent(({ type }) => {
      if (type !== 'rejected') return;
      leases[0]!.release();
      leases[1]!.destroy();
    });
    const closed = pool.close();
    expect(await Promise.all(waits.map(stateOf))).toEqual(Array(3).fill('ERR_POOL_CLOSED'));
    await closed;
    expect(gates).toHaveLength(2);
    expect(pool.stats()).toMatchObject({ rejected: 3, acquired: 2, destroyed: 2 });
  });

  it('is what happens at the end of the block of a pool', async () => {
    const { pool, ends } = setup();
    {
      await using own = pool;
      (await own.acquire()).release();
    }
    expect(ends()).toEqual(['0:close']);
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_CLOSED');
  });

  it('one who acquires again when turned away is not turned away for the same failure', async () => {
    let again: Promise<unknown> | undefined;
    const { pool, clock } = setup({
      max: 1,
      create: () => Promise.reject(new Error('down')),
      isFatalCreateError: () => true,
      onEvent: ({ type }) => {
        if (type === 'rejected') again ??= pool.acquire({ timeoutMs: 5 });
      },
    });
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_CREATE');
    again!.catch(() => {});
    expect((await outcomeOf(again!)).state).toBe('pending');
    await clock.advance(5);
    expect(await codeOf(again!)).toBe('ERR_POOL_TIMEOUT');
  });
});
