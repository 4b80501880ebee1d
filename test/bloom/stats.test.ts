import { describe, expect, it } from 'vitest';
import type { BloomFilter } from '../../src/bloom/index.ts';
import { bloomSize, createBloomFilter, createRotatingBloom, createScalableBloom } from '../../src/bloom/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { filled, layouts } from './kit.ts';

/** The bits of a filter, one by one, off its bytes. */
function bitsOf(filter: BloomFilter): number[] {
  const bytes = filter.toBytes().subarray(48, -16);
  return [...bytes].flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

describe('stats', () => {
  it.each(layouts)('counts the bits, and has the rate from them: the mean over blocks of fill^hashes, %s', (layout) => {
    for (const [capacity, falsePositiveRate, count] of [
      [100, 0.01, 0],
      [100, 0.01, 1],
      [100, 0.001, 60],
      [1000, 1e-6, 1500],
      [2000, 0.3, 2000],
    ] as const) {
      const filter = filled({ capacity, falsePositiveRate, layout }, (k) => `key ${k}`, count);
      const bits = bitsOf(filter);
      const size = layout === 'blocked' ? 512 : bits.length;
      const fills = Array.from(
        { length: bits.length / size },
        (_, block) => sum(bits.slice(block * size, (block + 1) * size)) / size,
      );
      const stats = filter.stats();
      expect(stats.bitsSet).toBe(sum(bits));
      expect(stats.fillRatio).toBe(sum(bits) / bits.length);
      const rate = sum(fills.map((fill) => fill ** filter.hashCount)) / fills.length;
      expect(Math.abs(stats.estimatedFalsePositiveRate - rate)).toBeLessThanOrEqual(rate * 1e-12);
      // The number of keys for which as many clear bits are expected.
      const clear = (keys: number): number =>
        (1 - (1 - (1 - 1 / size) ** filter.hashCount) / fills.length) ** keys * bits.length;
      expect(clear(stats.estimatedCount)).toBeCloseTo(bits.length - sum(bits), 5);
      expect(stats.saturated).toBe(stats.estimatedCount > capacity);
    }
  });

  it('takes half a bit for clear where none is', () => {
    const filter = createBloomFilter({ capacity: 1, falsePositiveRate: 0.9, layout: 'standard' });
    for (let k = 0; k < 5000; k++) filter.add(k);
    const { estimatedCount, bitsSet } = filter.stats();
    expect([bitsSet, filter.bitCount, filter.hashCount]).toEqual([32, 32, 1]);
    expect(estimatedCount).toBeCloseTo(Math.log(0.5 / 32) / Math.log(1 - 1 / 32), 8);
  });
});

describe('the stages of createScalableBloom', () => {
  it.each<[string, object, number, number]>([
    ['growth and tightening of their own', { growth: 3, tightening: 0.5 }, 3, 0.5],
    ['those that are usual', {}, 2, 0.85],
  ])('hold initialCapacity * growth^n keys at a share of the rate that tightens, with %s', (_text, own, growth, r) => {
    for (const layout of layouts) {
      const settings = { initialCapacity: 7, falsePositiveRate: 0.01, layout };
      const filter = createScalableBloom({ ...settings, ...own });
      let [bytes, room] = [0, 0];
      for (let stage = 0; stage < 5; stage++) {
        const capacity = Math.ceil(7 * growth ** stage);
        bytes += bloomSize({ capacity, falsePositiveRate: 0.01 * ((1 - r) * r ** stage), layout }).bytes;
        room += capacity;
        for (let k = 0; filter.stats().count < room; k++) filter.add(`${stage} ${k}`);
        expect([filter.stats().stages, filter.stats().byteLength]).toEqual([stage + 1, bytes]);
      }
    }
  });

  it('have room for a rounded number of keys when growth is no whole number', () => {
    const filter = createScalableBloom({ initialCapacity: 3, falsePositiveRate: 1e-6, growth: 1.5 });
    const stages: number[] = [];
    for (let k = 0; filter.stats().count < 15; k++) if (filter.add(k)) stages.push(filter.stats().stages);
    // 3, then ceil(4.5), then ceil(6.75).
    expect(stages).toEqual([1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3]);
  });

  it('are refused only when they would take more than maxBytes', () => {
    const first = createScalableBloom({ initialCapacity: 10, falsePositiveRate: 0.01 }).stats().byteLength;
    const settings = { initialCapacity: 10, falsePositiveRate: 0.01 };
    expect(createScalableBloom({ ...settings, maxBytes: first }).stats().byteLength).toBe(first);
    expect(() => createScalableBloom({ ...settings, maxBytes: first - 1 })).toThrow(
      `a filter of ${first} bytes would exceed maxBytes of ${first - 1}`,
    );
    expect(createScalableBloom({ ...settings, maxBytes: Infinity }).stats().stages).toBe(1);
  });

  it('keep the rate that a keyed hash can keep where the share would be less', () => {
    const settings = { initialCapacity: 1_000_000, falsePositiveRate: 1e-11, secret: new Uint8Array(8) };
    const { byteLength } = createScalableBloom(settings).stats();
    const floor = 1_000_000 / 2 ** 57;
    expect(byteLength).toBe(bloomSize({ capacity: 1_000_000, falsePositiveRate: floor }).bytes);
    const open = createScalableBloom({ ...settings, secret: undefined }).stats().byteLength;
    expect(open).toBe(bloomSize({ capacity: 1_000_000, falsePositiveRate: 1e-11 * (1 - 0.85) }).bytes);
  });

  it('report together what their rates add up to', () => {
    const filter = createScalableBloom({ initialCapacity: 4, falsePositiveRate: 0.3, growth: 2 });
    for (let k = 0; k < 3000; k++) filter.add(k);
    let reported = 0;
    for (let k = 0; k < 50_000; k++) if (filter.has(`absent ${k}`)) reported++;
    expect(filter.stats().estimatedFalsePositiveRate / (reported / 50_000)).toBeCloseTo(1, 1);
  });
});

describe('the generations of createRotatingBloom', () => {
  it('are one more than the window has steps, and share the rate', () => {
    for (const [generations, own] of [
      [2, {}],
      [1, { generations: 1 }],
      [5, { generations: 5 }],
    ] as const) {
      const clock = createVirtualClock();
      const filter = createRotatingBloom({ capacity: 500, falsePositiveRate: 0.01, windowMs: 10, clock, ...own });
      const { bytes } = bloomSize({ capacity: 500, falsePositiveRate: 0.01 / (generations + 1) });
      expect(filter.byteLength).toBe((generations + 1) * bytes);
      expect(filter.stats().estimatedCounts).toHaveLength(generations + 1);
    }
    const clock = createVirtualClock();
    const settings = { capacity: 500, falsePositiveRate: 1e-6, windowMs: 10, clock };
    expect(createRotatingBloom({ ...settings, layout: 'standard' }).byteLength).toBe(
      3 * bloomSize({ capacity: 500, falsePositiveRate: 1e-6 / 3, layout: 'standard' }).bytes,
    );
  });

  it('are told the newest first, and move on at every step of the window', () => {
    const clock = createVirtualClock();
    const filter = createRotatingBloom({
      capacity: 100,
      falsePositiveRate: 1e-6,
      windowMs: 100,
      generations: 4,
      clock,
    });
    const counts = (): number[] => filter.stats().estimatedCounts.map(Math.round);
    for (const [added, expected] of [
      [1, [1, 0, 0, 0, 0]],
      [2, [2, 1, 0, 0, 0]],
      [3, [3, 2, 1, 0, 0]],
      [4, [4, 3, 2, 1, 0]],
      [5, [5, 4, 3, 2, 1]],
      [6, [6, 5, 4, 3, 2]],
      [7, [7, 6, 5, 4, 3]],
    ] as const) {
      for (let k = 0; k < added; k++) filter.add(`${added} ${k}`);
      expect(counts()).toEqual(expected);
      clock.stall(24);
      expect(counts()).toEqual(expected);
      clock.stall(1);
    }
    expect(counts()).toEqual([0, 7, 6, 5, 4]);
    clock.stall(74);
    expect(counts()).toEqual([0, 0, 0, 7, 6]);
    clock.stall(1);
    filter.add('again');
    expect(counts()).toEqual([1, 0, 0, 0, 7]);
    clock.stall(10_000);
    expect(counts()).toEqual([0, 0, 0, 0, 0]);
  });

  it('report together what each reports, and are saturated when one is', () => {
    const clock = createVirtualClock();
    const filter = createRotatingBloom({ capacity: 50, falsePositiveRate: 0.3, windowMs: 100, generations: 2, clock });
    for (let generation = 0; generation < 3; generation++) {
      for (let k = 0; k < 60; k++) filter.add(`${generation} ${k}`);
      if (generation < 2) clock.stall(50);
    }
    let reported = 0;
    for (let k = 0; k < 50_000; k++) if (filter.has(k)) reported++;
    expect(filter.stats().estimatedFalsePositiveRate / (reported / 50_000)).toBeCloseTo(1, 1);
    clock.stall(50);
    for (let k = 0; k < 90; k++) filter.add(`3 ${k}`);
    expect(filter.stats().saturated).toBe(true);
    clock.stall(100);
    expect(filter.stats().saturated).toBe(true);
    clock.stall(50);
    expect(filter.stats().saturated).toBe(false);
  });
});
