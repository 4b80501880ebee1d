import { describe, expect, it } from 'vitest';
import type { PoolOptions } from '../../src/pool/index.ts';
import { createKeyedPool, createPool, recommendPoolSize } from '../../src/pool/index.ts';
import { flush } from '../support/gate.ts';
import { setup } from './kit.ts';

const create = (): object => ({});

const bad: readonly (readonly [string, Partial<Record<keyof PoolOptions<object>, unknown>>, string])[] = [
  ['no create', { create: undefined }, 'create must be a function'],
  ['no function', { validate: 1 }, 'validate must be a function'],
  ['no context', { runInContext: {} }, 'runInContext must be a function'],
  ['no room', { max: 0 }, 'max must be an integer of at least 1, got 0'],
  ['half a resource', { max: 1.5 }, 'max'],
  ['endless', { max: Infinity }, 'max'],
  ['more than max', { max: 2, min: 3 }, 'min must be an integer of at least 0 and at most 2, got 3'],
  ['more idle than max', { max: 2, minIdle: 3 }, 'minIdle'],
  ['no waiters', { maxWaiters: -1 }, 'maxWaiters'],
  ['half a waiter', { maxWaiters: 0.5 }, 'maxWaiters'],
  ['no number', { acquireTimeoutMs: Number.NaN }, 'acquireTimeoutMs must be a number of at least 0, got NaN'],
  ['null', { acquireTimeoutMs: null }, 'acquireTimeoutMs'],
  ['text', { createTimeoutMs: '5' }, 'createTimeoutMs'],
  ['no time to create', { createTimeoutMs: 0 }, 'createTimeoutMs'],
  ['no time to test', { validateTimeoutMs: 0 }, 'validateTimeoutMs'],
  ['no time to reset', { resetTimeoutMs: -1 }, 'resetTimeoutMs'],
  ['no time to destroy', { destroyTimeoutMs: 0 }, 'destroyTimeoutMs'],
  ['never idle', { idleTimeoutMs: 0 }, 'idleTimeoutMs'],
  ['no life', { maxLifetimeMs: 0 }, 'maxLifetimeMs'],
  ['more jitter than life', { maxLifetimeJitter: 1.1 }, 'maxLifetimeJitter'],
  ['endless jitter', { maxLifetimeJitter: Infinity }, 'maxLifetimeJitter'],
  ['no use', { maxUses: 0 }, 'maxUses'],
  ['before it was idle', { validateAfterIdleMs: -1 }, 'validateAfterIdleMs'],
  ['always alive', { keepaliveMs: 0 }, 'keepaliveMs'],
  ['keepalive of what', { keepaliveMs: 10 }, 'validate must be given with keepaliveMs'],
  ['an order', { idleOrder: 'random' }, 'idleOrder must be one of lifo, fifo, got "random"'],
  ['a growth', { growth: 'fast' }, 'growth'],
  ['no creates', { maxConcurrentCreates: 0 }, 'maxConcurrentCreates'],
  ['no pause', { createBackoff: { baseMs: 0 } }, 'createBackoff.baseMs'],
  ['shrinking pauses', { createBackoff: { baseMs: 10, maxMs: 5 } }, 'createBackoff.maxMs'],
  ['a mode', { onCreateFailure: 'hang' }, 'onCreateFailure'],
  ['a leak at once', { leakThresholdMs: 0 }, 'leakThresholdMs'],
];

describe('options', () => {
  it.each(bad)('refuse %s', (_, options, message) => {
    const make = (): unknown => createPool({ create, ...options } as PoolOptions<object>);
    expect(make).toThrow(message);
    expect(make).toThrow(/RangeError|TypeError|must be/);
  });

  it('that are undefined have their defaults', () => {
    const undefinedOnes = Object.fromEntries(
      bad.flatMap(([, options]) => Object.keys(options).map((key) => [key, undefined])),
    );
    const pool = createPool({ ...undefinedOnes, create } as PoolOptions<object>);
    expect(pool.stats()).toMatchObject({ max: 10, size: 0, waiting: 0 });
    expect(pool.name).toBe('pool');
  });

  it('of one acquire are refused by name', async () => {
    const { pool } = setup();
    await expect(pool.acquire({ signal: {} as AbortSignal })).rejects.toThrow(
      'signal must be an AbortSignal, got object',
    );
    await expect(pool.acquire({ timeoutMs: -1 })).rejects.toThrow('timeoutMs must be a number of at least 0, got -1');
    await expect(pool.acquire({ priority: Number.NaN })).rejects.toThrow('priority must be a number, got NaN');
    await expect(pool.acquire({ priority: '1' as never })).rejects.toThrow('priority must be a number, got "1"');
    await expect(pool.warm(-1)).rejects.toThrow('count must be an integer of at least 0 and at most 10, got -1');
    await expect(pool.use(() => 1, { timeoutMs: Number.NaN })).rejects.toThrow(RangeError);
    await expect(pool.close({ graceMs: -1 })).rejects.toThrow('graceMs');
    expect(pool.stats()).toMatchObject({ acquired: 0, waiting: 0 });
    await pool.acquire();
  });

  it('of a keyed pool are refused by name', () => {
    expect(() => createKeyedPool({ create, max: 5, maxPerKey: 6 })).toThrow('maxPerKey');
    expect(() => createKeyedPool({ create: 1 as never })).toThrow('create must be a function');
  });

  it('making a pool reads neither the clock nor chance', () => {
    const no = (): never => {
      throw new Error('used');
    };
    const clock = { now: no, epochMs: no, setTimeout: no, clearTimeout: no };
    createPool({ create: no, clock, random: no, min: 3, minIdle: 2, validate: no, keepaliveMs: 5, leakThresholdMs: 5 });
    createKeyedPool({ create: no, clock, random: no });
  });

  it('draw nothing where no lifetime is to be drawn', async () => {
    let draws = 0;
    const { pool } = setup({ random: () => ++draws / 10, maxUses: 1, idleTimeoutMs: 100 });
    await pool.use(() => {});
    expect(draws).toBe(0);
  });
});

