import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BloomLayout } from '../../src/bloom/index.ts';
import { bloomSize } from '../../src/bloom/index.ts';

const BLOCK = 512;
/** What the sizes keep in hand. */
const MARGIN = 0.97;

/** Rates by loads of one block of `size` bits: exact, by the chances of every number of bits that may be set. */
function ratesByLoad(size: number, hashes: number, most: number): number[] {
  let chances = new Float64Array(size + 1);
  chances[0] = 1;
  const rateOf = (): number => chances.reduce((sum, chance, set) => sum + chance * (set / size) ** hashes, 0);
  const rates = [rateOf()];
  for (let load = 1; load <= most; load++) {
    for (let hash = 0; hash < hashes; hash++) {
      const next = new Float64Array(size + 1);
      for (let set = 0; set <= size; set++) {
        next[set]! += (chances[set]! * set) / size;
        if (set < size) next[set + 1]! += (chances[set]! * (size - set)) / size;
      }
      chances = next;
    }
    rates.push(rateOf());
  }
  return rates;
}

/** The exact share of absent keys that a filter reports. */
function exactRate(layout: BloomLayout, capacity: number, bits: number, hashes: number): number {
  if (layout === 'standard') return ratesByLoad(bits, hashes, capacity)[capacity]!;
  const blocks = bits / BLOCK;
  const rates = ratesByLoad(BLOCK, hashes, capacity);
  // The chance of each number of keys in a block, by one key after the other.
  let loads = new Float64Array(capacity + 1);
  loads[0] = 1;
  for (let key = 0; key < capacity; key++) {
    loads = loads.map((chance, load) => chance * (1 - 1 / blocks) + (load > 0 ? loads[load - 1]! / blocks : 0));
  }
  return loads.reduce((sum, chance, load) => sum + chance * rates[load]!, 0);
}

const rates = fc.integer({ min: 10, max: 500 }).map((hundredths) => 10 ** (-hundredths / 100));
const kinds = ['blocked', 'standard'] as const;

