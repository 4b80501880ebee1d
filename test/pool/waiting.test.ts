import { describe, expect, it } from 'vitest';
import { countingSignal } from '../support/counting-signal.ts';
import { flush } from '../support/gate.ts';
import { codeOf, down, errorOf, gatedCreate, setup, stateOf, thing } from './kit.ts';
import type { Thing } from './kit.ts';

describe('order', () => {
  it('higher priority goes first, and equal ones in order of arrival', async () => {
    const { pool } = setup({ max: 1 });
    let lease = await pool.acquire();
    const order: string[] = [];
    const wait = (name: string, priority?: number): void => {
      void pool.acquire(priority === undefined ? {} : { priority }).then((next) => {
        order.push(name);
        lease = next;
      });
    };
    wait('a');
    wait('b', 1);
    wait('c');
    wait('d', 1);
    wait('e', -Infinity);
    for (let k = 0; k < 5; k++) {
      lease.release();
      await flush();
    }
    expect(order).toEqual(['b', 'd', 'a', 'c', 'e']);
  });

  it('no newcomer passes one who waits, `tryAcquire` and `use` included', async () => {
    const { pool } = setup({ max: 1 });
    const lease = await pool.acquire();
    const first = pool.acquire();
    lease.release();
    expect(pool.tryAcquire()).toBeUndefined();
    const second = pool.acquire();
    const order: string[] = [];
    const used = pool.use(() => void order.push('used'));
    const held = await first;
    expect(await stateOf(second)).toBe('pending');
    held.release();
    expect(await stateOf(second)).toBe(0);
    const passed = pool.use(() => void order.push('passed'));
    expect(order).toEqual([]);
    (await second).release();
    expect(pool.tryAcquire()).toBeUndefined();
    await Promise.all([used, passed]);
    expect(order).toEqual(['used', 'passed']);
  });

  it('idle resources are lent last in first out, or first in first out with `idleOrder`', async () => {
    for (const [idleOrder, expected] of [
      ['lifo', [1, 1]],
      ['fifo', [0, 1]],
    ] as const) {
      const { pool } = setup({ idleOrder });
      const leases = [await pool.acquire(), await pool.acquire()];
      for (const lease of leases) lease.release();
      const ids: number[] = [];
      for (let k = 0; k < 2; k++) ids.push(await pool.use(({ id }) => id));
      expect(ids).toEqual(expected);
    }
  });

  it('one who waits is served by whichever comes first, a return or a new resource', async () => {
    const { create, finish } = gatedCreate();
    const { pool } = setup({ create, max: 2 });
    const first = pool.acquire();
    await finish(0);
    const second = pool.acquire();
    expect(pool.stats().creating).toBe(1);
    (await first).release();
    expect(await stateOf(second)).toBe(0);
    await finish(1);
    expect(pool.stats()).toMatchObject({ idle: 1, inUse: 1 });
  });
});

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
});

describe('abort', () => {
  it('an abort ends the wait at once with the reason of the signal, and the resource goes to the next', async () => {
    const { pool } = setup({ max: 1 });
    const lease = await pool.acquire();
    const caller = new AbortController();
    const gone = pool.acquire({ signal: caller.signal });
    const next = pool.acquire();
    const reason = { mine: true };
    caller.abort(reason);
    lease.release();
    expect(await errorOf(gone)).toBe(reason);
    expect(await stateOf(next)).toBe(0);
    expect(pool.stats()).toMatchObject({ aborted: 1, waiting: 0 });
  });

  it('a signal that has aborted rejects at once and takes nothing', async () => {
    const { pool } = setup({ max: 1 });
    (await pool.acquire()).release();
    expect(await errorOf(pool.acquire({ signal: AbortSignal.abort('no') }))).toBe('no');
    expect(pool.stats()).toMatchObject({ idle: 1, aborted: 1, acquired: 1 });
  });

  it('those who wait under one signal share one listener on it, which goes with the last of them', async () => {
    const { pool, clock } = setup({ max: 1 });
    const lease = await pool.acquire();
    const caller = countingSignal();
    const waits = Array.from({ length: 50 }, (_, k) =>
      pool.acquire({ signal: caller.signal, timeoutMs: k < 25 ? 10 : 1_000 }),
    );
    for (const wait of waits) wait.catch(() => {});
    expect([caller.listeners, caller.peak]).toEqual([1, 1]);
    await clock.advance(10);
    expect(caller.listeners).toBe(1);
    lease.release();
    expect(caller.listeners).toBe(1);
    caller.abort('all');
    await flush();
    expect(pool.stats()).toMatchObject({ timeouts: 25, aborted: 24, waiting: 0, inUse: 1 });
    expect(caller.listeners).toBe(0);
    expect(caller.peak).toBe(1);
  });

  it('an abort in the turn of a grant leaves the loan with the borrower', async () => {
    const { pool } = setup({ max: 1 });
    const lease = await pool.acquire();
    const caller = new AbortController();
    const granted = pool.acquire({ signal: caller.signal });
    lease.release();
    caller.abort('too late');
    (await granted).release();
    expect(pool.stats()).toMatchObject({ idle: 1, inUse: 0, aborted: 0 });
  });

  it('a create goes on when the one who wanted it gives up, and serves the next', async () => {
    const { create, finish, signals } = gatedCreate();
    const { pool } = setup({ create, max: 1 });
    const caller = new AbortController();
    const gone = pool.acquire({ signal: caller.signal });
    caller.abort('no');
    await errorOf(gone);
    expect(signals[0]?.aborted).toBe(false);
    await finish(0);
    expect(await stateOf(pool.acquire())).toBe(0);
  });
});

