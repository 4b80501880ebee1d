import { describe, expect, it } from 'vitest';
import { KeyHasher } from '../../src/cache/hash-key.ts';

/** The largest share of keys that fall into one of 64 blocks, by the low bits, against an even spread. */
function crowding(keys: readonly unknown[], shift = 0): number {
  const hasher = new KeyHasher();
  const counts = new Array<number>(64).fill(0);
  for (const key of keys) counts[(hasher.hash(key) >>> shift) & 63]!++;
  return Math.max(...counts) / (keys.length / 64);
}

const count = 4096;
const kinds: readonly (readonly [string, (k: number) => unknown])[] = [
  ['whole numbers', (k) => k],
  ['negative numbers', (k) => -k],
  ['multiples of a power of two', (k) => k * 4096],
  ['numbers above 32 bits', (k) => 2 ** 40 + k * 2 ** 32],
  ['fractions', (k) => k / 4096],
  ['texts', (k) => `user:${k}`],
  ['texts of one and two characters', (k) => String.fromCharCode(k & 63, ...(k > 63 ? [k >> 6] : []))],
  ['texts that differ in the middle', (k) => `${'x'.repeat(300)}${k}${'x'.repeat(301)}`],
  ['texts that differ at their end', (k) => `${'x'.repeat(100)}${k}`],
  ['texts that differ at their beginning', (k) => `${String(k).padStart(4, '0')}${'x'.repeat(100)}`],
  ['texts that differ in their last character', (k) => `odd${String.fromCharCode(k)}!!`.slice(0, k % 2 === 0 ? 5 : 4)],
  ['big integers', (k) => BigInt(k)],
  ['objects', () => ({})],
  ['functions', () => () => {}],
];

describe('the hash of a key', () => {
  it.each(kinds)('is the same for the same key and spread for others: %s', (_, make) => {
    const keys = Array.from({ length: count }, (_unused, k) => make(k));
    const hasher = new KeyHasher();
    const hashes = keys.map((key) => hasher.hash(key));
    expect(keys.map((key) => hasher.hash(key))).toEqual(hashes);
    expect(hashes.every((hash) => Number.isInteger(hash) && hash === (hash | 0))).toBe(true);
    // At random, 2 of 4096 keys share a hash of 32 bits once in 500 times.
    expect(new Set(hashes).size).toBeGreaterThan(0.99 * new Set(keys).size);
    // Six standard deviations of the binomial law.
    for (const shift of [0, 13, 26]) expect(crowding(keys, shift)).toBeLessThan(1.75);
  });

  it('is that of its text for whatever is no object, and tells objects apart by identity', () => {
    const hasher = new KeyHasher();
    expect(hasher.hash(true)).toBe(hasher.hash('true'));
    expect(hasher.hash(undefined)).toBe(hasher.hash('undefined'));
    expect(hasher.hash(Symbol('a'))).toBe(hasher.hash('Symbol(a)'));
    const [one, other] = [{}, {}];
    expect(hasher.hash(one)).not.toBe(hasher.hash(other));
    expect(hasher.hash(one)).toBe(hasher.hash(one));
    expect(hasher.hash(Object.create(null))).not.toBe(hasher.hash(one));
    expect(hasher.hash(-0)).toBe(hasher.hash(0));
  });

  it('looks at 2048 characters of each end of a text, and at all of one of 4096', () => {
    const hasher = new KeyHasher();
    for (const length of [1, 2, 3, 64, 65, 4095, 4096, 4097, 4098, 5000, 10_001]) {
      const text = 'x'.repeat(length);
      const hash = hasher.hash(text);
      const ends = [
        0,
        1,
        2047,
        2048,
        2049,
        length >> 1,
        length - 2050,
        length - 2049,
        length - 2048,
        length - 2,
        length - 1,
      ];
      for (const at of ends.filter((place) => place >= 0 && place < length)) {
        const isSeen = hasher.hash(`${text.slice(0, at)}y${text.slice(at + 1)}`) !== hash;
        expect([length, at, isSeen]).toEqual([length, at, length <= 4096 || at < 2048 || at >= length - 2048]);
      }
    }
    expect(hasher.hash('x'.repeat(10_000))).not.toBe(hasher.hash('x'.repeat(10_001)));
  });
});
