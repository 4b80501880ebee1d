import { describe, expect, it } from 'vitest';
import { flush } from '../support/gate.ts';
import { down, errorOf, setup, stateOf, thing } from './kit.ts';
import type { Thing } from './kit.ts';

describe('deadline', () => {
  it('an acquire ends by its deadline, which nothing re-arms: not a failed create, a bad test or another wait', async () => {
    const { pool, clock } = setup({
      max: 1,
      validate: () => new Promise(() => {}),
      validateAfterIdleMs: 0,
      validateTimeoutMs: 30,
      create: () => Promise.reject(down),
      acquireTimeoutMs: 100,
    });
    const failed = pool.acquire();
    await clock.advance(99);
    expect(await stateOf(failed)).toBe('pending');
    await clock.advance(1);
    expect(await errorOf(failed)).toMatchObject({ code: 'ERR_POOL_TIMEOUT', cause: down });
    expect(pool.stats()).toMatchObject({ waiting: 0, timeouts: 1 });
  });

  it('bad tests and failed creates after each other keep nobody beyond the deadline', async () => {
    let isDown = false;
    const made: Thing[] = [];
    const { pool, clock } = setup({
      max: 3,
      create: () => (isDown ? Promise.reject(down) : thing(made)),
      validate: () => new Promise(() => {}),
      validateAfterIdleMs: 1,
      validateTimeoutMs: 40,
    });
    for (const lease of [await pool.acquire(), await pool.acquire(), await pool.acquire()]) lease.release();
    clock.stall(10);
    isDown = true;
    const startMs = clock.now();
    const late = pool.acquire({ timeoutMs: 100 });
    // The first test has failed by then, the other two too, and creates are tried.
    await clock.advance(99);
    expect(pool.stats()).toMatchObject({ invalid: 3, waiting: 1 });
    expect(pool.stats().createFailed).toBeGreaterThan(0);
    expect(await stateOf(late)).toBe('pending');
    await clock.advance(1);
    expect(await stateOf(late)).toBe('ERR_POOL_TIMEOUT');
    expect(clock.now() - startMs).toBe(100);
  });

  it('its own `timeoutMs` goes before that of the pool, and 0 is no wait at all', async () => {
    const { pool, clock } = setup({ max: 1 });
    const lease = await pool.acquire({ timeoutMs: 0 });
    const [none, some] = [pool.acquire({ timeoutMs: 0 }), pool.acquire({ timeoutMs: 7 })];
    await clock.advance(0);
    expect(await stateOf(none)).toBe('ERR_POOL_TIMEOUT');
    await clock.advance(7);
    expect(await stateOf(some)).toBe('ERR_POOL_TIMEOUT');
    lease.release();
  });

  it('keeps timeouts beyond the longest timer, and Infinity', async () => {
    const { pool, clock } = setup({ max: 1 });
    await pool.acquire();
    const long = pool.acquire({ timeoutMs: 2 ** 31 });
    const endless = pool.acquire({ timeoutMs: Infinity });
    await clock.advance(1_000_000);
    expect([await stateOf(long), await stateOf(endless)]).toEqual(['pending', 'pending']);
  });

  it('one whose deadline has passed is never served', async () => {
    const { pool, clock } = setup({ max: 1 });
    const lease = await pool.acquire();
    const late = pool.acquire({ timeoutMs: 10 });
    const patient = pool.acquire({ timeoutMs: 100 });
    await clock.advance(10);
    lease.release();
    expect([await stateOf(late), await stateOf(patient)]).toEqual(['ERR_POOL_TIMEOUT', 0]);
    expect(pool.stats().acquired).toBe(2);
  });

  it('when the event loop stood still, one more turn is granted before a deadline is enforced', async () => {
    const { pool, clock } = setup({ max: 1 });
    const lease = await pool.acquire();
    const [saved, lost] = [pool.acquire({ timeoutMs: 10 }), pool.acquire({ timeoutMs: 10 })];
    lost.catch(() => {});
    clock.stall(500);
    // What the loop comes to in the turn after the late timer.
    clock.setTimeout(() => lease.release(), 0);
    await clock.advance(5);
    expect([await stateOf(saved), await stateOf(lost)]).toEqual([0, 'ERR_POOL_TIMEOUT']);
  });

  it.each([
    ['before the deadline was set', false, 20, 'ERR_POOL_TIMEOUT'],
    ['before the deadline was set', false, 21, 0],
    ['while its timer ran', true, 20, 'ERR_POOL_TIMEOUT'],
    ['while its timer ran', true, 21, 0],
  ])('when the loop stood still %s (%s), by %i ms too long, it ends with %s', async (_, isSet, lateMs, end) => {
    const { pool, clock } = setup({ max: 1 });
    const lease = await pool.acquire();
    const wait = pool.acquire({ timeoutMs: 10 });
    wait.catch(() => {});
    if (isSet) await flush();
    clock.stall(10 + lateMs);
    // In the turn after that of the deadline.
    clock.setTimeout(() => void clock.setTimeout(() => lease.release(), 0), 0);
    await clock.advance(5);
    expect(await stateOf(wait)).toBe(end);
  });

  it('says how matters stood, and nothing of the resources', async () => {
    const { pool, clock } = setup({
      max: 1,
      create: () => ({ id: 0, ends: [], password: 'secret' }) as never,
      name: 'orders',
    });
    const lease = await pool.acquire();
    const late = pool.acquire({ timeoutMs: 10 });
    late.catch(() => {});
    await clock.advance(10);
    const error = (await errorOf(late)) as Error;
    expect(error.message).toBe('orders: timed out after 10 ms: 1 in use, 0 idle, 0 creating, 0 waiting');
    expect(error.name).toBe('PoolError');
    expect(JSON.stringify([pool, lease, error])).not.toContain('secret');
  });

  it('neither `Infinity` nor a wait that ends at once sets a timer', async () => {
    const { pool, clock } = setup({ max: 1 });
    const lease = await pool.acquire();
    const [endless, short] = [pool.acquire({ timeoutMs: Infinity }), pool.acquire({ timeoutMs: 100 })];
    lease.release();
    (await endless).release();
    await flush();
    expect(clock.pendingTimers).toBe(0);
    (await short).release();
    expect(clock.pendingTimers).toBe(0);
  });
});
