import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/pool/index.ts';
import { gate } from '../support/gate.ts';
import { keyed } from './keyed-kit.ts';
import type { Host } from './keyed-kit.ts';
import { codeOf, down } from './kit.ts';

describe('a key', () => {
  it('stays while an acquire that finds its last resource unfit is under way', async () => {
    const { pool, clock, made } = keyed({ max: 2, maxPerKey: 1, maxLifetimeMs: 100, maxLifetimeJitter: 0 });
    (await pool.acquire('a')).release();
    clock.stall(100);
    const lease = await pool.acquire('a');
    expect(pool.stats()).toMatchObject({ keys: 1, acquired: 2, inUse: 1, created: 2, destroyed: 1 });
    // It counts against `maxPerKey`, and `close` knows of it.
    const wait = pool.acquire('a');
    expect(pool.stats()).toMatchObject({ waiting: 1, size: 1 });
    const closed = pool.close();
    expect(await codeOf(wait)).toBe('ERR_POOL_CLOSED');
    lease.release();
    await closed;
    expect(made.map(({ ends }) => ends)).toEqual([['lifetime'], ['close']]);
  });

  it('is forgotten at the end though its creates fail', async () => {
    const { pool, clock } = keyed({
      create: () => {
        throw down;
      },
    });
    const wait = codeOf(pool.acquire('a'));
    await pool.close();
    expect(await wait).toBe('ERR_POOL_CLOSED');
    expect(pool.stats()).toMatchObject({ keys: 0, createFailed: 1, rejected: 1 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives what it had to no other key that is closed with it', async () => {
    const ended = gate();
    const made: unknown[] = [];
    const { pool } = keyed({
      max: 2,
      create: (key) => ({ key: made[made.push(key) - 1], ends: [] }),
      destroy: (_, reason) => (reason === 'broken' ? ended.promise : undefined),
    });
    const [broken, idle] = [await pool.acquire('a'), await pool.acquire('a')];
    idle.release();
    broken.destroy();
    // It waits for the slot of what is being destroyed, and then everything ends.
    const wait = codeOf(pool.acquire('b'));
    const closed = pool.close();
    expect(await wait).toBe('ERR_POOL_CLOSED');
    ended.open();
    await closed;
    expect(made).toEqual(['a', 'a']);
  });

  it('gives nothing to another key when the grace of a drain is over', async () => {
    const made: unknown[] = [];
    const { pool, clock } = keyed({ max: 1, create: (key) => ({ key: made[made.push(key) - 1], ends: [] }) });
    await pool.acquire('a');
    const waits = [codeOf(pool.acquire('b')), codeOf(pool.acquire('c'))];
    const closed = pool.close({ drain: true, graceMs: 10 });
    await clock.advance(10);
    expect(await Promise.all(waits)).toEqual(['ERR_POOL_CLOSED', 'ERR_POOL_CLOSED']);
    await closed;
    expect(made).toEqual(['a']);
  });

  it('serves nobody of another key who is about to be turned away, though a listener gives a resource back meanwhile', async () => {
    const leases: Lease<Host>[] = [];
    const made: unknown[] = [];
    const { pool } = keyed({
      max: 2,
      create: (key) => ({ key: made[made.push(key) - 1], ends: [] }),
      onEvent: ({ type }) => {
        if (type === 'rejected') for (const lease of leases) lease.destroy();
      },
    });
    leases.push(await pool.acquire('a'), await pool.acquire('b'));
    const waits = [codeOf(pool.acquire('a')), codeOf(pool.acquire('b'))];
    await pool.close();
    expect(await Promise.all(waits)).toEqual(['ERR_POOL_CLOSED', 'ERR_POOL_CLOSED']);
    expect(made).toEqual(['a', 'b']);
  });
});
