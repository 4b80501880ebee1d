import { describe, expect, it } from 'vitest';
import { flush } from '../support/gate.ts';
import { gatedCreate, setup, stateOf } from './kit.ts';

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
