import type { Hash128 } from '../core/hash.ts';
import { hashBytes, hashText } from '../core/hash.ts';
import type { RingKey } from './key.ts';
import { bytesOf } from './key.ts';

/** Where every hash goes: read it before the next one is taken. */
const hashed: Hash128 = { a: 0, b: 0, c: 0, d: 0 };

/** MurmurHash3_x86_128 of a key, for what needs more than 32 bits of it, in a place that the next call uses again. */
export function hashWide(key: RingKey, seed: number): Hash128 {
  if (typeof key === 'string') hashText(hashed, key, seed);
  else hashBytes(hashed, bytesOf(key), seed);
  return hashed;
}
