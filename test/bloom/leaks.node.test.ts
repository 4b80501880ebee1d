import { describe, expect, it } from 'vitest';
import { createBloomFilter, createRotatingBloom, hashKey } from '../../src/bloom/index.ts';
import { heapGrowth } from '../support/leaks.ts';

/** Less than a hundredth of a byte per call. */
const NOTHING = 2000;

describe('memory', () => {
  it('stays the same over any number of keys, hostile ones too', async () => {
    const filter = createBloomFilter({ capacity: 1000, falsePositiveRate: 0.01 });
    const timed = createRotatingBloom({ capacity: 1000, falsePositiveRate: 0.01, windowMs: 10 });
    const hash = hashKey('key');
    const growth = await heapGrowth(
      (index) => {
        const key = `${index % 2 ? '漢' : 'key'}-${index}`;
        filter.add(key);
        filter.has(index);
        filter.hasHash(hash);
        timed.add(key);
      },
      { operations: 200_000 },
    );
    expect(growth).toBeLessThan(NOTHING);
  });

  it('is not kept for a key of a megabyte, of any kind', () => {
    const filter = createBloomFilter({ capacity: 10, falsePositiveRate: 1e-9 });
    for (const unit of ['x', 'é', '漢', '😀', '\ud800']) {
      const key = unit.repeat(2 ** 20);
      expect(filter.add(key)).toBe(true);
      expect(filter.has(key)).toBe(true);
      expect(filter.has(`${key}x`)).toBe(false);
    }
  });
});
