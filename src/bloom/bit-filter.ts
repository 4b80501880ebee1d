import type { Hash128 } from '../core/hash.ts';
import { hashText, newHash128 } from '../core/hash.ts';
import type { BloomFilter, BloomStats } from './bloom-filter.ts';
import type { Header } from './header.ts';
import { checksum, writeHeader } from './header.ts';
import type { BloomKey, HashedKey, KeyHash } from './key.ts';
import { hashInto } from './key.ts';
import type { Bits } from './probe.ts';
import { placesOf, setBits, testBits, touch } from './probe.ts';
import { HEADER, TRAILER } from './size.ts';
import { measure } from './stats.ts';

/** Keys hashed before their bits are looked at, so that the processor waits for many cache lines at once. */
const BATCH = 64;

/** Makes a filter, around `buffer` where there is one already. */
export function createBitFilter(header: Header, isShared: boolean, buffer?: SharedArrayBuffer): BitFilter {
  const size = HEADER + header.bits / 8 + TRAILER;
  const memory = buffer ?? (isShared ? new SharedArrayBuffer(size) : new ArrayBuffer(size));
  if (!buffer) writeHeader(memory, header);
  return new BitFilter(header, memory, isShared);
}

/** The filter behind the interface; `header` and `words` are for this folder alone. */
export class BitFilter implements BloomFilter {
  readonly header: Header;
  readonly words: Int32Array;
  readonly capacity: number;
  readonly falsePositiveRate: number;
  readonly bitCount: number;
  readonly hashCount: number;
  readonly byteLength: number;
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  readonly #bits: Bits;
  /** What text is hashed with unless there is a secret. */
  readonly #seed: number | undefined;
  readonly #hash: Hash128 = newHash128();
  #batch: readonly Hash128[] | undefined;

  constructor(header: Header, buffer: ArrayBuffer | SharedArrayBuffer, isShared: boolean) {
    const { bits, hashes, hasher } = header;
    this.header = header;
    this.capacity = header.capacity;
    this.falsePositiveRate = header.falsePositiveRate;
    this.bitCount = bits;
    this.hashCount = hashes;
    this.byteLength = buffer.byteLength;
    this.buffer = buffer;
    this.words = new Int32Array(buffer, HEADER, bits / 32);
    this.#bits = { words: this.words, isShared, ...placesOf(header) };
    this.#seed = hasher.secret ? undefined : hasher.seed;
  }

  add(key: BloomKey): boolean {
    const hash = this.#hash;
    this.#hashInto(hash, key);
    return setBits(this.#bits, hash);
  }

  has(key: BloomKey): boolean {
    const hash = this.#hash;
    this.#hashInto(hash, key);
    return testBits(this.#bits, hash);
  }

  addAll(keys: Iterable<BloomKey>): number {
    let added = 0;
    for (const key of keys) if (this.add(key)) added++;
    return added;
  }

  hasAll(keys: ArrayLike<BloomKey>, out: Uint8Array = new Uint8Array(keys.length)): Uint8Array {
    if (out.length < keys.length) throw new RangeError(`out must hold ${keys.length} results, got ${out.length}`);
    const batch = (this.#batch ??= Array.from({ length: BATCH }, newHash128));
    for (let from = 0; from < keys.length; from += BATCH) {
      const count = Math.min(BATCH, keys.length - from);
      for (let at = 0; at < count; at++) this.#hashInto(batch[at]!, keys[from + at]!);
      for (let at = 0; at < count; at++) touch(this.#bits, batch[at]!);
      for (let at = 0; at < count; at++) out[from + at] = testBits(this.#bits, batch[at]!) ? 1 : 0;
    }
    return out;
  }

  addHash(hash: KeyHash): boolean {
    return setBits(this.#bits, this.#hashed(hash));
  }

  hasHash(hash: KeyHash): boolean {
    return testBits(this.#bits, this.#hashed(hash));
  }

  clear(): void {
    this.words.fill(0);
  }

  stats(): BloomStats {
    return measure(this.words, this.header);
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteLength);
    bytes.set(new Uint8Array(this.buffer, 0, HEADER));
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < this.words.length; at++) view.setInt32(HEADER + 4 * at, this.words[at]!, true);
    const { a, b, c, d } = checksum(bytes.subarray(HEADER, -TRAILER));
    for (const [at, word] of [a, b, c, d].entries()) view.setInt32(bytes.length - TRAILER + 4 * at, word, true);
    return bytes;
  }

  #hashInto(hash: Hash128, key: BloomKey): void {
    const seed = this.#seed;
    if (typeof key === 'string' && seed !== undefined) hashText(hash, key, seed);
    else hashInto(hash, key, this.header.hasher);
  }

  #hashed(hash: KeyHash): HashedKey {
    const hashed = hash as unknown as HashedKey;
    if (hashed.id !== this.header.hasher.id) {
      throw new RangeError('hash must come from hashKey with the seed or secret of the filter');
    }
    return hashed;
  }
}
