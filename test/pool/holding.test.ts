import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../../src/testing/index.ts';
import { holdingClock } from '../support/holding-clock.ts';
import { down, setup } from './kit.ts';

describe('the process', () => {
  it('is held by a pause between creates only while somebody waits for its end', async () => {
    const time = createVirtualClock();
    const clock = holdingClock(time);
    const { pool } = setup({ clock, create: () => Promise.reject(down), acquireTimeoutMs: Infinity });
    const caller = new AbortController();
    const wait = pool.acquire({ signal: caller.signal });
    wait.catch(() => {});
    await time.advance(1);
    expect([clock.held, time.pendingTimers]).toEqual([1, 1]);
    caller.abort();
    expect([clock.held, time.pendingTimers]).toEqual([0, 1]);
    pool.acquire().catch(() => {});
    expect([clock.held, time.pendingTimers]).toEqual([1, 1]);
    await pool.close();
    expect([clock.held, time.pendingTimers]).toEqual([0, 0]);
  });

  it('is not held by what is idle, nor by what is on loan and watched', async () => {
    const time = createVirtualClock();
    const clock = holdingClock(time);
    const { pool } = setup({ clock, idleTimeoutMs: 100, leakThresholdMs: 1_000 });
    const [lease, other] = [await pool.acquire(), await pool.acquire()];
    other.release();
    for (let k = 0; k < 5; k++) {
      expect([clock.held, time.pendingTimers]).toEqual([0, 1]);
      await time.advance(90);
    }
    lease.release();
    await pool.close();
    expect(time.pendingTimers).toBe(0);
  });
});
