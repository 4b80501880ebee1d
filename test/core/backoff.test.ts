import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { constantBackoff, exponentialBackoff } from '../../src/core/backoff.ts';
import type { Backoff, ExponentialBackoffOptions, Jitter } from '../../src/core/backoff.ts';
import { createSeededRandom } from '../../src/testing/index.ts';
import { badNumbers } from '../support/arbitraries.ts';

const MOST = Number.MAX_SAFE_INTEGER;
const ALMOST_ONE = 1 - 2 ** -53;

afterEach(() => {
  vi.restoreAllMocks();
});

/** The waits before the first `count` retries. */
function waits(backoff: Backoff, count: number): number[] {
  const list: number[] = [];
  for (let attempt = 1; attempt <= count; attempt++) list.push(backoff(attempt, list.at(-1) ?? 0));
  return list;
}

describe('exponentialBackoff', () => {
  it.each([
    ['none', 0.5, [100, 300, 900, 1000, 1000]],
    ['full', 0, [0, 0, 0, 0, 0]],
    ['full', 0.5, [50, 150, 450, 500, 500]],
    ['equal', 0, [50, 150, 450, 500, 500]],
    ['equal', 0.5, [75, 225, 675, 750, 750]],
    ['decorrelated', 0, [100, 100, 100, 100, 100]],
    ['decorrelated', 0.5, [200, 350, 550, 550, 550]],
  ] as [Jitter, number, number[]][])(
    'with jitter %s and chance %f waits as its formula says',
    (jitter, chance, wanted) => {
      const backoff = exponentialBackoff({ baseMs: 100, factor: 3, maxMs: 1000, jitter, random: () => chance });
      expect(waits(backoff, 5)).toEqual(wanted);
    },
  );

  it('by default starts at 50 ms, doubles, stays at 20 s and spreads from 0 with Math.random', () => {
    const chance = vi.spyOn(Math, 'random').mockReturnValue(ALMOST_ONE);
    expect(waits(exponentialBackoff(), 11).map(Math.round)).toEqual([
      50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000,
    ]);
    chance.mockReturnValue(0);
    expect(waits(exponentialBackoff({}), 3)).toEqual([0, 0, 0]);
  });

  it('takes an option of undefined as its default', () => {
    const options = { baseMs: undefined, factor: undefined, maxMs: undefined } as unknown as ExponentialBackoffOptions;
    expect(waits(exponentialBackoff({ ...options, jitter: 'none' }), 3)).toEqual([50, 100, 200]);
  });

  it('stays at the longest wait however many attempts there were', () => {
    const backoff = exponentialBackoff({ jitter: 'none', factor: MOST, baseMs: 1 });
    expect([backoff(1, 0), backoff(2, 0), backoff(1e9, 0)]).toEqual([1, 20_000, 20_000]);
    expect(exponentialBackoff({ jitter: 'none', factor: 1 })(1e9, 0)).toBe(50);
  });

  it('keeps every wait within the bounds of its jitter', () => {
    const options = fc.record({
      baseMs: fc.integer({ min: 1, max: 1000 }),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      moreMs: fc.nat({ max: 100_000 }),
    });
    const any = fc.tuple(options, fc.nat({ max: 2 ** 31 }), fc.constantFrom('full', 'equal', 'decorrelated'));
    fc.assert(
      fc.property(any, ([{ baseMs, factor, moreMs }, seed, jitter]) => {
        const maxMs = baseMs + moreMs;
        const all = waits(exponentialBackoff({ baseMs, factor, maxMs, jitter, random: createSeededRandom(seed) }), 12);
        for (const [k, ms] of all.entries()) {
          const cap = Math.min(maxMs, baseMs * factor ** k);
          const low = jitter === 'full' ? 0 : jitter === 'equal' ? cap / 2 : baseMs;
          const high = jitter === 'decorrelated' ? Math.min(maxMs, 3 * Math.max(baseMs, all[k - 1] ?? 0)) : cap;
          expect(ms).toBeGreaterThanOrEqual(low);
          expect(ms).toBeLessThanOrEqual(high);
        }
      }),
    );
  });

  it.each(badNumbers({ min: 1, max: MOST }))('refuses %s as base, factor and longest wait', (_, bad) => {
    const value = bad as number;
    expect(() => exponentialBackoff({ baseMs: value })).toThrow('baseMs must be a number of at least 1, got ');
    expect(() => exponentialBackoff({ factor: value })).toThrow('factor must be a number of at least 1, got ');
    expect(() => exponentialBackoff({ maxMs: value, baseMs: 1 })).toThrow('maxMs must be a number of at least 1, got ');
  });

  it('refuses a longest wait below the first one, and a jitter it does not know', () => {
    expect(() => exponentialBackoff({ baseMs: 10, maxMs: 9 })).toThrow('maxMs must be a number of at least 10, got 9');
    expect(exponentialBackoff({ baseMs: 10, maxMs: 10, jitter: 'none' })(5, 0)).toBe(10);
    expect(() => exponentialBackoff({ jitter: 'some' as Jitter })).toThrow(
      'jitter must be one of none, full, equal, decorrelated, got "some"',
    );
  });
});

describe('constantBackoff', () => {
  it('waits the same before each retry', () => {
    expect(waits(constantBackoff(70), 4)).toEqual([70, 70, 70, 70]);
    expect(waits(constantBackoff(0), 2)).toEqual([0, 0]);
  });

  it.each(badNumbers({ min: 0, max: MOST }))('refuses %s', (_, bad) => {
    expect(() => constantBackoff(bad as number)).toThrow('ms must be a number of at least 0, got ');
  });
});
