import { describe, expect, inject, it } from 'vitest';
import type { BloomLayout } from '../../src/bloom/index.ts';
import { bloomSize, createBloomFilter } from '../../src/bloom/index.ts';
import { families } from './families.ts';
import type { PositionsOf } from './flawed.ts';
import { createFlawedFilter, from32Bits, ignoringSeeds } from './flawed.ts';
import { layouts } from './kit.ts';
import type { Membership, Tally } from './rates.ts';
import { isKept, keysOf, MOST_OVER_TARGET, pool, tally } from './rates.ts';

// Of Node alone only because it takes long: the bytes of a filter are the same everywhere, as other tests make sure.

const KEYS = 20_000;
const targets = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

/** More samples where more runs are asked for. */
const scale = Math.max(0.5, inject('runs') / 100);

type Make = (falsePositiveRate: number, layout: BloomLayout, capacity: number) => (seed: number) => Membership;

const ours: Make = (falsePositiveRate, layout, capacity) => (seed) =>
  createBloomFilter({ capacity, falsePositiveRate, layout, seed });

/** Asks filters of `capacity` keys, one for each family, until `asked` keys that are not in have been asked for. */
function askFamilies(make: Make, target: number, layout: BloomLayout, capacity: number, asked: number): Tally {
  const each = Math.min(Math.ceil(asked / families.length), 100_000);
  const seeds = Math.ceil(asked / families.length / each);
  return pool(families.map((family) => tally(make(target, layout, capacity), keysOf(family, capacity, each), seeds)));
}

/** Twenty times the keys at which a collision of 32 bits alone reports as many as the target allows. */
const MANY = 100_000;
const SMALL_TARGET = 1e-6;
const askMany = (make: Make, layout: BloomLayout): Tally =>
  askFamilies(make, SMALL_TARGET, layout, MANY, 1.3e6 * scale);
const askFew = (make: Make, layout: BloomLayout): Tally => askFamilies(make, 1e-2, layout, KEYS, 780_000 * scale);

describe.each(layouts)('measured/target at capacity, %s layout', (layout) => {
  describe.each(families.map((family) => [family.name, family] as const))('%s', (_name, family) => {
    it('is at most 1.05 for every family of keys, read off the bits and asked for', () => {
      const { added } = keysOf(family, KEYS, 0);
      // The bits tell the rate for hashes that fall anywhere. That of one small filter scatters, by a tenth at 1e-6, as
      // a few blocks that happen to be full make most of it: hence the mean over more filters the smaller the target.
      for (const [power, target] of targets.entries()) {
        const seeds = Array.from({ length: 2 ** power }, (_, seed) => seed);
        const rates = seeds.map((seed) => {
          const filter = createBloomFilter({ capacity: KEYS, falsePositiveRate: target, layout, seed });
          filter.addAll(added);
          return filter.stats().estimatedFalsePositiveRate;
        });
        const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
        expect(mean / target, String(target)).toBeLessThanOrEqual(MOST_OVER_TARGET);
      }
      // And absent keys tell that theirs do fall anywhere.
      const asked = tally(ours(1e-2, layout, KEYS), keysOf(family, KEYS, 100_000), Math.ceil(scale));
      expect(isKept(asked, 1e-2)).toBe(true);
    });
  });

  it('is at most 1.05 over all families together, from 1e-2 to 1e-6', () => {
    for (const [target, asked] of [
      [1e-3, 2e6],
      [1e-4, 4e6],
      [1e-5, 4e6],
    ] as const) {
      expect(isKept(askFamilies(ours, target, layout, KEYS, asked * scale), target), String(target)).toBe(true);
    }
    const few = askFew(ours, layout);
    // 7800 reports: what chance adds is about a hundredth.
    expect(few.reported / few.asked / 1e-2).toBeLessThanOrEqual(MOST_OVER_TARGET);
    expect(isKept(askMany(ours, layout), SMALL_TARGET)).toBe(true);
  }, 120_000);
});

describe('the check of measured/target', () => {
  const flawed =
    (positionsOf: PositionsOf): Make =>
    (falsePositiveRate, layout, capacity) =>
    () =>
      createFlawedFilter(bloomSize({ capacity, falsePositiveRate, layout }), positionsOf);

  it('refuses a hash of 32 bits, and one that ignores its seeds', () => {
    expect(isKept(askMany(flawed(from32Bits), 'standard'), SMALL_TARGET)).toBe(false);
    expect(isKept(askFew(flawed(ignoringSeeds), 'standard'), 1e-2)).toBe(false);
    // It is the collisions that do it: for few keys 32 bits suffice.
    expect(isKept(askFew(flawed(from32Bits), 'standard'), 1e-2)).toBe(true);
  }, 120_000);
});