describe('bloomSize', () => {
  it.each(kinds)('says the exact rate of small filters or a little more, and keeps the one asked for: %s', (layout) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), rates, (capacity, falsePositiveRate) => {
        const { bits, hashes, bytes, expectedRate } = bloomSize({ capacity, falsePositiveRate, layout });
        const exact = exactRate(layout, capacity, bits, hashes);
        expect(exact).toBeLessThanOrEqual(expectedRate * (1 + 1e-9));
        expect(expectedRate).toBeLessThanOrEqual(MARGIN * falsePositiveRate);
        // Few keys set fewer bits alike than the approximation of the variance has it.
        if (capacity >= 5 && layout === 'standard') expect(expectedRate / exact).toBeLessThan(1.02);
        expect(bytes).toBe(48 + bits / 8 + 16);
        expect(bits % (layout === 'blocked' ? BLOCK : 32)).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it('is the smallest that keeps the rate, tested by as few hashes as keep it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 15 }), rates, (capacity, falsePositiveRate) => {
        const { bits, hashes } = bloomSize({ capacity, falsePositiveRate, layout: 'standard' });
        const target = (MARGIN * falsePositiveRate) / 1.02;
        for (let more = 1; bits > 32 && more < hashes + 3; more++) {
          expect(exactRate('standard', capacity, bits - 32, more)).toBeGreaterThan(target);
        }
        if (hashes > 1) expect(exactRate('standard', capacity, bits, hashes - 1)).toBeGreaterThan(target);
      }),
      { numRuns: 20 },
    );
  });

  // Filters of two versions can only be united, and asked by each other's bits, when their sizes stay the same.
  it.each<[BloomLayout, number, number, number, number, number]>([
    ['blocked', 2, 0.5, 512, 1, 0.003902435302734375],
    ['blocked', 2, 0.01, 512, 1, 0.003902435302734375],
    ['blocked', 2, 0.001, 512, 2, 0.00006072285856024157],
    ['blocked', 2, 1e-6, 512, 4, 5.8293456606623217e-8],
    ['blocked', 2, 1e-12, 512, 8, 8.297101388211932e-13],
    ['blocked', 100, 0.5, 512, 1, 0.17757952140861422],
    ['blocked', 100, 0.01, 1024, 5, 0.00913532333652463],
    ['blocked', 100, 0.001, 1536, 9, 0.0009327783327864978],
    ['blocked', 100, 1e-6, 4096, 11, 9.449024855344493e-7],
    ['blocked', 100, 1e-12, 15360, 25, 9.514086288164432e-13],
    ['blocked', 1000, 0.5, 1536, 1, 0.47860829480174205],
    ['blocked', 1000, 0.01, 10240, 5, 0.009531251298736129],
    ['blocked', 1000, 0.001, 15872, 8, 0.0009180225083142442],
    ['blocked', 1000, 1e-6, 38912, 16, 9.476648304309883e-7],
    ['blocked', 1000, 1e-12, 159744, 26, 9.439877389387258e-13],
    ['blocked', 1000000, 0.5, 1514496, 1, 0.483296403905439],
    ['blocked', 1000000, 0.01, 10041344, 6, 0.009500990116272178],
    ['blocked', 1000000, 0.001, 15704576, 9, 0.0009420225976977736],
    ['blocked', 1000000, 1e-6, 39156736, 15, 9.530671783908646e-7],
    ['blocked', 1000000, 1e-12, 160747520, 25, 9.54757322654124e-13],
    ['blocked', 100000000, 0.5, 151449088, 1, 0.4832974457864673],
    ['blocked', 100000000, 0.01, 1004125696, 6, 0.009501387935664818],
    ['blocked', 100000000, 0.001, 1570477568, 9, 0.0009419649197106481],
    ['blocked', 100000000, 1e-6, 3915678208, 15, 9.53088142250404e-7],
    ['standard', 1, 0.5, 32, 1, 0.03125],
    ['standard', 1, 0.01, 32, 2, 0.0038148112037239136],
    ['standard', 1, 0.001, 32, 3, 0.0007731415344379853],
    ['standard', 1, 1e-6, 64, 6, 5.899039425395821e-7],
    ['standard', 1, 1e-12, 96, 15, 4.343035069626056e-13],
    ['standard', 7, 0.5, 32, 1, 0.19927754349191673],
    ['standard', 7, 0.01, 96, 3, 0.0077924388964053775],
    ['standard', 7, 0.001, 128, 5, 0.0008229333227577038],
    ['standard', 7, 1e-6, 224, 13, 7.468629767891764e-7],
    ['standard', 7, 1e-12, 416, 33, 9.390553286183222e-13],
    // Where the last size that was tried wants fewer hashes than the one that is taken.
    ['standard', 4, 4.5708818961487516e-7, 128, 17, 4.3183912951367905e-7],
    ['standard', 13, 0.000977237220955811, 192, 9, 0.0009272587160826917],
    ['standard', 100, 0.5, 160, 1, 0.4657873516253167],
    ['standard', 100, 0.01, 992, 6, 0.008800499665112316],
    ['standard', 100, 0.001, 1472, 8, 0.0009631832565650576],
    ['standard', 100, 1e-6, 2912, 17, 9.627945608876739e-7],
    ['standard', 100, 1e-12, 5792, 36, 9.404837445576625e-13],
    ['standard', 65536, 0.5, 98784, 1, 0.48491875509361027],
    ['standard', 65536, 0.01, 632736, 7, 0.009698935358970975],
    ['standard', 65536, 0.001, 946432, 10, 0.0009698232037794685],
    ['standard', 65536, 1e-6, 1888672, 20, 9.699110785161357e-7],
    ['standard', 65536, 1e-12, 3773184, 40, 9.698896195100905e-13],
    ['standard', 100000000, 0.5, 150695840, 1, 0.48499997644386006],
    ['standard', 100000000, 0.01, 965453856, 7, 0.009699981423282456],
    ['standard', 100000000, 0.001, 1444099360, 10, 0.0009699972381756179],
    ['standard', 100000000, 1e-6, 2881860672, 20, 9.69988030139322e-7],
  ])('is in version 1: %s of %s keys at %s, %s bits and %s hashes', (layout, capacity, falsePositiveRate, ...size) => {
    const { bits, hashes, expectedRate } = bloomSize({ capacity, falsePositiveRate, layout });
    expect([bits, hashes, expectedRate]).toEqual(size);
  });

  it('is blocked unless told', () => {
    const settings = { capacity: 100, falsePositiveRate: 1e-6 };
    expect(bloomSize(settings)).toEqual(bloomSize({ ...settings, layout: 'blocked' }));
    expect(bloomSize(settings)).not.toEqual(bloomSize({ ...settings, layout: 'standard' }));
  });

  it('reaches 2^32 bits, and refuses what needs more', () => {
    for (const layout of kinds) {
      const fits = (capacity: number): boolean => {
        try {
          return bloomSize({ capacity, falsePositiveRate: 0.01, layout }).bits <= 2 ** 32;
        } catch (error) {
          expect((error as Error).message).toBe(
            `capacity must be small enough for 2^32 bits at a rate of 0.01, got ${capacity}`,
          );
          return false;
        }
      };
      let [low, high] = [1e8, 1e9];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (fits(middle)) low = middle;
        else high = middle;
      }
      const { bits } = bloomSize({ capacity: low, falsePositiveRate: 0.01, layout });
      expect(2 ** 32 - bits).toBeLessThan(2 ** 32 * 1e-6);
    }
  });
});
