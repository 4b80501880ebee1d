import { integer, refuse } from '../core/check.ts';
import { encodedLength, encodeText, scramble } from '../core/hash.ts';

/** Text, which counts as its UTF-8 bytes, or bytes. */
export type RingKey = string | Uint8Array;

/** From here on the engine's own encoder is quicker than reading character by character. */
const LONG_TEXT = 48;

/**
 * MurmurHash3_x86_32 by Austin Appleby (public domain) of a key, as a signed integer: to V8 an unsigned one is an object
 * wherever it leaves a function that is not inlined. This one is inlined as long as its bytecode is short.
 */
export function hashKey(key: RingKey, seed: number): number {
  if (typeof key !== 'string') return hashBytes(bytesOf(key), seed, key.length);
  const { length } = key;
  const end = length < LONG_TEXT ? length : 0;
  let hash = seed | 0;
  // All character codes seen, or'ed, in both halves: above 0x7f when one of them was not ASCII.
  let codes = end - length;
  let at = 0;
  for (; at + 4 <= end; at += 4) {
    const even = key.charCodeAt(at) | (key.charCodeAt(at + 2) << 16);
    const odd = key.charCodeAt(at + 1) | (key.charCodeAt(at + 3) << 16);
    codes |= even | odd;
    hash = mixWord(hash, even | (odd << 8));
  }
  let rest = 0;
  for (let shift = 0; at < end; shift += 8) {
    const code = key.charCodeAt(at++);
    codes |= code;
    rest |= code << shift;
  }
  if ((codes & 0xff80ff80) !== 0) return hashBytes(encodeText(key), seed, encodedLength);
  return scramble(hash ^ stir(rest) ^ length);
}

/** The same of the first `length` bytes. */
function hashBytes(bytes: Uint8Array, seed: number, length: number): number {
  let hash = seed | 0;
  let word = 0;
  for (let at = 0; at < length;) {
    word |= bytes[at]! << (8 * at);
    if ((++at & 3) > 0) continue;
    hash = mixWord(hash, word);
    word = 0;
  }
  return scramble(hash ^ stir(word) ^ length);
}

/** Bytes, or a refusal: by their tag and not by `instanceof`, because they may come from another realm. */
export function bytesOf(key: Uint8Array | undefined): Uint8Array {
  return key?.[Symbol.toStringTag] === 'Uint8Array' ? key : refuse('key', 'text or a Uint8Array', key);
}

/** The hash of the eight bytes of two words. */
export function mixTwo(seed: number, first: number, second: number): number {
  return scramble(mixWord(mixWord(seed, first), second) ^ 8);
}

/** Takes four bytes more into a hash. */
function mixWord(hash: number, word: number): number {
  hash ^= stir(word);
  return (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
}

function stir(word: number): number {
  word = Math.imul(word, 0xcc9e2d51);
  return Math.imul((word << 15) | (word >>> 17), 0x1b873593);
}

/** A seed, or a refusal. */
export function checkSeed(seed: number): number {
  return integer('seed', seed, 0, 2 ** 32 - 1);
}

/**
 * Where on the ring a key is: an integer from 0 to 2^32-1, the MurmurHash3_x86_32 of its bytes.
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
  return hashKey(key, checkSeed(seed)) >>> 0;
}
