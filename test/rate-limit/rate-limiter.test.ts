import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitDecision } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { badNumbers, hostileKeys } from '../support/arbitraries.ts';
import { admitted, setup } from './kit.ts';

const each = [
  tokenBucket({ limit: 5, periodMs: 1000 }),
  fixedWindow({ limit: 5, windowMs: 1000 }),
  fixedWindow({ limit: 5, windowMs: 1000, align: 'epoch', name: 'aligned' }),
  slidingWindow({ limit: 5, windowMs: 1000 }),
  slidingLog({ limit: 5, windowMs: 1000 }),
].map((policy) => [`${policy.kind} ${policy.name}`, policy] as const);

describe('decisions', () => {
  it('say how matters stand', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 10, periodMs: 1000, burst: 20, name: 'api' }));
    expect(limiter.consume('user', 18)).toEqual({
      allowed: true,
      policy: 'api',
      limit: 10,
      remaining: 2,
      retryAfterMs: 0,
      resetAfterMs: 1800,
      violated: [],
    });
    clock.stall(50);
    expect(limiter.consume('user', 3)).toEqual({
      allowed: false,
      policy: 'api',
      limit: 10,
      remaining: 2,
      retryAfterMs: 50,
      resetAfterMs: 1750,
      violated: ['api'],
    });
  });

  it.each(each)('of a refusal change nothing', (_, policy) => {
    const { limiter, clock } = setup(policy);
    limiter.consume('key', 4);
    clock.stall(1);
    const before = limiter.peek('key', 0);
    for (let k = 0; k < 10; k++)
      expect([limiter.consume('key', 2).allowed, limiter.tryAcquire('key', 6)]).toEqual([false, false]);
    expect(limiter.reserve('key', 2)).toBeUndefined();
    expect(limiter.peek('key', 0)).toEqual(before);
    // 6 + 6 of 10 took 12 in an old limiter, and refused what would have fitted.
    expect(limiter.tryAcquire('key', 1)).toBe(true);
  });

  it.each(each)('name a wait that is the least', (_, policy) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 300 }), fc.integer({ min: 1, max: 5 }))),
        fc.integer({ min: 1, max: 5 }),
        (steps, cost) => {
          const { limiter, clock } = setup(policy);
          for (const [ms, units] of steps) {
            clock.stall(ms);
            limiter.tryAcquire('key', units);
          }
          const { allowed, retryAfterMs } = limiter.peek('key', cost);
          if (allowed) return void expect(retryAfterMs).toBe(0);
          clock.stall(retryAfterMs - 1);
          expect(limiter.tryAcquire('key', cost)).toBe(false);
          clock.stall(1);
          expect(limiter.tryAcquire('key', cost)).toBe(true);
        },
      ),
    );
  });

  it.each(each)('ask for an endless wait only where the cost is more than can ever be taken at once', (_, policy) => {
    const { limiter } = setup(policy);
    expect(limiter.consume('key', 6)).toMatchObject({ allowed: false, retryAfterMs: Infinity, remaining: 5 });
    expect(limiter.consume('key', Number.MAX_SAFE_INTEGER).retryAfterMs).toBe(Infinity);
    expect(limiter.consume('key', 5).allowed).toBe(true);
    expect(limiter.consume('key', 5).retryAfterMs).toBeLessThanOrEqual(2000);
  });

  it.each(each)('let a cost of 0 pass whatever is owed', (_, policy) => {
    const { limiter } = setup(policy);
    limiter.reserve('key', 5)!.settle(50);
    expect(limiter.tryAcquire('key', 0)).toBe(true);
    expect(limiter.consume('key', 0)).toMatchObject({ allowed: true, retryAfterMs: 0, remaining: 0 });
    expect(limiter.tryAcquire('key', 1)).toBe(false);
    expect(setup(policy).limiter.tryAcquire('key', 0)).toBe(true);
  });

  it.each(badNumbers({ min: 0, isInteger: true }))(
    'refuse a cost that is no whole number of at least 0, and change nothing',
    (_, value) => {
      const cost = value as number;
      for (const [, policy] of each) {
        const { limiter } = setup(policy);
        for (const verb of ['tryAcquire', 'consume', 'peek', 'reserve'] as const) {
          expect(() => limiter[verb]('key', cost)).toThrow('cost must be an integer of at least 0');
        }
        expect([limiter.size, admitted(limiter, 9)]).toEqual([0, 5]);
      }
    },
  );

  it('of peek are those that consume would make, and take nothing', () => {
    const { limiter } = setup(tokenBucket({ limit: 3, periodMs: 1000 }));
    for (const cost of [2, 2, 1, 1]) {
      const seen = limiter.peek('key', cost);
      expect([limiter.peek('key', cost), limiter.consume('key', cost)]).toEqual([seen, seen]);
    }
    expect(setup(tokenBucket({ limit: 3, periodMs: 1000 })).limiter.peek('never', 3)).toMatchObject({ remaining: 0 });
  });

  it('take one unit of one key unless told otherwise', () => {
    const { limiter } = setup(tokenBucket({ limit: 3, periodMs: 1000 }));
    expect([limiter.tryAcquire(), limiter.consume().remaining, limiter.consume('').remaining]).toEqual([true, 1, 0]);
    expect(limiter.peek().allowed).toBe(false);
    limiter.reset();
    expect(limiter.peek().remaining).toBe(2);
  });
});

