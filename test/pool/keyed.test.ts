import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/pool/index.ts';
import { flush } from '../support/gate.ts';
import { keyed } from './keyed-kit.ts';
import type { Host } from './keyed-kit.ts';
import { codeOf, down } from './kit.ts';

describe('a keyed pool', () => {
  it('a keyed pool never has more than `max` resources over all keys, nor more than `maxPerKey` for one', async () => {
    const { pool } = keyed({ max: 3, maxPerKey: 2 });
    const leases = [await pool.acquire('a'), await pool.acquire('a')];
    const third = pool.acquire('a');
    expect(pool.stats()).toMatchObject({ size: 2, waiting: 1, keys: 1 });
    leases.push(await pool.acquire('b'));
    const fourth = pool.acquire('b');
    expect(pool.stats()).toMatchObject({ size: 3, waiting: 2, max: 3, keys: 2 });
    leases[0]!.release();
    expect((await third).resource.key).toBe('a');
    leases[2]!.release();
    expect((await fourth).resource.key).toBe('b');
  });

  it('keeps its bound while a factory acquires another key', async () => {
    let [live, most] = [0, 0];
    const others: Promise<void>[] = [];
    const { pool } = keyed({
      max: 1,
      create: (key) => {
        most = Math.max(most, ++live);
        if (key === 'a') others.push(pool.use('b', () => {}));
        return { key, ends: [] };
      },
      destroy: () => void live--,
    });
    await pool.use('a', () => {});
    await Promise.all(others);
    expect([most, live]).toEqual([1, 1]);
  });

  it('one who waits takes the slot of the resource that has been idle for longest under another key', async () => {
    const { pool, made } = keyed({ max: 3 });
    const leases = [await pool.acquire('a'), await pool.acquire('b'), await pool.acquire('c')];
    leases[1]!.release();
    leases[0]!.release();
    const lease = await pool.acquire('d');
    expect(lease.resource.key).toBe('d');
    expect(made.map(({ ends }) => ends)).toEqual([[], ['evicted'], [], []]);
    expect(pool.stats()).toMatchObject({ size: 3, idle: 1, keys: 3 });
  });

  it('over all keys the one who has waited longest is served first, so a busy key starves nobody', async () => {
    const { pool } = keyed({ max: 2 });
    const busy = [await pool.acquire('busy'), await pool.acquire('busy')];
    const order: string[] = [];
    const wait = (key: string, name: string): Promise<void> =>
      pool.acquire(key).then((lease) => {
        order.push(name);
        lease.release();
      });
    const all = [wait('busy', 'busy 1'), wait('quiet', 'quiet'), wait('busy', 'busy 2'), wait('busy', 'busy 3')];
    busy[0]!.release();
    await flush();
    busy[1]!.release();
    await Promise.all(all);
    expect(order.indexOf('quiet')).toBeLessThanOrEqual(1);
    expect(order).toHaveLength(4);
  });

  it('makes room as fast as it may where destroying takes time', async () => {
    const { pool, clock } = keyed({
      max: 4,
      destroy: () => new Promise((resolve) => void clock.setTimeout(resolve, 10)),
    });
    const idle = await Promise.all(Array.from({ length: 4 }, () => pool.acquire('a')));
    for (const lease of idle) lease.release();
    const waits = Array.from({ length: 3 }, () => pool.acquire('b'));
    expect(pool.stats()).toMatchObject({ destroying: 3, idle: 1, size: 4 });
    await clock.advance(10);
    expect((await Promise.all(waits)).length).toBe(3);
    expect(pool.stats()).toMatchObject({ idle: 1, inUse: 3, size: 4 });
  });

  it('a key without resources and waiters is forgotten, and its counts are kept', async () => {
    const { pool, clock } = keyed({ idleTimeoutMs: 100 });
    for (let k = 0; k < 50; k++) (await pool.acquire(`host ${k % 10}`)).release();
    expect(pool.stats().keys).toBe(10);
    await clock.advance(200);
    expect(pool.stats()).toMatchObject({ keys: 0, created: 10, destroyed: 10, acquired: 50, size: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('a key whose creates fail is forgotten after their pause, and a refused acquire leaves no key', async () => {
    const { pool, clock } = keyed({ create: () => Promise.reject(down), acquireTimeoutMs: 10 });
    const wait = pool.acquire('a').catch(() => {});
    await clock.advance(10);
    await wait;
    expect(pool.stats().keys).toBe(1);
    await clock.advance(100);
    expect(pool.stats()).toMatchObject({ keys: 0, timeouts: 1 });
    await pool.acquire('b', { signal: AbortSignal.abort(1) }).catch(() => {});
    expect(pool.stats()).toMatchObject({ keys: 0, aborted: 1 });
  });

  it('higher priority goes first over all keys too', async () => {
    const { pool } = keyed({ max: 1 });
    const lease = await pool.acquire('a');
    const served: string[] = [];
    const waits = (['b', 'c', 'd'] as const).map((key, k) =>
      pool.use(key, () => void served.push(key), { priority: k === 1 ? 1 : 0 }),
    );
    lease.release();
    await Promise.all(waits);
    expect(served).toEqual(['c', 'b', 'd']);
  });

  it('what is being destroyed makes no room to wait for, over all keys', async () => {
    const { pool } = keyed({ max: 1, maxWaiters: 0, destroy: () => new Promise(() => {}) });
    (await pool.acquire('a')).destroy();
    expect(await codeOf(pool.acquire('b'))).toBe('ERR_POOL_QUEUE_FULL');
  });

  it('a key is forgotten with the last who waited for it in vain', async () => {
    const { pool, clock } = keyed({ max: 1 });
    await pool.acquire('a');
    const caller = new AbortController();
    const gone = [pool.acquire('b', { timeoutMs: 10 }), pool.acquire('c', { signal: caller.signal })];
    for (const wait of gone) wait.catch(() => {});
    expect(pool.stats().keys).toBe(3);
    await clock.advance(10);
    expect(pool.stats().keys).toBe(2);
    caller.abort();
    expect(pool.stats()).toMatchObject({ keys: 1, timeouts: 1, aborted: 1 });
  });

  it('any value is a key of its own', async () => {
    const { pool } = keyed({ max: 20 });
    const keys = ['', '__proto__', 'constructor', '\ud800', undefined, null, Number.NaN, 0, {}, {}];
    const leases = await Promise.all(keys.map((key) => pool.acquire(key)));
    expect(leases.map(({ resource }) => resource.key)).toEqual(keys);
    expect(pool.stats().keys).toBe(10);
    for (const lease of leases) lease.release();
    pool.clear(undefined);
    expect(pool.stats().keys).toBe(9);
    pool.clear('another');
    expect(pool.stats().keys).toBe(9);
    pool.clear();
    expect(pool.stats().keys).toBe(0);
  });

  it('`maxWaiters` holds over all keys', async () => {
    const { pool } = keyed({ max: 2, maxWaiters: 1 });
    await Promise.all([pool.acquire('a'), pool.acquire('b')]);
    const wait = pool.acquire('c');
    expect(await codeOf(pool.acquire('d'))).toBe('ERR_POOL_QUEUE_FULL');
    void pool.close({ graceMs: 0 });
    expect(await codeOf(wait)).toBe('ERR_POOL_CLOSED');
  });

  it('closes all keys and then takes nothing more', async () => {
    const { pool, made } = keyed({ name: 'hosts' });
    const lease: Lease<Host> = await pool.acquire('a');
    (await pool.acquire('b')).release();
    const closed = pool[Symbol.asyncDispose]();
    expect(await codeOf(pool.acquire('a'))).toBe('ERR_POOL_CLOSED');
    // A key that there is not, and so no pool of its own that is closed.
    expect(await codeOf(pool.acquire('c'))).toBe('ERR_POOL_CLOSED');
    await expect(pool.use('d', () => 1)).rejects.toThrow('hosts is closed');
    lease.release();
    await closed;
    expect(made.map(({ ends }) => ends)).toEqual([['close'], ['close']]);
    expect(pool.stats()).toMatchObject({ keys: 0, size: 0 });
  });

  it('with `drain` those who wait under any key are still served, then it closes', async () => {
    const { pool, made } = keyed({ max: 1 });
    const lease = await pool.acquire('a');
    const waits = [pool.acquire('b'), pool.acquire('a')];
    const closed = pool.close({ drain: true });
    expect(await codeOf(pool.acquire('b'))).toBe('ERR_POOL_CLOSED');
    lease.release();
    for (const wait of waits) (await wait).release();
    await closed;
    expect(made.map(({ key }) => key)).toEqual(['a', 'b', 'a']);
    expect(made.every(({ ends }) => ends.length === 1)).toBe(true);
  });

  it('is not closed by bad options', async () => {
    const { pool } = keyed();
    await expect(pool.close({ graceMs: -1 })).rejects.toThrow('graceMs must be a number of at least 0');
    expect(await pool.use('a', ({ key }) => key)).toBe('a');
    await pool.close();
  });
});
