import { refuse } from '../core/check.ts';
import type { BitFilter } from './bit-filter.ts';
import { createBitFilter } from './bit-filter.ts';
import { checksum, damaged, readHeader } from './header.ts';
import type { BloomHashOptions, BloomKey, KeyHash } from './key.ts';
import { createHasher } from './key.ts';
import type { BloomSizeOptions } from './size.ts';
import { bloomSize, checkFloor, HEADER, TRAILER } from './size.ts';

/** Options of {@link createBloomFilter}. */
export interface BloomOptions extends BloomSizeOptions, BloomHashOptions {
  /**
   * Whether the filter lies in a `SharedArrayBuffer`, where other threads can attach to it.
   *
   * @defaultValue false
   */
  readonly shared?: boolean | undefined;
}

/** How full a filter is, from its bits. */
export interface BloomStats {
  readonly bitsSet: number;
  /** `bitsSet` as a share of all bits. */
  readonly fillRatio: number;
  /** How many distinct keys are in, within 2 % and a few times the square root of their number. */
  readonly estimatedCount: number;
  /** Share of absent keys that are reported as present now. */
  readonly estimatedFalsePositiveRate: number;
  /** Whether by `estimatedCount` more keys are in than the filter was made for, so that its rate is no longer kept. */
  readonly saturated: boolean;
}

/** A set that forgets no key, and reports a small share of the keys that are not in it. */
export interface BloomFilter {
  readonly capacity: number;
  readonly falsePositiveRate: number;
  readonly bitCount: number;
  /** Bits tested per key. */
  readonly hashCount: number;
  /** Memory, which is also the size of `toBytes()`. */
  readonly byteLength: number;
  /** Header and bits; of a shared filter, what {@link attachBloomFilter} takes in another thread. */
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /**
   * Adds a key; whether it was new, that is `!has(key)` just before. In a shared filter two threads that
   * add one key at once may both be told `true`, and one is at the least.
   */
  add(key: BloomKey): boolean;
  /** True for every key that was added, and for a small share of those that were not. */
  has(key: BloomKey): boolean;
  /** Adds keys; how many were new. */
  addAll(keys: Iterable<BloomKey>): number;
  /**
   * Asks for many keys at once, which is quicker than one by one where the filter exceeds the caches.
   * Writes 1 or 0 for each to the start of `out`, which is answered.
   */
  hasAll(keys: ArrayLike<BloomKey>, out?: Uint8Array): Uint8Array;
  /** {@link add} for a key hashed by `hashKey`; RangeError when it was hashed with another seed or secret. */
  addHash(hash: KeyHash): boolean;
  /** {@link has} for a key hashed by `hashKey`; RangeError when it was hashed with another seed or secret. */
  hasHash(hash: KeyHash): boolean;
  /** Forgets all keys. In a shared filter, while nobody adds. */
  clear(): void;
  /** O(bits). */
  stats(): BloomStats;
  /**
   * The whole filter, versioned and with checksums; the same for the same options and keys, everywhere. A Uint8Array
   * over memory of its own, as `Blob`, `Response` and Web Crypto want it.
   */
  toBytes(): ReturnType<typeof Uint8Array.of>;
}

/**
 * Creates a {@link BloomFilter}.
 *
 * At up to `capacity` distinct keys, chosen without knowledge of the hash, a key that was not added is
 * reported with at most the probability `falsePositiveRate`.
 *
 * @example
 * ```ts
 * import { createBloomFilter } from 'holdfast/bloom';
 *
 * const seen = createBloomFilter({ capacity: 1_000_000, falsePositiveRate: 0.001 });
 * if (seen.add('order:42')) console.log('certainly new');
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds, before memory is taken; with a
 * secret, whose hash has 64 bits, also a RangeError for a rate below `capacity / 2^57`.
 */
export function createBloomFilter(options: BloomOptions): BloomFilter {
  const { capacity, falsePositiveRate, layout = 'blocked', shared = false } = options;
  const { bits, hashes } = bloomSize(options);
  const hasher = createHasher(options);
  if (hasher.secret) checkFloor(falsePositiveRate, capacity);
  if (typeof shared !== 'boolean') refuse('shared', 'true or false', shared);
  return createBitFilter(
    { capacity, falsePositiveRate, isBlocked: layout === 'blocked', bits, hashes, hasher },
    shared,
  );
}

/**
 * Reads a filter from what `toBytes()` gave, in any version of this library since the first.
 *
 * @example
 * ```ts
 * import { createBloomFilter, loadBloomFilter } from 'holdfast/bloom';
 *
 * const bytes = createBloomFilter({ capacity: 100, falsePositiveRate: 0.01 }).toBytes();
 * const filter = loadBloomFilter(bytes);
 * ```
 *
 * @throws RangeError when a byte was changed, is missing or too many, or with another secret than the
 * filter's. TypeError when a secret is missing or the filter has none.
 */
export function loadBloomFilter(bytes: Uint8Array, options: Pick<BloomHashOptions, 'secret'> = {}): BloomFilter {
  const header = readHeader(bytes, options);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const [at, word] of checksum(bytes.subarray(HEADER, -TRAILER)).entries()) {
    if (view.getInt32(bytes.length - TRAILER + 4 * at, true) !== word) return damaged('their bits are damaged');
  }
  const filter: BitFilter = createBitFilter(header, false);
  for (let at = 0; at < filter.words.length; at++) filter.words[at] = view.getInt32(HEADER + 4 * at, true);
  return filter;
}

/**
 * Uses, without a copy, the shared filter whose `buffer` another thread has sent.
 *
 * @example
 * ```ts no-run
 * import { attachBloomFilter } from 'holdfast/bloom';
 *
 * self.onmessage = ({ data }: MessageEvent<SharedArrayBuffer>) => {
 *   attachBloomFilter(data).add('seen by this worker');
 * };
 * ```
 *
 * @throws TypeError when `buffer` is no SharedArrayBuffer; RangeError or TypeError as {@link loadBloomFilter}.
 */
export function attachBloomFilter(
  buffer: SharedArrayBuffer,
  options: Pick<BloomHashOptions, 'secret'> = {},
): BloomFilter {
  // Not everywhere is there such a thing: browsers want cross-origin isolation for it.
  if (typeof SharedArrayBuffer !== 'function' || !(buffer instanceof SharedArrayBuffer)) {
    refuse('buffer', 'a SharedArrayBuffer', buffer);
  }
  return createBitFilter(readHeader(new Uint8Array(buffer), options), true, buffer);
}
