import { describe, expect, it } from 'vitest';
import { gate } from '../support/gate.ts';
import type { Lease } from '../../src/pool/index.ts';
import { setup, stateOf } from './kit.ts';
import type { Thing } from './kit.ts';

describe('one who would wait for a test', () => {
  it('gets a resource that needs none, and no other one is touched', async () => {
    const tests: number[] = [];
    const { pool, clock } = setup({
      max: 3,
      idleOrder: 'fifo',
      validateAfterIdleMs: 100,
      validate: ({ id }) => {
        tests.push(id);
        return new Promise(() => {});
      },
    });
    const leases = await Promise.all(Array.from({ length: 3 }, () => pool.acquire()));
    leases[0]!.release();
    clock.stall(100);
    leases[1]!.release();
    leases[2]!.release();
    expect(await stateOf(pool.acquire())).toBe(1);
    expect(tests).toEqual([0]);
    expect(pool.stats()).toMatchObject({ idle: 1, testing: 1, inUse: 1, waiting: 0 });
  });

  it('sees to it that what is too old for that is destroyed', async () => {
    const slow = gate<boolean>();
    const tests: number[] = [];
    const { pool, clock, ends } = setup({
      max: 2,
      idleTimeoutMs: 100,
      validateAfterIdleMs: 10,
      validate: ({ id }) => {
        tests.push(id);
        return slow.promise;
      },
    });
    const [old, young] = [await pool.acquire(), await pool.acquire()];
    old.release();
    clock.stall(50);
    young.release();
    clock.stall(50);
    const wait = pool.acquire();
    expect([tests, ends()]).toEqual([[1], ['0:idle']]);
    slow.open(true);
    expect(await stateOf(wait)).toBe(1);
  });

  it('is served by a new resource where hooks have emptied the pool meanwhile', async () => {
    const { pool, clock, ends } = setup({
      max: 3,
      maxLifetimeMs: 100,
      maxLifetimeJitter: 0,
      destroy: (resource, reason) => {
        resource.ends.push(reason);
        pool.clear();
      },
    });
    const leases = await Promise.all(Array.from({ length: 3 }, () => pool.acquire()));
    for (const lease of leases) lease.release();
    clock.stall(100);
    expect(await stateOf(pool.acquire())).toBe(3);
    expect(pool.stats()).toMatchObject({ created: 4, destroyed: 3 });
    expect(ends()).toEqual([]);
  });
});

it('who waits because of an acquire in a test is served when the test has succeeded', async () => {
  let inner: Promise<Lease<Thing>> | undefined;
  const { pool } = setup({
    max: 2,
    validateAfterIdleMs: 0,
    validate: () => {
      inner ??= pool.acquire();
      return true;
    },
  });
  (await pool.acquire()).release();
  expect(await stateOf(pool.acquire())).toBe(0);
  expect(await stateOf(inner!)).toBe(1);
});

describe('tests in the background', () => {
  it('leave the order of idle resources as it was', async () => {
    for (const [idleOrder, expected] of [
      ['lifo', [2, 1, 0]],
      ['fifo', [0, 1, 2]],
    ] as const) {
      const tested: number[] = [];
      const draws = [1, 0, 0];
      const { pool, clock } = setup({
        max: 3,
        idleOrder,
        keepaliveMs: 100,
        validate: ({ id }) => tested.push(id) > 0,
        random: () => draws.shift() ?? 0,
      });
      const leases = await Promise.all(Array.from({ length: 3 }, () => pool.acquire()));
      for (const lease of leases) lease.release();
      await clock.advance(95);
      expect(tested).toEqual([0]);
      const again = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
      expect(again.map(({ resource }) => resource.id)).toEqual(expected);
    }
  });

  it('do not make a resource younger: it is destroyed when it has been idle for too long', async () => {
    const { pool, clock, ends } = setup({ keepaliveMs: 100, idleTimeoutMs: 250, validate: () => true });
    (await pool.acquire()).release();
    await clock.advance(249);
    expect(pool.stats().idle).toBe(1);
    await clock.advance(1);
    expect(ends()).toEqual(['0:idle']);
  });
});
