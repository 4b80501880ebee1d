import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../src/testing/index.ts';
import { badNumbers } from '../support/arbitraries.ts';

const LAST_SEED = 2 ** 32 - 1;
const seeds = fc.integer({ min: 0, max: LAST_SEED });

function take(seed: number, count: number): number[] {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => random());
}

/** How far counts are from being even: the chi-square statistic, with one degree of freedom less than cells. */
function unevenness(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe('createSeededRandom', () => {
  it('gives the same sequence for the same seed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(take(seed, 50)).toEqual(take(seed, 50));
      }),
    );
  });

  it('keeps two sources of one seed apart', () => {
    const [first, second] = [createSeededRandom(9), createSeededRandom(9)];
    const ahead = [first(), first(), first()];
    expect([second(), second(), second()]).toEqual(ahead);
  });

  it('gives the same sequences on every machine', () => {
    const integers = (seed: number): number[] => take(seed, 3).map((value) => value * 2 ** 32);
    // As a C program with unsigned 32-bit arithmetic computes them.
    expect(integers(0)).toEqual([33350994, 83415710, 260840893]);
    expect(integers(1)).toEqual([2672842292, 1136996714, 4073064065]);
    expect(integers(LAST_SEED)).toEqual([2767685996, 538578972, 1885302839]);
  });

  it('gives numbers of at least 0 and below 1', () => {
    fc.assert(fc.property(seeds, (seed) => take(seed, 100).every((value) => value >= 0 && value < 1)));
  });

  it('begins with another number for every seed', () => {
    const firsts = new Set(Array.from({ length: 50_000 }, (_, seed) => take(seed, 1)[0]));
    for (let k = 0; k < 50_000; k++) firsts.add(take(LAST_SEED - k, 1)[0]);
    expect(firsts.size).toBe(100_000);
  });

  it('spreads its numbers evenly, alone and in pairs, and over the first numbers of neighbouring seeds', () => {
    const [singles, pairs, firsts] = [
      Array<number>(100).fill(0),
      Array<number>(100).fill(0),
      Array<number>(100).fill(0),
    ];
    const random = createSeededRandom(2026);
    for (let k = 0; k < 100_000; k++) {
      const [a, b] = [random(), random()];
      singles[Math.floor(a * 100)]!++;
      pairs[Math.floor(a * 10) * 10 + Math.floor(b * 10)]!++;
      firsts[Math.floor(take(k, 1)[0]! * 100)]!++;
    }
    // 99 degrees of freedom: above 149 by chance once in a thousand, below 61 as rarely (chi-square tables).
    for (const counts of [singles, pairs, firsts]) {
      expect(unevenness(counts)).toBeLessThan(149);
      expect(unevenness(counts)).toBeGreaterThan(61);
    }
  });

  it.each(badNumbers({ min: 0, max: LAST_SEED, isInteger: true }))('refuses what is no seed: %s', (_, seed) => {
    expect(() => createSeededRandom(seed as number)).toThrow(
      'seed must be an integer of at least 0 and at most 4294967295, got ',
    );
  });
});
