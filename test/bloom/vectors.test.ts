import { describe, expect, it } from 'vitest';
import type { BloomKey, BloomLayout } from '../../src/bloom/index.ts';
import { createBinaryFuse, createBloomFilter, loadBinaryFuse, loadBloomFilter } from '../../src/bloom/index.ts';
import vectors from './vectors.json' with { type: 'json' };

/*
 * Written once by version 1. What these tests refuse would make filters that people have stored unreadable: a change
 * here is a new version of the format, beside which version 1 must stay readable.
 */

const keys: readonly BloomKey[] = [
  '',
  'key',
  'é漢😀',
  '\ud800',
  'a text of more than forty-eight characters, all ASCII',
  42,
  -1,
  2n ** 63n,
  Uint8Array.of(0, 255),
];

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

describe('loadBloomFilter', () => {
  it('reads version 1 of the bytes for good, and writes it still', () => {
    for (const { options, bytes } of vectors.filters) {
      const secret = options.secret && { secret: Uint8Array.from(options.secret) };
      const { capacity, falsePositiveRate, layout = 'blocked', seed } = options;
      const settings = { capacity, falsePositiveRate, layout: layout as BloomLayout, seed, ...secret };
      const loaded = loadBloomFilter(fromHex(bytes), { ...secret });
      expect(keys.every((key) => loaded.has(key))).toBe(true);
      const filter = createBloomFilter(settings);
      filter.addAll(keys);
      expect(filter.toBytes()).toEqual(fromHex(bytes));
      expect(loaded.toBytes()).toEqual(fromHex(bytes));
    }
  });

  it('does so for binary fuse filters too', () => {
    const loaded = loadBinaryFuse(fromHex(vectors.fuse));
    expect(['a', 'b', 'c', 1, 2].every((key) => loaded.has(key))).toBe(true);
    expect(createBinaryFuse(['a', 'b', 'c', 1, 2], { bits: 16 }).toBytes()).toEqual(fromHex(vectors.fuse));
  });
});
