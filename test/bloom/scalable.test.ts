import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScalableBloomOptions } from '../../src/bloom/index.ts';
import { createScalableBloom, hashKey } from '../../src/bloom/index.ts';
import { badNumbers } from '../support/arbitraries.ts';
import { chernoffBound } from './families.ts';
import { anyKey } from './kit.ts';

const options: ScalableBloomOptions = { initialCapacity: 10, falsePositiveRate: 0.01 };

describe('createScalableBloom', () => {
  it('is true for every key that was added, over any number of stages', () => {
    fc.assert(
      fc.property(
        fc.record({
          initialCapacity: fc.integer({ min: 1, max: 5 }),
          falsePositiveRate: fc.double({ min: 1e-6, max: 0.5, noNaN: true }),
          growth: fc.double({ min: 1.1, max: 4, noNaN: true }),
          layout: fc.constantFrom('blocked' as const, 'standard' as const),
          secret: fc.option(fc.uint8Array({ minLength: 8, maxLength: 8 }), { nil: undefined }),
        }),
        fc.array(anyKey(), { maxLength: 60 }),
        (own, keys) => {
          const filter = createScalableBloom(own);
          let news = 0;
          for (const key of keys) {
            const wasThere = filter.has(key);
            expect(filter.add(key)).toBe(!wasThere);
            if (!wasThere) news++;
          }
          expect(keys.every((key) => filter.has(key) && filter.hasHash(hashKey(key, own)))).toBe(true);
          expect(filter.stats().count).toBe(news);
        },
      ),
    );
  });

  it('keeps its rate at a thousand times the initial capacity, in four times the ideal memory at most', () => {
    const keys = 30_000;
    for (const falsePositiveRate of [0.01, 0.001]) {
      const filter = createScalableBloom({ initialCapacity: 30, falsePositiveRate });
      let worst = 0;
      for (let k = 0; k < keys; k++) {
        filter.add(k);
        if (k < 1000 || k % 1000 > 0) continue;
        const ideal = (k * Math.log(1 / falsePositiveRate)) / Math.LN2 ** 2 / 8;
        worst = Math.max(worst, filter.stats().byteLength / ideal);
      }
      expect(worst).toBeLessThanOrEqual(4);
      const asked = 200_000;
      let reported = 0;
      for (let k = 0; k < asked; k++) if (filter.has(`absent-${k}`)) reported++;
      expect(reported).toBeLessThanOrEqual(chernoffBound(asked, falsePositiveRate));
      expect(filter.stats().estimatedFalsePositiveRate).toBeLessThanOrEqual(falsePositiveRate);
    }
  });

  it('throws ERR_BLOOM_FULL rather than exceed `maxBytes`, and keeps what it has', () => {
    const filter = createScalableBloom({ ...options, maxBytes: 500 });
    const added: number[] = [];
    const fill = (): void => {
      for (let k = 0; k < 10_000; k++) {
        filter.add(k);
        added.push(k);
      }
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'ERR_BLOOM_FULL' }));
    expect(filter.stats().byteLength).toBeLessThanOrEqual(500);
    expect(added.length).toBeGreaterThanOrEqual(10);
    expect(added.every((k) => filter.has(k))).toBe(true);
    expect(filter.add(added[0]!)).toBe(false);
    expect(() => createScalableBloom({ ...options, maxBytes: 10 })).toThrow(/maxBytes/);
  });

  it('grows with a secret beyond what its hash can keep the rate for, rather than throw', () => {
    const secret = new Uint8Array(8);
    const filter = createScalableBloom({ initialCapacity: 1, falsePositiveRate: 1e-12, growth: 16, secret });
    for (let k = 0; k < 20_000; k++) filter.add(k);
    expect(filter.stats().count).toBe(20_000);
  });

  it('forgets all keys and stages when it is cleared', () => {
    const filter = createScalableBloom(options);
    const before = filter.stats();
    expect(filter.addAll(Array.from({ length: 100 }, (_, k) => k))).toBeGreaterThan(90);
    expect(filter.stats().stages).toBeGreaterThan(1);
    filter.clear();
    expect(filter.stats()).toEqual(before);
    expect(filter.has(1)).toBe(false);
  });

  it.each(badNumbers({ min: 1, max: Number.MAX_SAFE_INTEGER, isInteger: true }))(
    'refuses an initialCapacity of %s',
    (_text, bad) => {
      expect(() => createScalableBloom({ ...options, initialCapacity: bad as number })).toThrow(
        /initialCapacity must be/,
      );
    },
  );

  it('refuses other bad options by their names', () => {
    for (const [name, values] of Object.entries({
      falsePositiveRate: [0, 1, 1e-13, Number.NaN, '0.1'],
      growth: [1, 0, 17, Number.NaN, '2'],
      tightening: [0, 1, Number.NaN],
      maxBytes: [0, -1, Number.NaN],
      layout: ['square'],
      seed: [-1],
      secret: [new Uint8Array(3)],
    })) {
      for (const value of values) {
        expect(() => createScalableBloom({ ...options, [name]: value })).toThrow(`${name} must be`);
      }
    }
  });
});
