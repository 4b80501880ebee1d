import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrequencySketch } from '../../src/cache/frequency-sketch.ts';
import { createSeededRandom } from '../../src/testing/index.ts';

const hashes = (count: number, seed = 1): number[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => (random() * 2 ** 32) | 0);
};

describe('a frequency sketch', () => {
  it('counts a key that is alone to 15 and no further, however many uses come at once', () => {
    for (const hash of [0, 1, -1, 0x7fffffff, ...hashes(50)]) {
      const sketch = new FrequencySketch(64);
      expect(sketch.estimate(hash)).toBe(0);
      for (let uses = 1; uses <= 20; uses++) {
        sketch.add(hash, 1);
        expect(sketch.estimate(hash)).toBe(Math.min(15, uses));
      }
      const other = new FrequencySketch(64);
      other.add(hash, 9);
      expect(other.estimate(hash)).toBe(9);
      other.add(hash, 9);
      expect(other.estimate(hash)).toBe(15);
    }
  });

  it('never says less than what was counted since its last halving began', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.nat(40), { maxLength: 70 }), (capacity, list) => {
        const [sketch, keys] = [new FrequencySketch(capacity), hashes(41)];
        const counts = new Map<number, number>();
        // Fewer than ten times the capacity, or eight.
        for (const key of list.slice(0, 10 * Math.max(capacity, 8) - 1)) {
          sketch.add(keys[key]!, 1);
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
        for (const [key, count] of counts)
          expect(sketch.estimate(keys[key]!)).toBeGreaterThanOrEqual(Math.min(15, count));
      }),
    );
  });

  it('tells almost all keys apart, as many as its capacity', () => {
    for (const capacity of [64, 1000, 5000]) {
      const [sketch, keys] = [new FrequencySketch(capacity), hashes(2 * capacity)];
      for (const [at, key] of keys.entries()) if (at < capacity) sketch.add(key, 1 + (at % 4));
      const wrong = keys.filter((key, at) => sketch.estimate(key) !== (at < capacity ? 1 + (at % 4) : 0));
      // Four rows of 4-bit counters, 16 counters for each entry: a key is wrong when others met it in all four.
      expect(wrong.length / keys.length).toBeLessThan(0.01);
    }
  });

  it('halves all counts, block by block, once ten times its capacity has been counted', () => {
    const capacity = 64;
    const [sketch, [popular, ...rest]] = [new FrequencySketch(capacity), hashes(4000) as [number, ...number[]]];
    sketch.add(popular, 15);
    let additions = 0;
    while (sketch.estimate(popular) === 15 && additions < 4000) sketch.add(rest[additions++]!, 1);
    // Eight blocks, one of them halved with each addition after that which makes 640.
    expect(additions).toBeGreaterThan(640 - 15);
    expect(additions).toBeLessThanOrEqual(640 - 15 + 8);
    expect(sketch.estimate(popular)).toBe(7);
    const until = 640 - 15 + 8;
    for (; additions < until; additions++) sketch.add(rest[additions]!, 1);
    // The half that is left counts towards the next time, which so comes after half as many.
    const second = additions;
    while (sketch.estimate(popular) === 7 && additions < 4000) sketch.add(rest[additions++]!, 1);
    expect(additions - second).toBeGreaterThan(320 - 9);
    expect(additions - second).toBeLessThanOrEqual(320 + 8);
    expect(sketch.estimate(popular)).toBe(3);
  });

  it('halves each count exactly, once', () => {
    for (const capacity of [8, 64, 500]) {
      const sketch = new FrequencySketch(capacity);
      const keys = hashes(capacity / 2, capacity);
      for (const [at, key] of keys.entries()) sketch.add(key, 4 + (at % 9));
      const before = keys.map((key) => sketch.estimate(key));
      sketch.add(keys[0]!, 10 * capacity);
      // Nothing is counted while all blocks are halved, one by one.
      for (let block = 0; block < capacity; block++) sketch.add(keys[0]!, 0);
      const wrong = keys.slice(1).filter((key, at) => sketch.estimate(key) !== before[at + 1]! >> 1);
      // Those that share a counter with the first, which is full, may be counted higher.
      expect(wrong.length).toBeLessThanOrEqual(capacity / 100);
    }
  });
});
