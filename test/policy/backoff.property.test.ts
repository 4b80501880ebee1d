import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exponentialBackoff } from '../../src/policy/index.ts';
import { createSeededRandom } from '../../src/testing/index.ts';

const settings = fc
  .record({
    baseMs: fc.integer({ min: 1, max: 5000 }),
    factor: fc.double({ min: 1, max: 10, noNaN: true }),
    above: fc.integer({ min: 0, max: 60_000 }),
    seed: fc.nat(),
  })
  .map(({ above, ...rest }) => ({ ...rest, maxMs: rest.baseMs + above }));

describe('exponentialBackoff', () => {
  it('full jitter lies between 0 and the cap, equal jitter between half the cap and the cap', () => {
    fc.assert(
      fc.property(settings, fc.integer({ min: 1, max: 2000 }), ({ seed, ...options }, attempt) => {
        const random = createSeededRandom(seed);
        const cap = exponentialBackoff({ ...options, jitter: 'none' })(attempt, 0);
        expect(cap).toBe(Math.min(options.maxMs, options.baseMs * options.factor ** (attempt - 1)));
        const full = exponentialBackoff({ ...options, jitter: 'full', random })(attempt, 0);
        const equal = exponentialBackoff({ ...options, jitter: 'equal', random })(attempt, 0);
        expect(full >= 0 && full <= cap).toBe(true);
        expect(equal >= cap / 2 && equal <= cap).toBe(true);
      }),
    );
  });

  it('decorrelated jitter lies between the base and three times the last wait, or maxMs', () => {
    fc.assert(
      fc.property(settings, ({ seed, ...options }) => {
        const backoff = exponentialBackoff({ ...options, jitter: 'decorrelated', random: createSeededRandom(seed) });
        let previousMs = 0;
        for (let attempt = 1; attempt <= 50; attempt++) {
          const wait = backoff(attempt, previousMs);
          const top = Math.min(options.maxMs, 3 * Math.max(options.baseMs, previousMs));
          expect(wait >= options.baseMs && wait <= top).toBe(true);
          previousMs = wait;
        }
      }),
    );
  });

  it('the cap is applied before the jitter, so that the longest waits differ too', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom('full' as const, 'equal' as const, 'decorrelated' as const),
        (seed, jitter) => {
          const random = createSeededRandom(seed);
          const backoff = exponentialBackoff({ baseMs: 100, maxMs: 1000, jitter, random });
          const waits = Array.from({ length: 60 }, () => backoff(30, 1000));
          expect(new Set(waits).size).toBe(60);
          expect(waits.filter((ms) => ms === 1000)).toEqual([]);
        },
      ),
    );
  });

  it('gives the same waits for the same seed', () => {
    fc.assert(
      fc.property(settings, ({ seed, ...options }) => {
        const draw = (): number[] => {
          const backoff = exponentialBackoff({ ...options, random: createSeededRandom(seed) });
          return [1, 2, 3, 4].map((attempt) => backoff(attempt, 0));
        };
        expect(draw()).toEqual(draw());
      }),
    );
  });
});