describe('recommendPoolSize', () => {
  it.each([
    ['nothing to do', { arrivalsPerSecond: 0, holdMs: 100 }, 1],
    ['one at a time', { arrivalsPerSecond: 1, holdMs: 1 }, 1],
    ['Little: just above 100 x 0.05', { arrivalsPerSecond: 100, holdMs: 50, maxWaitMs: Infinity }, 6],
    ['with short waits', { arrivalsPerSecond: 200, holdMs: 20, maxWaitMs: 5 }, 6],
    ['no wait at all, for nothing', { arrivalsPerSecond: 0, holdMs: 100, maxWaitMs: 0 }, 1],
    ['tasks that hold several', { arrivalsPerSecond: 1, holdMs: 1, tasksHolding: 8, perTask: 3 }, 17],
  ])('%s', (_, load, size) => {
    expect(recommendPoolSize(load)).toBe(size);
  });

  it('agrees with Erlang C: 5 on loan of 6 wait 0.588 of the time', () => {
    // C(6, 5) = 0.5875; mean wait = C x hold / (6 - 5).
    expect(recommendPoolSize({ arrivalsPerSecond: 50, holdMs: 100, maxWaitMs: 58.8 })).toBe(6);
    expect(recommendPoolSize({ arrivalsPerSecond: 50, holdMs: 100, maxWaitMs: 58.7 })).toBe(7);
  });

  it.each([
    [{ arrivalsPerSecond: -1 }, 'arrivalsPerSecond must be a number of at least 0 and at most 1000000000, got -1'],
    [{ holdMs: Number.NaN }, 'holdMs must be a number of at least 0 and at most 1000000000, got NaN'],
    [{ maxWaitMs: -1 }, 'maxWaitMs must be a number of at least 0, got -1'],
    [{ tasksHolding: 0 }, 'tasksHolding must be an integer of at least 1, got 0'],
    [{ perTask: 0 }, 'perTask must be an integer of at least 1, got 0'],
    [{ arrivalsPerSecond: 1e9, holdMs: 1e9 }, 'arrivalsPerSecond x holdMs must be'],
  ])('refuses %o', (part, message) => {
    const recommend = (): unknown => recommendPoolSize({ arrivalsPerSecond: 1, holdMs: 1, ...part });
    expect(recommend).toThrow(message);
    expect(recommend).toThrow(RangeError);
  });

  it('lets tasks that hold several at once all finish, where one resource less lets them wait for each other', async () => {
    const tasks = 4;
    const perTask = 3;
    const size = recommendPoolSize({ arrivalsPerSecond: 1, holdMs: 1, tasksHolding: tasks, perTask });
    for (const max of [size, size - 1]) {
      const { pool, clock } = setup({ max, acquireTimeoutMs: 1_000 });
      const task = async (): Promise<string> => {
        const leases = [];
        try {
          for (let k = 0; k < perTask; k++) {
            leases.push(await pool.acquire());
            // All take one before any takes another.
            await flush();
          }
          return 'done';
        } catch (error) {
          return (error as { code: string }).code;
        } finally {
          for (const lease of leases) lease.release();
        }
      };
      const ends = Promise.all(Array.from({ length: tasks }, task));
      for (let k = 0; k < 20; k++) await flush();
      await clock.advance(1_000);
      const failed = (await ends).filter((end) => end !== 'done');
      if (max === size) expect(failed).toEqual([]);
      else expect(failed).toContain('ERR_POOL_TIMEOUT');
      expect(pool.stats()).toMatchObject({ inUse: 0, waiting: 0 });
    }
  });
});
