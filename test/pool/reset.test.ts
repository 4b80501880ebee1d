import { describe, expect, it } from 'vitest';
import { flush, gate } from '../support/gate.ts';
import { down, setup, stateOf } from './kit.ts';

describe('reset', () => {
  it('`release` waits for nothing and never throws; `reset` ends before the resource is lent again', async () => {
    const clean = gate();
    const { pool } = setup({ max: 1, reset: () => clean.promise });
    const lease = await pool.acquire();
    const next = pool.acquire();
    expect(lease.release()).toBeUndefined();
    await flush();
    expect(pool.stats()).toMatchObject({ testing: 1, idle: 0, inUse: 0, waiting: 1 });
    clean.open();
    expect(await stateOf(next)).toBe(0);
  });

  it('the idle time of what was reset begins when it is clean', async () => {
    const clean = gate();
    const { pool, clock, ends } = setup({ reset: () => clean.promise, idleTimeoutMs: 100 });
    const lease = await pool.acquire();
    await clock.advance(1_000);
    lease.release();
    await clock.advance(50);
    clean.open();
    await clock.advance(99);
    expect(ends()).toEqual([]);
    await clock.advance(1);
    expect(ends()).toEqual(['0:idle']);
  });

  it('what is retired on return is not reset', async () => {
    let resets = 0;
    const { pool, ends } = setup({ maxUses: 1, reset: () => void resets++ });
    (await pool.acquire()).release();
    expect([resets, ends()]).toEqual([0, ['0:uses']]);
  });

  it('a reset that fails or takes too long destroys the resource', async () => {
    const bad = [
      () => Promise.reject(down),
      () => new Promise<void>(() => {}),
      () => {
        throw down;
      },
    ];
    for (const reset of bad) {
      const { pool, clock, ends } = setup({ max: 1, reset, resetTimeoutMs: 30 });
      (await pool.acquire()).release();
      await clock.advance(30);
      expect(ends()).toEqual(['0:reset']);
      expect((await pool.acquire()).resource.id).toBe(1);
    }
  });
});
