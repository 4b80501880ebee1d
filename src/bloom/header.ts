import { integer, refuse } from '../core/check.ts';
import { hashBytes, newHash128 } from '../core/hash.ts';
import type { BloomHashOptions, Hasher } from './key.ts';
import { checkValue, createHasher } from './key.ts';
import { BLOCK, checkRate, HEADER, TRAILER } from './size.ts';

/*
 * The first 48 bytes of a filter, in memory and in its bytes; all numbers little-endian (docs/formats/bloom.md):
 *    0 'HFBF'   4 version   5 layout   6 hashes   7 flags   8 seed   12 words of bits
 *   16 capacity   24 rate   32 check value of the secret   40 checksum of all that   48 the bits
 * and after the bits 16 bytes of checksum of them, which are written to bytes only; in memory they are zero.
 */

/** What a header says. */
export interface Header {
  readonly capacity: number;
  readonly falsePositiveRate: number;
  readonly isBlocked: boolean;
  readonly hashes: number;
  readonly bits: number;
  readonly hasher: Hasher;
}

const MAGIC = 0x46424648;
const VERSION = 1;
const KEYED = 1;

export function writeHeader(buffer: ArrayBufferLike, header: Header): void {
  const { hasher } = header;
  const kinds = VERSION + (header.isBlocked ? 256 : 0) + header.hashes * 65_536 + (hasher.secret ? KEYED : 0) * 2 ** 24;
  writeWords(buffer, 0, [MAGIC, kinds, hasher.seed, header.bits / 32]);
  const view = new DataView(buffer);
  view.setFloat64(16, header.capacity, true);
  view.setFloat64(24, header.falsePositiveRate, true);
  writeWords(buffer, 32, checkValue(hasher.secret));
  writeWords(buffer, 40, checksum(new Uint8Array(buffer, 0, 40)).slice(0, 2));
}

/** Writes 32-bit words, signed or not, from byte `from` on. */
export function writeWords(buffer: ArrayBufferLike, from: number, words: readonly number[]): void {
  const view = new DataView(buffer, from);
  for (const [at, word] of words.entries()) view.setUint32(4 * at, word, true);
}

/** Reads the header of `bytes`; throws for one that is damaged, of another version, or of another secret. */
export function readHeader(bytes: Uint8Array, { secret }: BloomHashOptions): Header {
  if (!(bytes instanceof Uint8Array)) refuse('bytes', 'a Uint8Array', bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEADER || view.getUint32(0, true) !== MAGIC) return damaged('they are no Bloom filter');
  if (view.getUint8(4) !== VERSION) return damaged(`their version is ${view.getUint8(4)}, not ${VERSION}`);
  const [first, second] = checksum(bytes.subarray(0, 40));
  if (view.getInt32(40, true) !== first || view.getInt32(44, true) !== second)
    return damaged('their header is damaged');
  const words = view.getUint32(12, true);
  const length = HEADER + words * 4 + TRAILER;
  if (bytes.length !== length) {
    return damaged(`they are ${bytes.length} bytes where ${length} are said to be`);
  }
  const [layout, hashes, keyed] = [view.getUint8(5), view.getUint8(6), view.getUint8(7)];
  const isBlocked = layout === 1;
  if (layout > 1 || hashes < 1 || keyed > KEYED || words < 1 || (isBlocked && words % (BLOCK / 32) > 0))
    return damaged('their settings are none');
  const isKeyed = keyed === KEYED;
  if (isKeyed !== (secret !== undefined)) {
    return refuse('secret', isKeyed ? 'the one the filter was made with' : 'absent: the filter has none', secret);
  }
  const hasher = createHasher(secret ? { secret } : { seed: view.getUint32(8, true) });
  const [low, high] = checkValue(hasher.secret);
  if (low !== view.getUint32(32, true) || high !== view.getUint32(36, true)) {
    throw new RangeError('secret must be the one the filter was made with');
  }
  return {
    capacity: integer('capacity in bytes', view.getFloat64(16, true), 1),
    falsePositiveRate: checkRate(view.getFloat64(24, true)),
    isBlocked,
    hashes,
    bits: words * 32,
    hasher,
  };
}

/** Throws for bytes that are not what `toBytes` gave. */
export function damaged(why: string): never {
  throw new RangeError(`bytes must be those of a Bloom filter, but ${why}`);
}

/** All 128 bits of the hash, so that no change within 16 aligned bytes goes unseen. */
export function checksum(bytes: Uint8Array): readonly [number, number, number, number] {
  const out = newHash128();
  hashBytes(out, bytes, 0);
  return [out.a, out.b, out.c, out.d];
}
