/*
 * MurmurHash3_x86_128 by Austin Appleby (public domain): 32-bit steps only, which is what JavaScript multiplies well,
 * 128 bits of result, and an implementation in every language. Not for keys that an attacker chooses.
 *
 * Text is hashed as its UTF-8 bytes, computed on the way, with a lone surrogate as its own three bytes: so text equals
 * its bytes, and no two texts collide by encoding.
 *
 * The reading and mixing is written out by hand where it runs for every key: as small functions it takes half as long
 * again, because V8 stops inlining before it has them all. The multipliers stand there as literals, as a bundler makes
 * variables of a module's constants, which V8 then loads and converts to integers at each use.
 */

/** Receives the 128 bits as four signed 32-bit words; make one and reuse it, so that hashing allocates nothing. */
export interface Hash128 {
  a: number;
  b: number;
  c: number;
  d: number;
}

/** A fresh place for results. */
export function newHash128(): Hash128 {
  return { a: 0, b: 0, c: 0, d: 0 };
}

/** Hashes `text` as its UTF-8 bytes. */
export function hashText(out: Hash128, text: string, seed: number): void {
  const { length } = text;
  let a = seed | 0;
  let b = a;
  let c = a;
  let d = a;
  let at = 0;
  // From here on the engine's own encoder is quicker than reading character by character.
  if (length >= 48) return hashEncoded(out, text, a);
  // All character codes seen, or'ed, two to a word: has other bits than those of ASCII when one of them was not ASCII.
  let codes = 0;
  for (; at + 16 <= length; at += 16) {
    // Read before anything is mixed: fewer values are then alive while V8 finds out, for each character, where it is.
    let k0 = text.charCodeAt(at) | (text.charCodeAt(at + 2) << 16);
    const odd0 = text.charCodeAt(at + 1) | (text.charCodeAt(at + 3) << 16);
    codes |= k0 | odd0;
    k0 = Math.imul(k0 | (odd0 << 8), 0x239b961b);
    let k1 = text.charCodeAt(at + 4) | (text.charCodeAt(at + 6) << 16);
    const odd1 = text.charCodeAt(at + 5) | (text.charCodeAt(at + 7) << 16);
    codes |= k1 | odd1;
    k1 = Math.imul(k1 | (odd1 << 8), 0xab0e9789);
    let k2 = text.charCodeAt(at + 8) | (text.charCodeAt(at + 10) << 16);
    const odd2 = text.charCodeAt(at + 9) | (text.charCodeAt(at + 11) << 16);
    codes |= k2 | odd2;
    k2 = Math.imul(k2 | (odd2 << 8), 0x38b34ae5);
    let k3 = text.charCodeAt(at + 12) | (text.charCodeAt(at + 14) << 16);
    const odd3 = text.charCodeAt(at + 13) | (text.charCodeAt(at + 15) << 16);
    codes |= k3 | odd3;
    k3 = Math.imul(k3 | (odd3 << 8), 0xa1e38b93);
    a ^= Math.imul((k0 << 15) | (k0 >>> 17), 0xab0e9789);
    a = (Math.imul((((a << 19) | (a >>> 13)) + b) | 0, 5) + 0x561ccd1b) | 0;
    b ^= Math.imul((k1 << 16) | (k1 >>> 16), 0x38b34ae5);
    b = (Math.imul((((b << 17) | (b >>> 15)) + c) | 0, 5) + 0x0bcaa747) | 0;
    c ^= Math.imul((k2 << 17) | (k2 >>> 15), 0xa1e38b93);
    c = (Math.imul((((c << 15) | (c >>> 17)) + d) | 0, 5) + 0x96cd1c35) | 0;
    d ^= Math.imul((k3 << 18) | (k3 >>> 14), 0x239b961b);
    d = (Math.imul((((d << 13) | (d >>> 19)) + a) | 0, 5) + 0x32ac3b17) | 0;
  }
  for (let lane = 0; at < length; lane++) {
    let k = text.charCodeAt(at);
    if (at + 4 <= length) {
      const c1 = text.charCodeAt(at + 1);
      const c2 = text.charCodeAt(at + 2);
      const c3 = text.charCodeAt(at + 3);
      codes |= k | c1 | c2 | c3;
      k |= (c1 << 8) | (c2 << 16) | (c3 << 24);
      at += 4;
    } else {
      codes |= k;
      for (let shift = 8; ++at < length; shift += 8) {
        const code = text.charCodeAt(at);
        codes |= code;
        k |= code << shift;
      }
    }
    if (lane === 0) a ^= Math.imul(turn(Math.imul(k, 0x239b961b), 15), 0xab0e9789);
    else if (lane === 1) b ^= Math.imul(turn(Math.imul(k, 0xab0e9789), 16), 0x38b34ae5);
    else if (lane === 2) c ^= Math.imul(turn(Math.imul(k, 0x38b34ae5), 17), 0xa1e38b93);
    else d ^= Math.imul(turn(Math.imul(k, 0xa1e38b93), 18), 0x239b961b);
  }
  if (codes & 0xff80ff80) hashEncoded(out, text, seed);
  else finish(out, a, b, c, d, length);
}

/** Hashes text that is long or not ASCII. */
function hashEncoded(out: Hash128, text: string, seed: number): void {
  const bytes = encodeText(text);
  hashBytes(out, bytes, seed, encodedLength);
}