describe('a full queue', () => {
  it('with `maxWaiters` the next one is turned away at once, once every resource is on loan', async () => {
    const { create, finish, gates } = gatedCreate();
    const { pool } = setup({ create, max: 2, maxWaiters: 1 });
    const served = [pool.acquire(), pool.acquire()];
    expect(gates).toHaveLength(2);
    const waits = pool.acquire();
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_QUEUE_FULL');
    await finish(0);
    await finish(1);
    expect(await Promise.all(served.map(stateOf))).toEqual([0, 1]);
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_QUEUE_FULL');
    (await served[0]!).release();
    expect(await stateOf(waits)).toBe(0);
    expect(pool.stats().rejected).toBe(2);
  });

  it('as many may wait as before when a pool has shrunk', async () => {
    const { pool } = setup({ max: 3, maxWaiters: 1 });
    const leases = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
    pool.resize({ max: 1 });
    const wait = pool.acquire();
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_QUEUE_FULL');
    for (const lease of leases) lease.release();
    expect(await stateOf(wait)).toBe(2);
  });

  it('while resources are being destroyed, nobody is let wait for room that there is not', async () => {
    const { pool } = setup({ max: 1, maxWaiters: 0, destroy: () => new Promise(() => {}) });
    (await pool.acquire()).destroy();
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_QUEUE_FULL');
  });

  it('with `maxWaiters` 0 nobody waits for a return, only for a create that has room', async () => {
    const { pool } = setup({ max: 1, maxWaiters: 0 });
    const lease = await pool.acquire();
    expect(await codeOf(pool.acquire())).toBe('ERR_POOL_QUEUE_FULL');
    lease.release();
    expect(await stateOf(pool.acquire())).toBe(0);
  });
});

describe('tryAcquire', () => {
  it('`tryAcquire` answers at once and creates and tests nothing', async () => {
    let tests = 0;
    const { pool, clock, made } = setup({ validate: () => ++tests > 0, validateAfterIdleMs: 10 });
    expect(pool.tryAcquire()).toBeUndefined();
    await flush();
    expect(made).toEqual([]);
    (await pool.acquire()).release();
    const lease = pool.tryAcquire();
    expect(lease?.resource.id).toBe(0);
    lease?.release();
    clock.stall(10);
    expect([pool.tryAcquire(), tests, pool.stats().idle]).toEqual([undefined, 0, 1]);
    expect(await stateOf(pool.acquire())).toBe(0);
    expect(tests).toBe(1);
  });

  it('`tryAcquire` destroys what is too old on its way to what is not', async () => {
    const { pool, clock, ends } = setup({ maxLifetimeMs: 100, idleTimeoutMs: 1_000 });
    const old = await pool.acquire();
    clock.stall(50);
    (await pool.acquire()).release();
    old.release();
    clock.stall(50);
    expect(pool.tryAcquire()?.resource.id).toBe(1);
    expect(ends()).toEqual(['0:lifetime']);
  });
});
