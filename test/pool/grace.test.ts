import { describe, expect, it } from 'vitest';
import { flush, outcomeOf } from '../support/gate.ts';
import { codeOf, gatedCreate, setup, stateOf } from './kit.ts';

describe('a grace', () => {
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

  it('a grace ends a drain while creates pause', async () => {
    const { pool, clock, events } = setup({ create: () => Promise.reject(new Error('down')) });
    const wait = pool.acquire();
    wait.catch(() => {});
    await flush();
    const closed = pool.close({ drain: true, graceMs: 10 });
    await clock.advance(10);
    expect(await stateOf(wait)).toBe('ERR_POOL_CLOSED');
    await closed;
    expect(events.at(-1)).toEqual({ type: 'rejected', reason: 'closed' });
    expect(clock.pendingTimers).toBe(0);
  });
});