/** Hashes the first `length` of `bytes`. */
export function hashBytes(out: Hash128, bytes: Uint8Array, seed: number, length: number = bytes.length): void {
  let a = seed | 0;
  let b = a;
  let c = a;
  let d = a;
  let at = 0;
  for (; at + 16 <= length; at += 16) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, 0x239b961b);
    a ^= Math.imul((k << 15) | (k >>> 17), 0xab0e9789);
    a = (Math.imul((((a << 19) | (a >>> 13)) + b) | 0, 5) + 0x561ccd1b) | 0;
    k = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
    k = Math.imul(k, 0xab0e9789);
    b ^= Math.imul((k << 16) | (k >>> 16), 0x38b34ae5);
    b = (Math.imul((((b << 17) | (b >>> 15)) + c) | 0, 5) + 0x0bcaa747) | 0;
    k = bytes[at + 8]! | (bytes[at + 9]! << 8) | (bytes[at + 10]! << 16) | (bytes[at + 11]! << 24);
    k = Math.imul(k, 0x38b34ae5);
    c ^= Math.imul((k << 17) | (k >>> 15), 0xa1e38b93);
    c = (Math.imul((((c << 15) | (c >>> 17)) + d) | 0, 5) + 0x96cd1c35) | 0;
    k = bytes[at + 12]! | (bytes[at + 13]! << 8) | (bytes[at + 14]! << 16) | (bytes[at + 15]! << 24);
    k = Math.imul(k, 0xa1e38b93);
    d ^= Math.imul((k << 18) | (k >>> 14), 0x239b961b);
    d = (Math.imul((((d << 13) | (d >>> 19)) + a) | 0, 5) + 0x32ac3b17) | 0;
  }
  for (let lane = 0; at < length; lane++) {
    let k = 0;
    for (let shift = 0; shift < 32 && at < length; shift += 8) k |= bytes[at++]! << shift;
    if (lane === 0) a ^= Math.imul(turn(Math.imul(k, 0x239b961b), 15), 0xab0e9789);
    else if (lane === 1) b ^= Math.imul(turn(Math.imul(k, 0xab0e9789), 16), 0x38b34ae5);
    else if (lane === 2) c ^= Math.imul(turn(Math.imul(k, 0x38b34ae5), 17), 0xa1e38b93);
    else d ^= Math.imul(turn(Math.imul(k, 0xa1e38b93), 18), 0x239b961b);
  }
  finish(out, a, b, c, d, length);
}

/** Hashes the eight bytes of two little-endian words, as a 64-bit integer has. */
export function hashWords(out: Hash128, low: number, high: number, seed: number): void {
  const a = seed ^ Math.imul(turn(Math.imul(low, 0x239b961b), 15), 0xab0e9789);
  const b = seed ^ Math.imul(turn(Math.imul(high, 0xab0e9789), 16), 0x38b34ae5);
  finish(out, a, b, seed, seed, 8);
}

function finish(out: Hash128, a: number, b: number, c: number, d: number, length: number): void {
  a ^= length;
  b ^= length;
  c ^= length;
  d ^= length;
  a = (a + b + c + d) | 0;
  b = scramble((b + a) | 0);
  c = scramble((c + a) | 0);
  d = scramble((d + a) | 0);
  a = (scramble(a) + b + c + d) | 0;
  out.a = a;
  out.b = (b + a) | 0;
  out.c = (c + a) | 0;
  out.d = (d + a) | 0;
}

/** Rotates to the left. */
function turn(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** Murmur3's `fmix32`, which can be undone: every bit of the word changes about half of the bits of the result. */
export function scramble(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}

/** Bytes kept for encoding; a longer text gets bytes of its own, which are not kept. */
const KEPT = 3072;

// Made at the first need: a module that makes them on loading cannot be shaken off.
let kept: Uint8Array | undefined;
let encoder: TextEncoder | undefined;

/** How many bytes {@link encodeText} has written. */
export let encodedLength = 0;

/** The UTF-8 bytes of a text, lone surrogates as their own three, and what was there before behind them; good until the next call. */
export function encodeText(text: string): Uint8Array {
  const { length } = text;
  const bytes = length * 3 > KEPT ? new Uint8Array(length * 3) : (kept ??= new Uint8Array(KEPT));
  if (length >= 48) {
    encodedLength = (encoder ??= new TextEncoder()).encodeInto(text, bytes).written;
    // The encoder turns every lone surrogate into the same three bytes, so what is not ASCII is not its to encode.
    if (encodedLength === length) return bytes;
  }
  encodedLength = 0;
  for (let at = 0; at < length; at++) {
    const code = text.codePointAt(at)!;
    if (code > 0xffff) at++;
    let shift = code < 0x80 ? 0 : code < 0x800 ? 6 : code < 0x10000 ? 12 : 18;
    // The first byte tells how many follow: 110, 1110 or 11110, then bits of the number.
    bytes[encodedLength++] = shift > 0 ? (0xff00 >> (shift / 6 + 1)) | (code >> shift) : code;
    while (shift > 0) bytes[encodedLength++] = 0x80 | ((code >> (shift -= 6)) & 0x3f);
  }
  return bytes;
}
