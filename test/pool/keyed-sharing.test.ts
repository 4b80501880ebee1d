import { describe, expect, it } from 'vitest';
import { flush, gate, outcomeOf } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';
import { keyed } from './keyed-kit.ts';
import type { Host } from './keyed-kit.ts';
import { codeOf, down } from './kit.ts';

describe('slots that keys share', () => {
  it('as many resources of others are destroyed as would be created at once, and no more', async () => {
    const creates: Gate<Host>[] = [];
    const { pool, clock } = keyed({
      max: 5,
      create: (key) => {
        if (key === 'a') return { key, ends: [] };
        return creates[creates.push(gate<Host>()) - 1]!.promise;
      },
    });
    const idle = await Promise.all(Array.from({ length: 5 }, () => pool.acquire('a')));
    for (const lease of idle) lease.release();
    const first = pool.acquire('b');
    expect(pool.stats()).toMatchObject({ destroyed: 1, creating: 1, idle: 4 });
    await clock.advance(100);
    creates[0]!.open({ key: 'b', ends: [] });
    await first;
    // One create at a time beside a loan that may come back sooner: what is idle elsewhere stays.
    const waits = [pool.acquire('b'), pool.acquire('b'), pool.acquire('b')];
    await flush();
    expect(pool.stats()).toMatchObject({ destroyed: 2, creating: 1, idle: 3, waiting: 3 });
    for (const wait of waits) wait.catch(() => {});
    void pool.close({ graceMs: 0 });
  });

  it('nothing is destroyed for more than `maxPerKey`, nor while creates of the other key pause', async () => {
    let isDown = false;
    const { pool, clock } = keyed({
      max: 4,
      maxPerKey: 3,
      create: (key) => {
        if (isDown) throw down;
        return { key, ends: [] };
      },
    });
    const idle = await Promise.all(Array.from({ length: 3 }, () => pool.acquire('a')));
    for (const lease of idle) lease.release();
    isDown = true;
    const waits = Array.from({ length: 5 }, () => pool.acquire('b'));
    for (const wait of waits) wait.catch(() => {});
    await flush();
    expect(pool.stats()).toMatchObject({ createFailed: 1, idle: 3, destroyed: 0 });
    isDown = false;
    await clock.advance(50);
    expect(pool.stats()).toMatchObject({ inUse: 3, idle: 1, destroyed: 2, waiting: 2 });
  });

  it('what is about to come free is not made room for again', async () => {
    const ends: Gate<void>[] = [];
    const { pool } = keyed({ max: 3, destroy: () => ends[ends.push(gate()) - 1]!.promise });
    const leases = [await pool.acquire('a'), await pool.acquire('a'), await pool.acquire('b')];
    leases[0]!.release();
    leases[1]!.release();
    leases[2]!.destroy();
    // The slot of b comes free for c, so both of a stay.
    const wait = pool.acquire('c');
    expect(pool.stats()).toMatchObject({ destroying: 1, idle: 2 });
    // And for one who waits longer than those of a: what they give back serves themselves.
    const busy = [await pool.acquire('a'), await pool.acquire('a')];
    const mine = pool.acquire('a');
    busy[0]!.release();
    expect((await mine).resource.key).toBe('a');
    expect(pool.stats()).toMatchObject({ destroying: 1, waiting: 1 });
    ends[0]!.open();
    expect((await wait).resource.key).toBe('c');
  });

  it('a return goes to the key whose first has waited longest, whoever gives it back', async () => {
    const { pool } = keyed({ max: 2 });
    const leases = [await pool.acquire('a'), await pool.acquire('a')];
    const order: string[] = [];
    const wait = (key: string): Promise<number> =>
      pool.acquire(key).then((lease) => {
        lease.release();
        return order.push(key);
      });
    const all = [wait('b'), wait('c'), wait('a')];
    leases[0]!.release();
    await Promise.all(all);
    expect(order).toEqual(['b', 'c', 'a']);
    leases[1]!.release();
  });

  it('a failed create leaves its slot to the other keys', async () => {
    const create = gate<Host>();
    const { pool } = keyed({ max: 1, create: (key) => (key === 'a' ? create.promise : { key, ends: [] }) });
    const late = pool.acquire('a');
    late.catch(() => {});
    const wait = pool.acquire('b');
    expect((await outcomeOf(wait)).state).toBe('pending');
    create.fail(down);
    expect((await wait).resource.key).toBe('b');
  });

  it('a resource that is tested in the background makes room for another key when its test is over', async () => {
    const tests: Gate<boolean>[] = [];
    const { pool, clock } = keyed({
      max: 1,
      validate: () => tests[tests.push(gate<boolean>()) - 1]!.promise,
      keepaliveMs: 100,
      random: () => 0,
    });
    (await pool.acquire('a')).release();
    await clock.advance(100);
    const wait = pool.acquire('b');
    expect(pool.stats()).toMatchObject({ testing: 1, waiting: 1 });
    tests[0]!.open(true);
    expect((await wait).resource.key).toBe('b');
  });

  it('a test in the background does not change which resource has been idle for longest', async () => {
    const draws = [1, 0, 0];
    const tested: unknown[] = [];
    const { pool, clock, made } = keyed({
      max: 3,
      validate: ({ key }) => tested.push(key) > 0,
      keepaliveMs: 100,
      random: () => draws.shift() ?? 0,
    });
    (await pool.acquire('a')).release();
    await clock.advance(5);
    (await pool.acquire('b')).release();
    const last = await pool.acquire('c');
    await clock.advance(90);
    expect(tested).toEqual(['a']);
    last.release();
    await pool.acquire('d');
    expect(made.map(({ ends }) => ends)).toEqual([['evicted'], [], [], []]);
  });

  it('closes only when what came too late under any key has ended too', async () => {
    const [create, ended] = [gate<Host>(), gate()];
    const { pool, clock } = keyed({ create: () => create.promise, createTimeoutMs: 10, destroy: () => ended.promise });
    pool.acquire('a', { timeoutMs: 20 }).catch(() => {});
    await clock.advance(10);
    create.open({ key: 'a', ends: [] });
    await clock.advance(100);
    expect(pool.stats()).toMatchObject({ waiting: 0, size: 0 });
    const closed = pool.close();
    expect((await outcomeOf(closed)).state).toBe('pending');
    ended.open();
    await closed;
    expect(pool.stats()).toMatchObject({ keys: 0, created: 1, destroyed: 1 });
  });

  it('counts each key once, however often it is forgotten', async () => {
    const { pool } = keyed({ maxUses: 1 });
    for (let k = 0; k < 3; k++) await pool.use('a', () => {});
    await pool.acquire('a', { signal: AbortSignal.abort() }).catch(() => {});
    expect(pool.stats()).toMatchObject({ keys: 0, created: 3, acquired: 3, aborted: 1 });
  });

  it('as many may wait as over one key, those who wait for a create not counted', async () => {
    const { pool } = keyed({ max: 2, maxWaiters: 1, create: () => new Promise(() => {}) });
    const waits = ['a', 'b', 'c'].map((key) => pool.acquire(key));
    for (const wait of waits) wait.catch(() => {});
    expect(await codeOf(pool.acquire('d'))).toBe('ERR_POOL_QUEUE_FULL');
    expect(pool.stats().waiting).toBe(3);
  });

  it.each([
    [5, 2],
    [2, 1],
  ])(
    'where destroying takes time, no more is destroyed than those who wait would create (%i, %i)',
    async (maxPerKey, destroying) => {
      const creates: Gate<Host>[] = [];
      const { pool } = keyed({
        max: 6,
        maxPerKey,
        create: (key) => {
          if (key !== 'b') return { key, ends: [] };
          return creates[creates.push(gate<Host>()) - 1]!.promise;
        },
        destroy: () => new Promise(() => {}),
      });
      const keys = maxPerKey < 5 ? ['a', 'a', 'd', 'd', 'f'] : ['a', 'a', 'a', 'a', 'a'];
      const idle = await Promise.all(keys.map((key) => pool.acquire(key)));
      for (const lease of idle) lease.release();
      // One is under way in the last free slot, and two are missing.
      for (let k = 0; k < 3; k++) pool.acquire('b').catch(() => {});
      expect(pool.stats()).toMatchObject({ creating: 1, destroying, idle: 5 - destroying, waiting: 3 });
      creates[0]!.open({ key: 'b', ends: [] });
      await flush();
      // With one of its own on loan, no more than one would be created at a time.
      expect(pool.stats()).toMatchObject({ inUse: 1, destroying, idle: 5 - destroying, waiting: 2 });
      void pool.close({ graceMs: 0 });
    },
  );

  it('beside a loan of its own one resource of others is destroyed at a time, and none above `maxPerKey`', async () => {
    for (const [maxPerKey, waiting, destroying] of [
      [6, 4, 1],
      [1, 4, 0],
    ] as const) {
      const { pool } = keyed({ max: 6, destroy: () => new Promise(() => {}), maxPerKey });
      const idle = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => pool.acquire(key)));
      await pool.acquire('z');
      for (const lease of idle) lease.release();
      for (let k = 0; k < waiting; k++) pool.acquire('z').catch(() => {});
      expect(pool.stats()).toMatchObject({ destroying, idle: 5 - destroying, waiting });
      void pool.close({ graceMs: 0 });
    }
    const { pool } = keyed({ max: 6, destroy: () => new Promise(() => {}), maxPerKey: 2 });
    const idle = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((key) => pool.acquire(key)));
    for (const lease of idle) lease.release();
    for (let k = 0; k < 4; k++) pool.acquire('z').catch(() => {});
    expect(pool.stats()).toMatchObject({ destroying: 2, idle: 4, waiting: 4 });
    void pool.close({ graceMs: 0 });
  });

  it('nothing is destroyed for one who has given up', async () => {
    const { pool } = keyed({ max: 2 });
    const [mine, other] = [await pool.acquire('a'), await pool.acquire('b')];
    const caller = new AbortController();
    const wait = pool.acquire('b', { signal: caller.signal });
    caller.abort('enough');
    await expect(wait).rejects.toBe('enough');
    mine.release();
    expect(pool.stats()).toMatchObject({ idle: 1, destroyed: 0 });
    other.release();
    expect(pool.stats()).toMatchObject({ idle: 2, destroyed: 0 });
  });
});