describe('several policies', () => {
  const second = tokenBucket({ limit: 2, periodMs: 1000, name: 'second' });
  const minute = fixedWindow({ limit: 5, windowMs: 60_000, name: 'minute' });

  it('take from all or from none', () => {
    const { limiter, clock } = setup([second, minute]);
    expect(limiter.tryAcquire('key', 2)).toBe(true);
    for (let k = 0; k < 20; k++) expect(limiter.tryAcquire('key', 1)).toBe(false);
    // What `second` refused was not charged to `minute`.
    clock.stall(1000);
    expect(limiter.consume('key', 2)).toMatchObject({
      allowed: true,
      policy: 'second',
      limit: 2,
      remaining: 0,
      violated: [],
    });
    clock.stall(1000);
    expect(limiter.consume('key', 2)).toMatchObject({
      allowed: false,
      policy: 'minute',
      limit: 5,
      remaining: 1,
      violated: ['minute'],
    });
    expect(limiter.tryAcquire('key', 1)).toBe(true);
  });

  it('show the one that refuses longest, not the one that leaves least', () => {
    const long = slidingLog({ limit: 3, windowMs: 60_000, name: 'long' });
    for (const policies of [
      [long, second],
      [second, long],
    ]) {
      const { limiter } = setup(policies);
      limiter.tryAcquire('key', 2);
      // `second` leaves 0 and waits for a second, `long` leaves 1 and waits for a minute.
      const shown = { policy: 'long', limit: 3, remaining: 1, retryAfterMs: 60_000 };
      expect(limiter.peek('key', 2)).toMatchObject({ ...shown, violated: policies.map(({ name }) => name) });
    }
  });

  it('name all that refuse, and the longest of their waits', () => {
    const { limiter, clock } = setup([second, minute]);
    for (let k = 0; k < 3; k++) {
      limiter.tryAcquire('key', k < 2 ? 2 : 1);
      clock.stall(k < 2 ? 1000 : 0);
    }
    const { retryAfterMs, violated } = limiter.consume('key', 2);
    expect([retryAfterMs, violated]).toEqual([58_000, ['second', 'minute']]);
    clock.stall(58_000);
    expect(limiter.tryAcquire('key', 2)).toBe(true);
  });
});

describe('keys', () => {
  it('are independent, and any text is one', () => {
    const { limiter } = setup(tokenBucket({ limit: 2, periodMs: 1000 }));
    for (const key of hostileKeys) expect(admitted(limiter, 5, key)).toBe(2);
    expect(limiter.size).toBe(hostileKeys.length);
    for (const key of hostileKeys) expect(limiter.tryAcquire(key)).toBe(false);
    limiter.reset('__proto__');
    expect([limiter.tryAcquire('__proto__'), limiter.tryAcquire('constructor')]).toEqual([true, false]);
  });
});

