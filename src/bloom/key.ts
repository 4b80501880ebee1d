import { integer, refuse } from '../core/check.ts';
import type { Hash128 } from '../core/hash.ts';
import { hashBytes, hashText, hashWords, newHash128 } from '../core/hash.ts';
import type { SipKey } from './sip.ts';
import { sipBytes, sipText } from './sip.ts';

/**
 * What a filter remembers. Text is its UTF-8 bytes, so the two are one key; a number is its bigint, and
 * both are the eight bytes of their 64-bit two's complement, little-endian. Numbers must be safe
 * integers and bigints fit 64 bits. The text `1` is not the number 1.
 */
export type BloomKey = string | Uint8Array | number | bigint;

/** How keys are hashed. Filters that are to be combined, or asked with one {@link hashKey}, must agree. */
export interface BloomHashOptions {
  /**
   * Any integer from 0 to 2^32-1; another seed, other false positives. No protection: see `secret`.
   *
   * @defaultValue 0
   */
  readonly seed?: number | undefined;
  /**
   * Eight random bytes that nobody else knows, where keys come from people who may want them to
   * collide: then keys are hashed with HalfSipHash-1-3 instead of MurmurHash3. Excludes `seed`.
   */
  readonly secret?: Uint8Array | undefined;
}

declare const brand: unique symbol;

/** A key that has been hashed, for any number of filters with the same seed or secret. */
export interface KeyHash {
  readonly [brand]: 'KeyHash';
}

/** The checked {@link BloomHashOptions}. */
export interface Hasher {
  readonly seed: number;
  readonly secret: SipKey | undefined;
  /** Equal for hashers that hash alike: the seed, or what tells of the secret without telling it. */
  readonly id: number | string;
}

/** What stands in the bytes of a filter for its secret: two words that the secret gives and that do not give it. */
export function checkValue(secret: SipKey | undefined): readonly [number, number] {
  if (!secret) return [0, 0];
  const out = newHash128();
  sipText(out, 'holdfast bloom', secret);
  return [out.a >>> 0, out.b >>> 0];
}

export function createHasher({ seed, secret }: BloomHashOptions): Hasher {
  if (secret === undefined) {
    const checked = integer('seed', seed === undefined ? 0 : seed, 0, 2 ** 32 - 1);
    return { seed: checked, secret: undefined, id: checked };
  }
  if (!(secret instanceof Uint8Array && secret.length === 8)) refuse('secret', 'a Uint8Array of eight bytes', secret);
  if (seed !== undefined) refuse('seed', 'absent beside a secret', seed);
  const view = new DataView(secret.buffer, secret.byteOffset);
  const words: SipKey = [view.getInt32(0, true), view.getInt32(4, true)];
  return { seed: 0, secret: words, id: checkValue(words).join() };
}

/** Hashes any key. Filters take a shorter way for text without a secret. */
export function hashInto(out: Hash128, key: BloomKey, { seed, secret }: Hasher): void {
  if (typeof key === 'string') {
    if (secret) sipText(out, key, secret);
    else hashText(out, key, seed);
  } else if (key instanceof Uint8Array) {
    if (secret) sipBytes(out, key, secret);
    else hashBytes(out, key, seed);
  } else {
    const isBig = typeof key === 'bigint';
    const low = isBig ? Number(BigInt.asUintN(32, key)) : key;
    const high = isBig ? Number(key >> 32n) : Number.isSafeInteger(key) ? Math.floor(key / 2 ** 32) : Number.NaN;
    if (!(high >= -(2 ** 31) && high < 2 ** 32)) {
      const got = isBig || typeof key === 'number' ? key : typeof key;
      throw new TypeError(`key must be a string, a Uint8Array, a safe integer or a 64-bit bigint, got ${got}`);
    }
    if (secret) {
      const bytes = Uint8Array.of(low, low >> 8, low >> 16, low >> 24, high, high >> 8, high >> 16, high >> 24);
      sipBytes(out, bytes, secret);
    } else hashWords(out, low, high, seed);
  }
}

/** A {@link KeyHash} as the filters see it. */
export interface HashedKey extends Hash128 {
  readonly id: number | string;
}

/**
 * Hashes a key once, to ask many filters with `hasHash` or tell them with `addHash`.
 *
 * @example
 * ```ts
 * import { createBloomFilter, hashKey } from 'holdfast/bloom';
 *
 * const shards = Array.from({ length: 100 }, () => createBloomFilter({ capacity: 1000, falsePositiveRate: 0.01 }));
 * const hash = hashKey('user:42');
 * const candidates = shards.filter((shard) => shard.hasHash(hash));
 * ```
 *
 * @throws TypeError when the key is no {@link BloomKey}; RangeError or TypeError for a bad option.
 */
export function hashKey(key: BloomKey, options: BloomHashOptions = {}): KeyHash {
  return createRehasher(options)(key);
}

/** Hashes keys into one and the same {@link KeyHash}, which is good until the next call. */
export function createRehasher({ seed, secret }: BloomHashOptions): (key: BloomKey) => KeyHash {
  const hasher = createHasher({ seed, secret });
  const hash: HashedKey = { ...newHash128(), id: hasher.id };
  return (key) => {
    hashInto(hash, key, hasher);
    return hash as unknown as KeyHash;
  };
}
