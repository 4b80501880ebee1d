import { integer, refuse } from '../core/check.ts';
import type { RingKey } from './key.ts';
import { hashKey } from './key.ts';

/**
 * The bucket, from 0 to `buckets - 1`, of a key: jump consistent hash (Lamping and Veach, arXiv 1406.2294).
 *
 * No memory and perfect balance, but buckets come and go at the end only: for shards that are numbered, not for
 * servers that fail. A bigint, from 0 to 2^64-1, is the key of the paper itself; text and bytes are hashed to one.
 *
 * @example
 * ```ts
 * import { jumpHash } from 'holdfast/ring';
 *
 * console.log(jumpHash('user:7', 12), jumpHash(256n, 1024)); // ... 520
 * ```
 */
export function jumpHash(key: RingKey | bigint, buckets: number): number {
  integer('buckets', buckets, 1, 2 ** 31 - 1);
  let low: number;
  let high: number;
  if (typeof key === 'bigint') {
    if (key < 0n || key >= 1n << 64n) refuse('key', 'from 0 to 2^64-1', key);
    low = Number(key & 0xffffffffn);
    high = Number(key >> 32n) | 0;
  } else {
    high = hashKey(key, 0);
    low = hashKey(key, 1);
  }
  let bucket = 0;
  for (let next = 0; next < buckets;) {
    bucket = next;
    // key = key * 2862933555777941757 + 1 in 64 bits.
    const upper = upperHalf(low >>> 0, 0x87b0b0fd) + Math.imul(low, 0x27bb2ee6) + Math.imul(high, 0x87b0b0fd);
    low = (Math.imul(low, 0x87b0b0fd) + 1) | 0;
    high = low === 0 ? (upper + 1) | 0 : upper | 0;
    next = Math.floor((bucket + 1) * (2 ** 31 / ((high >>> 1) + 1)));
  }
  return bucket;
}

/** The upper 32 bits of the product of two unsigned words, by products that a double holds exactly. */
function upperHalf(x: number, y: number): number {
  return Math.floor(((x >>> 16) * y + Math.floor(((x & 0xffff) * y) / 65_536)) / 65_536);
}
