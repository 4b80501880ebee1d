import { describe, expect, it } from 'vitest';
import { countingSignal } from '../support/counting-signal.ts';
import { flush } from '../support/gate.ts';
import { codeOf, errorOf, gatedCreate, setup, stateOf } from './kit.ts';

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

  it('an abort is heard by one who waits under a signal under which another has been served', async () => {
    const { pool } = setup({ max: 1 });
    const caller = new AbortController();
    const lease = await pool.acquire();
    const served = pool.acquire({ signal: caller.signal });
    lease.release();
    await served;
    const [first, second] = [pool.acquire({ signal: caller.signal }), pool.acquire({ signal: caller.signal })];
    caller.abort('enough');
    expect(await Promise.all([first, second].map(errorOf))).toEqual(['enough', 'enough']);
    expect(pool.stats()).toMatchObject({ aborted: 2, waiting: 0, inUse: 1 });
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