describe('shadow', () => {
  it('decides and reports as always, and admits everything', () => {
    const told: (readonly [string, RateLimitDecision])[] = [];
    const { limiter, clock } = setup(tokenBucket({ limit: 2, periodMs: 1000 }), {
      shadow: true,
      onDecision: (key, decision) => void told.push([key, decision]),
    });
    expect(limiter.consume('a', 2).allowed).toBe(true);
    expect(limiter.consume('a')).toMatchObject({ allowed: true, retryAfterMs: 500, violated: ['2/1000ms'] });
    expect([limiter.tryAcquire('a'), limiter.peek('a').allowed]).toEqual([true, true]);
    expect(limiter.reserve('a')!.decision.allowed).toBe(true);
    expect(told.map(([key, { allowed }]) => [key, allowed])).toEqual([
      ['a', true],
      ['a', false],
      ['a', false],
      ['a', false],
    ]);
    // Refusals of a shadow are refusals: nothing was charged.
    clock.stall(500);
    expect(limiter.peek('a')).toMatchObject({ retryAfterMs: 0, violated: [] });
  });

  it('takes nothing for a reservation that it would have refused', () => {
    const { limiter } = setup(tokenBucket({ limit: 2, periodMs: 1000 }), { shadow: true });
    limiter.tryAcquire('a', 2);
    const before = limiter.peek('a', 0);
    limiter.reserve('a')!.cancel();
    expect(limiter.peek('a', 0)).toEqual(before);
  });
});

describe('onDecision', () => {
  it('is told of every decision but those of peek, and may throw or reject', async () => {
    const reported: unknown[] = [];
    vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
    try {
      const keys: string[] = [];
      const onDecision = (key: string): void => {
        keys.push(key);
        if (key === 'throws') throw new Error('thrown');
        if (key === 'rejects') return Promise.reject(new Error('rejected')) as unknown as void;
      };
      const { limiter } = setup(tokenBucket({ limit: 1, periodMs: 1000 }), { onDecision });
      expect([limiter.tryAcquire('throws'), limiter.tryAcquire('throws')]).toEqual([true, false]);
      expect(limiter.consume('rejects').allowed).toBe(true);
      limiter.peek('a');
      limiter.reserve('a')!.cancel();
      await Promise.resolve();
      expect(keys).toEqual(['throws', 'throws', 'rejects', 'a']);
      expect(reported.map((error) => (error as Error).message)).toEqual(['thrown', 'thrown', 'rejected']);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('clock', () => {
  it('is the monotonic one unless another is given, looked up late', () => {
    const limiter = createRateLimiter(tokenBucket({ limit: 1, periodMs: 1000 }));
    let nowMs = 5000;
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const epoch = vi.spyOn(Date, 'now').mockImplementation(() => {
      throw new Error('not to be read');
    });
    try {
      expect(admitted(limiter, 3)).toBe(1);
      nowMs += 1000;
      expect(admitted(limiter, 3)).toBe(1);
    } finally {
      spy.mockRestore();
      epoch.mockRestore();
    }
  });

  it('is read once per decision', () => {
    let readings = 0;
    const clock = { ...createVirtualClock(), now: () => (readings++, 0), epochMs: () => 0 };
    const limiter = createRateLimiter([tokenBucket({ limit: 9, periodMs: 1 }), slidingLog({ limit: 9, windowMs: 2 })], {
      clock,
    });
    limiter.tryAcquire('a');
    limiter.tryAcquire('a');
    limiter.consume('a');
    limiter.consume('b', 50);
    limiter.peek('c');
    expect(readings).toBe(5);
    limiter.reserve('a')!.settle(3);
    expect(readings).toBe(7);
  });
});
