import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jumpHash } from '../../src/ring/index.ts';

const words = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const counts = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }));

/** The loop of the paper (arXiv 1406.2294, figure 1) in 64-bit integers. */
function paper(key: bigint, buckets: number): number {
  let [b, j] = [-1n, 0n];
  while (j < BigInt(buckets)) {
    b = j;
    key = BigInt.asUintN(64, key * 2862933555777941757n + 1n);
    j = BigInt(Math.floor(Number(b + 1n) * (2 ** 31 / Number((key >> 33n) + 1n))));
  }
  return Number(b);
}

describe('jumpHash', () => {
  it('equals the algorithm of Lamping and Veach for every 64-bit key', () => {
    fc.assert(
      fc.property(words, counts, (key, buckets) => {
        expect(jumpHash(key, buckets)).toBe(paper(key, buckets));
      }),
    );
  });

  it('carries into the upper half, also where the lower one becomes 0', () => {
    // The lower word whose product with the multiplier of the paper is 2^32-1 modulo 2^32.
    const low = 0x666313abn;
    expect(BigInt.asUintN(32, low * 2862933555777941757n + 1n)).toBe(0n);
    for (const high of [0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn]) {
      for (const buckets of [2, 10, 1000, 2 ** 31 - 1]) {
        expect(jumpHash((high << 32n) | low, buckets)).toBe(paper((high << 32n) | low, buckets));
      }
    }
  });

  // As in the tests of github.com/lithammer/go-jump-consistent-hash and Guava's Hashing.consistentHash.
  it.each([
    [1n, 1, 0],
    [42n, 57, 43],
    [0xdead10ccn, 1, 0],
    [0xdead10ccn, 666, 361],
    [256n, 1024, 520],
    [0n, 60, 0],
    [10863919174838991n, 11, 6],
  ])('places key %s of %s buckets in %s', (key, buckets, bucket) => {
    expect(jumpHash(key, buckets)).toBe(bucket);
  });

  it('moves keys only to the bucket that is added', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 1000 }), (key, buckets) => {
        expect([jumpHash(key, buckets), buckets]).toContain(jumpHash(key, buckets + 1));
      }),
    );
  });

  it('takes text and its UTF-8 bytes for the same key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (key) => {
        expect(jumpHash(new TextEncoder().encode(key), 1000)).toBe(jumpHash(key, 1000));
      }),
    );
  });

  it('refuses keys outside of 64 bits, other kinds of keys and bad counts', () => {
    expect(() => jumpHash(-1n, 2)).toThrow(/^key must be from 0 to 2\^64-1/);
    expect(() => jumpHash(2n ** 64n, 2)).toThrow(/^key must be/);
    expect(() => jumpHash(7 as unknown as string, 2)).toThrow(/^key must be text or a Uint8Array/);
    for (const buckets of [0, -1, 1.5, 2 ** 31, Number.NaN]) expect(() => jumpHash('k', buckets)).toThrow(RangeError);
  });
});
