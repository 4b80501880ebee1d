import type { Hash128 } from '../core/hash.ts';
import { hashText, newHash128 } from '../core/hash.ts';
import type { BloomFilter, BloomStats } from './bloom-filter.ts';
import type { Header } from './header.ts';
import { checksum, writeHeader, writeWords } from './header.ts';
import type { BloomKey, HashedKey, Hasher, KeyHash } from './key.ts';
import { hashInto } from './key.ts';
import type { Bits } from './probe.ts';
import { placesOf, setBits, testBits, touch } from './probe.ts';
import { sipText } from './sip.ts';
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
  readonly #hasher: Hasher;
  readonly #hash: Hash128 = newHash128();
  #batch: readonly Hash128[] | undefined;

  constructor(header: Header, buffer: ArrayBuffer | SharedArrayBuffer, isShared: boolean) {
    const { bits, hashes } = header;
    this.header = header;
    this.capacity = header.capacity;
    this.falsePositiveRate = header.falsePositiveRate;
    this.bitCount = bits;
    this.hashCount = hashes;
    this.byteLength = buffer.byteLength;
    this.buffer = buffer;
    this.words = new Int32Array(buffer, HEADER, bits / 32);
    this.#bits = { words: this.words, isShared, ...placesOf(header) };
    this.#hasher = header.hasher;
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
    // Taken for the time of the call: what reads the keys may ask this filter too.
    const batch = this.#batch ?? Array.from({ length: BATCH }, newHash128);
    this.#batch = undefined;
    for (let from = 0; from < keys.length; from += BATCH) {
      const count = Math.min(BATCH, keys.length - from);
      for (let at = 0; at < count; at++) this.#hashInto(batch[at]!, keys[from + at]!);
      for (let at = 0; at < count; at++) touch(this.#bits, batch[at]!);
      for (let at = 0; at < count; at++) out[from + at] = testBits(this.#bits, batch[at]!) ? 1 : 0;
    }
    this.#batch = batch;
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

  toBytes(): ReturnType<typeof Uint8Array.of> {
    const bytes = new Uint8Array(this.byteLength);
    bytes.set(new Uint8Array(this.buffer, 0, HEADER));
    const view = new DataView(bytes.buffer, HEADER);
    const { words } = this;
    for (let at = 0; at < words.length; at++) view.setInt32(4 * at, words[at]!, true);
    writeWords(bytes.buffer, bytes.length - TRAILER, checksum(bytes.subarray(HEADER, -TRAILER)));
    return bytes;
  }

  #hashInto(hash: Hash128, key: BloomKey): void {
    const { secret, seed } = this.#hasher;
    // As hashInto does, without the call.
    if (typeof key !== 'string') hashInto(hash, key, this.#hasher);
    else if (secret) sipText(hash, key, secret);
    else hashText(hash, key, seed);
  }

  #hashed(hash: KeyHash): HashedKey {
    const hashed = hash as unknown as HashedKey;
    if (hashed.id !== this.#hasher.id) {
      throw new RangeError('hash must come from hashKey with the seed or secret of the filter');
    }
    return hashed;
  }
}
