import { describe, expect, it } from 'vitest';
import { flush, gate, outcomeOf } from '../support/gate.ts';
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

  it('a later `close` may set a grace, and another one instead', async () => {
    const { pool, clock, ends } = setup({ max: 1 });
    const lease = await pool.acquire();
    const closed = pool.close();
    await clock.advance(1_000);
    void pool.close({ graceMs: 50 });
    void pool.close({ graceMs: 100 });
    await clock.advance(99);
    expect((await outcomeOf(closed)).state).toBe('pending');
    expect(lease.resource.id).toBe(0);
    await clock.advance(1);
    await closed;
    expect([ends(), clock.pendingTimers]).toEqual([['0:forced'], 0]);
    await pool.close({ graceMs: 100 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves no timer of a grace that was not needed', async () => {
    const { pool, clock } = setup();
    const lease = await pool.acquire();
    const closed = pool.close({ graceMs: 1_000 });
    lease.release();
    await closed;
    expect(clock.pendingTimers).toBe(0);
  });

  it('a grace ends a drain too, and whoever warms the pool is told', async () => {
    const { create } = gatedCreate();
    const { pool, clock } = setup({ max: 2, create });
    const warmed = codeOf(pool.warm(2));
    const wait = pool.acquire();
    wait.catch(() => {});
    const closed = pool.close({ drain: true, graceMs: 10 });
    expect(await warmed).toBe('ERR_POOL_CLOSED');
    await clock.advance(9);
    expect(await stateOf(wait)).toBe('pending');
    await clock.advance(1);
    expect(await stateOf(wait)).toBe('ERR_POOL_CLOSED');
    await closed;
  });

  it('after `graceMs` loans end by force, and what hangs is given up', async () => {
    const { create, signals } = gatedCreate();
    let isHanging = false;
    const { pool, clock, made, ends } = setup({
      max: 3,
      create: (ctx) => (isHanging ? create(ctx) : made[made.push({ id: made.length, ends: [] }) - 1]!),
      reset: () => new Promise(() => {}),
      resetTimeoutMs: 60_000,
      createTimeoutMs: 60_000,
    });
    const [lease, returned] = [await pool.acquire(), await pool.acquire()];
    returned.release();
    isHanging = true;
    for (let k = 0; k < 2; k++) pool.acquire().catch(() => {});
    await flush();
    const closed = pool.close({ graceMs: 100 });
    expect(signals[0]?.aborted).toBe(true);
    await clock.advance(99);
    expect((await outcomeOf(closed)).state).toBe('pending');
    expect(lease.resource.id).toBe(0);
    await clock.advance(1);
    await closed;
    expect(ends().sort()).toEqual(['0:forced', '1:reset']);
    expect(() => lease.resource).toThrow();
    lease.release();
    expect([pool.stats().size, clock.pendingTimers]).toEqual([0, 0]);
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
});

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
});
