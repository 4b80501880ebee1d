import { describe, expect, it } from 'vitest';
import { createRing, insideOf } from '../../src/ring/ring.ts';

describe('a large ring', () => {
  it('keeps a point in four bytes, and a search compares about one point at any size', () => {
    for (const count of [1, 10, 100, 1000, 3000]) {
      const { words, starts } = insideOf(
        createRing({ nodes: Array.from({ length: count }, (_, k) => `node-${k}`) }),
      ).circle;
      expect(words.byteLength).toBe(4 * (160 * count + 1));
      // Points to a stretch: what a search looks through, half of it on average.
      expect((160 * count) / (starts.length - 1)).toBeLessThan(2);
      if (count === 1000) expect(words.byteLength + starts.byteLength).toBeLessThan(1_300_000);
    }
  });
});
