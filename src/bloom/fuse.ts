import { oneOf, refuse } from '../core/check.ts';
import type { Hash128 } from '../core/hash.ts';
import { hashBytes, newHash128 } from '../core/hash.ts';
import type { BloomKey, Hasher } from './key.ts';
import { buildFuse, fuseSlots, hashForFuse, slotsOf } from './fuse-build.ts';

/** Options of {@link createBinaryFuse}. */
export interface BinaryFuseOptions {
  /**
   * Bits kept per key: 8 report 1 in 256 absent keys, 0.39 %; 16 report 1 in 65536. The filter takes an
   * eighth more than that per key at a million keys, a fifth at 100 000, and more for few.
   *
   * @defaultValue 8
   */
  readonly bits?: 8 | 16 | undefined;
}

/** A set that never changes: smaller than a Bloom filter of the same rate, and three reads for every answer. */
export interface StaticFilter {
  /** Distinct keys in it. */
  readonly count: number;
  /** Share of absent keys that are reported as present: 2^-bits. */
  readonly falsePositiveRate: number;
  /** Memory of the fingerprints. */
  readonly byteLength: number;
  /** True for every key it was made of, and for a small share of others. */
  has(key: BloomKey): boolean;
  /** The whole filter, for {@link loadBinaryFuse}; the same for the same keys in any order. */
  toBytes(): ReturnType<typeof Uint8Array.of>;
}

/** What tells a key's three slots and fingerprint. */
export interface FuseShape {
  readonly bits: 8 | 16;
  readonly count: number;
  readonly hasher: Hasher;
  /** Slots of a segment, a power of two. */
  readonly segment: number;
  /** Slots in which the first of the three may stand: the segments but the last two. */
  readonly span: number;
}

/**
 * Creates a {@link StaticFilter} of keys that are all known, such as a list that a browser downloads.
 * After Graf and Lemire, "Binary Fuse Filters" (2022). Keys that come twice count once. Takes O(keys)
 * time and some 40 bytes of memory per key while it is made.
 *
 * @example
 * ```ts
 * import { createBinaryFuse } from 'holdfast/bloom';
 *
 * const blocked = createBinaryFuse(['spam.example', 'scam.example']);
 * console.log(blocked.has('spam.example')); // true
 * ```
 *
 * @throws TypeError when a key is no {@link BloomKey}; RangeError when `bits` is neither 8 nor 16, or
 * there are more than 2^27 keys.
 */
export function createBinaryFuse(keys: Iterable<BloomKey>, options: BinaryFuseOptions = {}): StaticFilter {
  const { bits = 8 } = options;
  if (bits !== 8 && bits !== 16) refuse('bits', '8 or 16', bits);
  const { shape, slots } = buildFuse([...keys], bits);
  return new FuseFilter(shape, slots);
}

/** 'HFFF' */
const MAGIC = 0x46464648;
const VERSION = 1;
const HEADER = 48;

/**
 * Reads a filter from what `toBytes()` of a {@link StaticFilter} gave.
 *
 * @throws RangeError when a byte was changed, is missing or too many; TypeError when it is no Uint8Array.
 */
export function loadBinaryFuse(bytes: Uint8Array): StaticFilter {
  if (!(bytes instanceof Uint8Array)) refuse('bytes', 'a Uint8Array', bytes);
  const damaged = (why: string): never => {
    throw new RangeError(`bytes must be those of a binary fuse filter, but ${why}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEADER || view.getUint32(0, true) !== MAGIC) return damaged('they are none');
  if (view.getUint8(4) !== VERSION) return damaged(`their version is ${view.getUint8(4)}, not ${VERSION}`);
  const { a, b, c, d } = checksum(bytes);
  for (const [at, word] of [a, b, c, d].entries()) {
    if (view.getInt32(32 + 4 * at, true) !== word) return damaged('they are damaged');
  }
  const bits = oneOf('bits in bytes', String(view.getUint8(5)), ['8', '16']) === '8' ? 8 : 16;
  const seed = view.getUint32(8, true);
  const shape: FuseShape = {
    bits,
    count: view.getUint32(12, true),
    hasher: { seed, secret: undefined, id: seed },
    segment: view.getUint32(16, true),
    span: view.getUint32(20, true),
  };
  const length = HEADER + (slotsOf(shape) * bits) / 8;
  if (bytes.length !== length) return damaged('their length is not what they say');
  const slots = fuseSlots(shape);
  for (let at = 0; at < slots.length; at++) {
    slots[at] = bits === 8 ? bytes[HEADER + at]! : view.getUint16(HEADER + 2 * at, true);
  }
  return new FuseFilter(shape, slots);
}

/** Of everything but the checksum itself. */
function checksum(bytes: Uint8Array): Hash128 {
  const out = newHash128();
  hashBytes(out, bytes.subarray(0, 32), 0);
  hashBytes(out, bytes.subarray(HEADER), out.a);
  return out;
}

class FuseFilter implements StaticFilter {
  readonly #shape: FuseShape;
  readonly #slots: Uint8Array | Uint16Array;
  readonly #hash: Hash128 = newHash128();

  constructor(shape: FuseShape, slots: Uint8Array | Uint16Array) {
    this.#shape = shape;
    this.#slots = slots;
  }

  get count(): number {
    return this.#shape.count;
  }

  get falsePositiveRate(): number {
    return this.count && 2 ** -this.#shape.bits;
  }

  get byteLength(): number {
    return this.#slots.byteLength;
  }

  has(key: BloomKey): boolean {
    const hash = this.#hash;
    const { hasher, segment, span, count, bits } = this.#shape;
    hashForFuse(hash, key, hasher);
    if (count === 0) return false;
    const slots = this.#slots;
    const first = Math.floor(((hash.a >>> 0) * span) / 2 ** 32);
    // The second and third stand in the next two segments, each moved by bits of its own.
    const second = (first + segment) ^ (hash.b & (segment - 1));
    const third = (first + 2 * segment) ^ (hash.c & (segment - 1));
    const fingerprint = slots[first]! ^ slots[second]! ^ slots[third]!;
    return fingerprint === (hash.d & (2 ** bits - 1));
  }

  toBytes(): ReturnType<typeof Uint8Array.of> {
    const { bits, count, hasher, segment, span } = this.#shape;
    const bytes = new Uint8Array(HEADER + this.byteLength);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint8(4, VERSION);
    view.setUint8(5, bits);
    for (const [at, word] of [hasher.seed, count, segment, span].entries()) view.setUint32(8 + 4 * at, word, true);
    for (const [at, slot] of this.#slots.entries()) {
      if (bits === 8) bytes[HEADER + at] = slot;
      else view.setUint16(HEADER + 2 * at, slot, true);
    }
    const { a, b, c, d } = checksum(bytes);
    for (const [at, word] of [a, b, c, d].entries()) view.setInt32(32 + 4 * at, word, true);
    return bytes;
  }
}
