import { afterAll, describe, expect, it } from 'vitest';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import { heapGrowth, usedHeap, watchTimers } from '../support/leaks.ts';
import { setup } from './kit.ts';

const timers = watchTimers();
const ours = timers.count;
afterAll(() => timers.stop());

const kinds = [
  tokenBucket({ limit: 5, periodMs: 1000 }),
  fixedWindow({ limit: 5, windowMs: 1000 }),
  fixedWindow({ limit: 5, windowMs: 1000, align: 'epoch', name: 'aligned' }),
  slidingWindow({ limit: 5, windowMs: 1000 }),
  slidingLog({ limit: 5, windowMs: 1000 }),
].map((policy) => [`${policy.kind} ${policy.name}`, policy] as const);

describe('memory', () => {
  it.each(kinds)('does not grow with the number of keys that come: %s', async (_, policy) => {
    const { limiter, clock } = setup(policy, { maxKeys: 500 });
    const growth = await heapGrowth(
      (k) => {
        if (k % 100 === 0) clock.stall(1);
        limiter.tryAcquire(`key-${k}`);
      },
      { operations: 5000 },
    );
    expect(growth).toBeLessThan(60_000);
    expect(limiter.size).toBeLessThanOrEqual(500);
  });

  it.each(kinds)('does not grow with reservations, ended or forgotten: %s', async (_, policy) => {
    const { limiter, clock } = setup(policy, { maxKeys: 50 });
    const growth = await heapGrowth(
      (k) => {
        clock.stall(200);
        const reservation = limiter.reserve(`key-${k % 60}`, 1);
        if (k % 60 > 3) reservation?.settle(k % 3);
      },
      { operations: 5000 },
    );
    expect(growth).toBeLessThan(60_000);
  });

  it('does not grow with charges of a key whose reservation is never ended', async () => {
    for (const [, policy] of kinds) {
      const { limiter, clock } = setup(policy);
      limiter.reserve('busy', 1);
      const growth = await heapGrowth(
        () => {
          clock.stall(150);
          limiter.tryAcquire('busy');
        },
        { operations: 5000 },
      );
      expect(growth).toBeLessThan(60_000);
    }
  });

  it('does not grow with reservations of one busy key that are never ended', async () => {
    for (const [, policy] of kinds) {
      const { limiter, clock } = setup(policy);
      limiter.tryAcquire('busy', 4);
      const growth = await heapGrowth(
        () => {
          clock.stall(200);
          limiter.reserve('busy');
        },
        { operations: 15_000 },
      );
      expect(growth).toBeLessThan(60_000);
    }
  });

  it('is at most 64 bytes per key beside the key itself, with a token bucket', () => {
    const keys = Array.from({ length: 100_000 }, (_, k) => `user:${k}`);
    const probe = new Set(keys); // keys are hashed now, and count for nothing below
    const before = usedHeap() + process.memoryUsage().arrayBuffers;
    const limiter = createRateLimiter(tokenBucket({ limit: 5, periodMs: 3_600_000 }));
    for (const key of keys) limiter.tryAcquire(key);
    const after = usedHeap() + process.memoryUsage().arrayBuffers;
    expect([limiter.size, probe.size]).toEqual([100_000, 100_000]);
    expect((after - before) / 100_000).toBeLessThan(64);
  });

  it('is not asked for by tryAcquire', () => {
    for (const policies of [kinds[0]![1], [kinds[0]![1], kinds[2]![1]]]) {
      const limiter = createRateLimiter(policies, { clock: { now: () => 0, epochMs: () => 0 } });
      const call = (times: number): void => {
        for (let k = 0; k < times; k++) limiter.tryAcquire('key');
      };
      // Until the compiler is done, numbers are boxed; on a busy machine that takes it a while.
      const grown = Array.from({ length: 8 }, () => {
        call(100_000);
        const before = usedHeap();
        call(100_000);
        return process.memoryUsage().heapUsed - before;
      });
      expect(Math.min(...grown)).toBeLessThan(800_000);
    }
  });
});

describe('timers', () => {
  it('are not started by limiters, so that nothing keeps a process alive', () => {
    for (const [, policy] of kinds) {
      const limiter = createRateLimiter(policy);
      for (let k = 0; k < 10; k++) limiter.consume(`key-${k}`, k);
      limiter.reserve('key')?.settle(9);
    }
    expect(timers.count).toBe(ours);
  });
});
