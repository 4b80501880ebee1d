import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy } from '../../src/rate-limit/index.ts';
import { setup } from './kit.ts';

const call = fc.tuple(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 4 }));
const calls = fc.array(call, { maxLength: 120, size: 'max' });
const limit = fc.integer({ min: 1, max: 9 });
const windowMs = fc.integer({ min: 1, max: 300 });

interface Admission {
  readonly atMs: number;
  readonly units: number;
}

/** What passes of a trace of `[pause, cost]`. */
function admissions(policy: RateLimitPolicy, trace: readonly (readonly [number, number])[]): Admission[] {
  const { limiter, clock } = setup(policy);
  const passed: Admission[] = [];
  for (const [ms, units] of trace) {
    clock.stall(ms);
    if (limiter.tryAcquire('key', units)) passed.push({ atMs: clock.now(), units });
  }
  return passed;
}

/** Checks every interval that begins and ends with an admission: no other holds more. */
function expectAtMost(passed: readonly Admission[], most: (spanMs: number) => number): void {
  for (const [at, first] of passed.entries()) {
    let units = 0;
    for (const next of passed.slice(at)) {
      units += next.units;
      expect(units).toBeLessThanOrEqual(most(next.atMs - first.atMs));
    }
  }
}

describe('token bucket', () => {
  it('lets at most burst + floor(limit x w / periodMs) units pass in any w milliseconds', () => {
    fc.assert(
      fc.property(limit, windowMs, limit, calls, (rate, periodMs, burst, trace) => {
        const passed = admissions(tokenBucket({ limit: rate, periodMs, burst }), trace);
        expectAtMost(passed, (spanMs) => burst + Math.floor((rate * spanMs) / periodMs));
      }),
    );
  });

  it('gives a caller who always asks exactly as many, however often it asks', () => {
    fc.assert(
      fc.property(limit, windowMs, limit, fc.integer({ min: 1, max: 20 }), (rate, periodMs, more, everyMs) => {
        // Room for what flows back between two calls, and for the part of a unit that is left over before.
        const burst = more + Math.ceil((rate * everyMs) / periodMs);
        const { limiter, clock } = setup(tokenBucket({ limit: rate, periodMs, burst }));
        let units = 0;
        for (let k = 0; k <= 200; k++) {
          if (k > 0) clock.stall(everyMs);
          while (limiter.tryAcquire('key')) units++;
        }
        expect(units).toBe(burst + Math.floor((rate * 200 * everyMs) / periodMs));
      }),
    );
  });

  it('has `initial` units for every key at its first decision, and fills up to burst', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 1, periodMs: 100, burst: 10, initial: 2 }));
    expect(limiter.peek('a', 3)).toMatchObject({ allowed: false, remaining: 2, retryAfterMs: 100 });
    expect(limiter.tryAcquire('a', 2)).toBe(true);
    clock.stall(500);
    expect([limiter.peek('a', 0).remaining, limiter.peek('new', 0).remaining]).toEqual([5, 7]);
    clock.stall(10_000);
    expect([limiter.peek('a', 0).remaining, limiter.peek('new', 0).remaining]).toEqual([10, 10]);
  });
});

describe('windows', () => {
  it('fixed: lets at most `limit` units pass per window, and twice as many in any as long', () => {
    fc.assert(
      fc.property(limit, windowMs, fc.constantFrom('first', 'epoch'), calls, (most, length, align, trace) => {
        const passed = admissions(fixedWindow({ limit: most, windowMs: length, align }), trace);
        expectAtMost(passed, (spanMs) => most * (Math.floor(spanMs / length) + 2));
        expectAtMost(passed, (spanMs) => (spanMs < length ? 2 * most : Infinity));
        if (align === 'first') expectAtMost(passed.slice(0, 1), () => most);
      }),
    );
  });

  it('sliding: lets at most limit + ceil(limit x w / windowMs) units pass in any w below windowMs', () => {
    fc.assert(
      fc.property(limit, windowMs, calls, (most, length, trace) => {
        const passed = admissions(slidingWindow({ limit: most, windowMs: length }), trace);
        expectAtMost(passed, (spanMs) => (spanMs < length ? most + Math.ceil((most * spanMs) / length) : Infinity));
        expectAtMost(passed, (spanMs) => (spanMs < length ? Math.max(1, 2 * most - 1) : Infinity));
      }),
    );
  });

  it('log: lets at most `limit` units pass in every window, however few its entries', () => {
    fc.assert(
      fc.property(limit, windowMs, fc.integer({ min: 1, max: 9 }), calls, (most, length, maxEntries, trace) => {
        const exact = admissions(slidingLog({ limit: most, windowMs: length }), trace);
        const coarse = admissions(slidingLog({ limit: most, windowMs: length, maxEntries }), trace);
        for (const passed of [exact, coarse]) expectAtMost(passed, (spanMs) => (spanMs < length ? most : Infinity));
        if (maxEntries >= most) expect(coarse).toEqual(exact);
      }),
    );
  });

  it('log: holds a unit back no longer than windowMs / (maxEntries - 1) beyond its window', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 9 }),
        windowMs,
        fc.integer({ min: 2, max: 8 }),
        calls,
        (most, length, maxEntries, trace) => {
          const { limiter, clock } = setup(slidingLog({ limit: most, windowMs: length, maxEntries }));
          const passed: Admission[] = [];
          const longer = length + Math.ceil(length / (maxEntries - 1));
          for (const [ms, units] of trace) {
            clock.stall(ms);
            const counted = passed.filter(({ atMs }) => atMs > clock.now() - longer);
            const isFree = counted.reduce((sum, one) => sum + one.units, units) <= most;
            const isAllowed = limiter.tryAcquire('key', units);
            if (isFree) expect(isAllowed).toBe(true);
            if (isAllowed) passed.push({ atMs: clock.now(), units });
          }
        },
      ),
    );
  });
});
