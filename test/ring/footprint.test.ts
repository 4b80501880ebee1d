import { describe, expect, it } from 'vitest';
import type { Ring } from '../../src/ring/ring.ts';
import { createRing, insideOf } from '../../src/ring/ring.ts';

// Of the sources, whose rings can be looked into, also where the others are tested as they were built.
const ringOf = (count: number): Ring => createRing({ nodes: Array.from({ length: count }, (_, k) => `node-${k}`) });

describe('a large ring', () => {
  it('keeps a point in four bytes, and a search compares about one point at any size', () => {
    for (const count of [1, 10, 100, 1000, 3000]) {
      const { words, starts } = insideOf(ringOf(count)).circle;
      expect(words.byteLength).toBe(4 * (160 * count + 1));
      // Points to a stretch: what a search looks through, half of it on average.
      expect((160 * count) / (starts.length - 1)).toBeLessThan(2);
      if (count === 1000) expect(words.byteLength + starts.byteLength).toBeLessThan(1_300_000);
    }
  });

  it('is laid out as if it were made at once, however it came to its nodes', () => {
    const sizesOf = (ring: Ring): readonly number[] => {
      const { words, starts, bits } = insideOf(ring).circle;
      return [words.length, starts.length, bits];
    };
    let grown = createRing();
    for (let k = 0; k < 130; k++) {
      grown = grown.with(`node-${k}`);
      if ((k & (k + 1)) === 0 || k === 129) expect(sizesOf(grown)).toEqual(sizesOf(ringOf(k + 1)));
    }
    for (let k = 129; k > 0; k--) {
      grown = grown.without(`node-${k}`);
      if ((k & (k - 1)) === 0) expect(sizesOf(grown)).toEqual(sizesOf(ringOf(k)));
    }
    expect(sizesOf(grown.reweight('node-0', 40))).toEqual(
      sizesOf(createRing({ nodes: [{ id: 'node-0', weight: 40 }] })),
    );
  });
});
