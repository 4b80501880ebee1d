import { describe, expect, it } from 'vitest';
import type { BloomKey } from '../../src/bloom/index.ts';
import { bloomSize, createBloomFilter } from '../../src/bloom/index.ts';
import { chernoffBound } from './families.ts';
import { filled, layouts } from './kit.ts';

const KEYS = 20_000;

/** More reports than this are chance once in 10^9 runs. */
function mostReported(rate: number, asked: number): number {
  return chernoffBound(asked, rate);
}

describe('has, for keys that were not added', () => {
  it.each(layouts)('keeps the rate from 1e-2 to 1e-6', (layout) => {
    for (const [falsePositiveRate, asked] of [
      [1e-2, 100_000],
      [1e-3, 300_000],
      [1e-5, 1_500_000],
      [1e-6, 3_000_000],
    ] as const) {
      const filter = filled({ capacity: KEYS, falsePositiveRate, layout }, (k) => k);
      let reported = 0;
      for (let k = KEYS; k < KEYS + asked; k++) if (filter.has(k)) reported++;
      expect(reported, String(falsePositiveRate)).toBeLessThanOrEqual(mostReported(falsePositiveRate, asked));
    }
  });

  it.each(layouts)('keeps the rate for keys chosen against the unkeyed hash, with a secret', (layout) => {
    const secret = Uint8Array.of(9, 8, 7, 6, 5, 4, 3, 2);
    const settings = { capacity: 2000, falsePositiveRate: 0.01, layout };
    // An attacker asks a copy without the secret for keys that it reports.
    const copy = filled(settings, (k) => `key-${k}`);
    const chosen: string[] = [];
    for (let k = 0; chosen.length < 4000; k++) if (copy.has(`try-${k}`)) chosen.push(`try-${k}`);
    const kept = filled({ ...settings, secret }, (k) => `key-${k}`);
    const reported = chosen.filter((key) => kept.has(key)).length;
    expect(reported).toBeLessThanOrEqual(mostReported(0.01, chosen.length));
  });

  it('keeps the rate of tiny filters, where the usual formula is wrong', () => {
    for (const layout of layouts) {
      for (const [capacity, falsePositiveRate] of [
        [1, 1e-2],
        [1, 1e-4],
        [2, 1e-3],
        [7, 1e-3],
        [100, 1e-2],
      ] as const) {
        const rounds = 400;
        const asked = 1000;
        let reported = 0;
        for (let seed = 0; seed < rounds; seed++) {
          const filter = filled({ capacity, falsePositiveRate, layout, seed }, (k) => k);
          for (let k = capacity; k < capacity + asked; k++) if (filter.has(k)) reported++;
        }
        expect(reported, `${layout} ${capacity} ${falsePositiveRate}`).toBeLessThanOrEqual(
          mostReported(falsePositiveRate, rounds * asked),
        );
      }
    }
  });
});

describe('bloomSize', () => {
  it.each([1e-2, 1e-3, 1e-4, 1e-5, 1e-6])('takes no more memory than promised', (falsePositiveRate) => {
    // Bits over the ideal of a classic filter: the table of the guide, and 2 %.
    const allowed: Record<string, number> = {
      '0.01': 1.03,
      '0.001': 1.08,
      '0.0001': 1.14,
      '0.00001': 1.23,
      '0.000001': 1.34,
    };
    for (const capacity of [1, 10, 1000, 100_000, 3_000_000]) {
      const ideal = (capacity * Math.log(1 / falsePositiveRate)) / Math.LN2 ** 2 / 8;
      const settings = { capacity, falsePositiveRate };
      expect(bloomSize({ ...settings, layout: 'standard' }).bytes).toBeLessThanOrEqual(1.02 * ideal + 1024);
      const blocked = 1.02 * allowed[falsePositiveRate.toFixed(6).replace(/0+$/, '')]! * ideal + 1024;
      expect(bloomSize(settings).bytes).toBeLessThanOrEqual(blocked);
    }
  });

  it('says what createBloomFilter takes', () => {
    for (const layout of layouts) {
      for (const settings of [
        { capacity: 1, falsePositiveRate: 0.99 },
        { capacity: 5000, falsePositiveRate: 1e-4 },
      ]) {
        const size = bloomSize({ ...settings, layout });
        const filter = createBloomFilter({ ...settings, layout });
        expect([filter.bitCount, filter.hashCount, filter.byteLength]).toEqual([size.bits, size.hashes, size.bytes]);
        expect(size.expectedRate).toBeLessThanOrEqual(settings.falsePositiveRate);
      }
    }
  });
});

describe('stats', () => {
  it.each(layouts)('estimates the number of keys up to four times the capacity, and the rate of now', (layout) => {
    for (const falsePositiveRate of [1e-2, 1e-3]) {
      const capacity = 5000;
      const filter = createBloomFilter({ capacity, falsePositiveRate, layout });
      for (let count = 0; count < 4 * capacity;) {
        const until = count + capacity / 2;
        for (; count < until; count++) filter.add(`key-${count}`);
        const stats = filter.stats();
        expect(Math.abs(stats.estimatedCount - count)).toBeLessThanOrEqual(0.02 * count + 6 * Math.sqrt(count));
        if (count <= capacity * 0.9) expect(stats.saturated).toBe(false);
        if (count >= capacity * 1.2) expect(stats.saturated).toBe(true);
        if (stats.estimatedFalsePositiveRate < 0.005) continue;
        const asked = 60_000;
        let reported = 0;
        for (let k = 0; k < asked; k++) if (filter.has(k)) reported++;
        const noise = 5 / Math.sqrt(reported);
        expect(Math.abs(reported / asked / stats.estimatedFalsePositiveRate - 1)).toBeLessThanOrEqual(0.1 + noise);
      }
    }
  });

  it('counts the bits that are set, and survives a filter that is full', () => {
    const filter = createBloomFilter({ capacity: 3, falsePositiveRate: 0.5 });
    const keys: BloomKey[] = Array.from({ length: 5000 }, (_, k) => k);
    filter.addAll(keys);
    const { bitsSet, fillRatio, estimatedCount, estimatedFalsePositiveRate, saturated } = filter.stats();
    expect([bitsSet, fillRatio, estimatedFalsePositiveRate, saturated]).toEqual([filter.bitCount, 1, 1, true]);
    expect(Number.isFinite(estimatedCount)).toBe(true);
    const few = createBloomFilter({ capacity: 100, falsePositiveRate: 1e-6 });
    few.add('one');
    expect(few.stats().bitsSet).toBeGreaterThan(few.hashCount / 2);
    expect(few.stats().bitsSet).toBeLessThanOrEqual(few.hashCount);
  });
});
