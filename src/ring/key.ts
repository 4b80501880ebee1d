import { integer, refuse } from '../core/check.ts';
import type { Hash128 } from '../core/hash.ts';
import { hashBytes, hashText } from '../core/hash.ts';

/** Text, which counts as its UTF-8 bytes, or bytes. */
export type RingKey = string | Uint8Array;

/** Where every hash of this folder goes: read it before the next one is taken. */
const hashed: Hash128 = { a: 0, b: 0, c: 0, d: 0 };

/** Hashes a key into a place that the next call uses again. */
export function hashKey(key: RingKey, seed: number): Hash128 {
  if (typeof key === 'string') hashText(hashed, key, seed);
  // By its tag, not by `instanceof`: bytes may come from another realm.
  else if ((key as Uint8Array | undefined)?.[Symbol.toStringTag] === 'Uint8Array') hashBytes(hashed, key, seed);
  else refuse('key', 'text or a Uint8Array', key);
  return hashed;
}

/** A seed, or a refusal. */
export function checkSeed(seed: number): number {
  return integer('seed', seed, 0, 2 ** 32 - 1);
}

/**
 * Where on the ring a key is: an integer from 0 to 2^32-1, the first 32 bits of its MurmurHash3_x86_128.
 *
 * @example
 * ```ts
 * import { createRing, diffRings, hashPosition } from 'holdfast/ring';
 *
 * const before = createRing({ nodes: ['a', 'b'] });
 * const { ranges } = diffRings(before, before.with('c'));
 * const position = hashPosition('user:7');
 * console.log(ranges.find(({ start, end }) => start <= position && position <= end)?.to ?? 'stays');
 * ```
 */
export function hashPosition(key: RingKey, seed = 0): number {
  return hashKey(key, checkSeed(seed)).a >>> 0;
}
