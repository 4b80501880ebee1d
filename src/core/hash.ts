/*
 * MurmurHash3_x86_128 by Austin Appleby (public domain): 32-bit steps only, which is what JavaScript multiplies well,
 * 128 bits of result, and an implementation in every language. Not for keys that an attacker chooses.
 *
 * Text is hashed as its UTF-8 bytes, computed on the way, with a lone surrogate as its own three bytes: so text equals
 * its bytes, and no two texts collide by encoding.
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

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** From here on the engine's own encoder beats reading character by character (decisions/0100). */
const LONG_TEXT = 40;

/** Bytes encoded at a time; a multiple of the block. */
const CHUNK = 2048;

/** Made at the first need: a module that makes it on loading cannot be shaken off. */
let scratch: Uint8Array | undefined;
let encoder: TextEncoder | undefined;

/** Hashes `text` as its UTF-8 bytes. */
export function hashText(out: Hash128, text: string, seed: number): void {
  const { length } = text;
  start(out, seed);
  let at = 0;
  if (length > LONG_TEXT) at = absorbLong(out, text);
  for (; at + 16 <= length; at += 16) {
    const k1 = fourOf(text, at);
    const k2 = fourOf(text, at + 4);
    const k3 = fourOf(text, at + 8);
    const k4 = fourOf(text, at + 12);
    if ((k1 | k2 | k3 | k4) < 0) return hashWide(out, text, at);
    block(out, k1, k2, k3, k4);
  }
  const k1 = fewOf(text, at, length);
  const k2 = fewOf(text, at + 4, length);
  const k3 = fewOf(text, at + 8, length);
  const k4 = fewOf(text, at + 12, length);
  if ((k1 | k2 | k3 | k4) < 0) return hashWide(out, text, at);
  finish(out, k1, k2, k3, k4, length);
}

/** Hashes `bytes`. */
export function hashBytes(out: Hash128, bytes: Uint8Array, seed: number): void {
  start(out, seed);
  absorb(out, bytes, 0, bytes.length);
  finishBytes(out, bytes, bytes.length, bytes.length);
}

/** Hashes the eight bytes of two little-endian words, as a 64-bit integer has. */
export function hashWords(out: Hash128, low: number, high: number, seed: number): void {
  start(out, seed);
  finish(out, low, high, 0, 0, 8);
}

function start(out: Hash128, seed: number): void {
  out.a = out.b = out.c = out.d = seed | 0;
}

/** Four ASCII characters as a word, which is then never negative; -1 when one of them is not ASCII. */
function fourOf(text: string, at: number): number {
  const c0 = text.charCodeAt(at);
  const c1 = text.charCodeAt(at + 1);
  const c2 = text.charCodeAt(at + 2);
  const c3 = text.charCodeAt(at + 3);
  return (c0 | c1 | c2 | c3) > 0x7f ? -1 : c0 | (c1 << 8) | (c2 << 16) | (c3 << 24);
}

/** Up to four ASCII characters before `end` as a word, or -1 as {@link fourOf}. */
function fewOf(text: string, at: number, end: number): number {
  if (at + 4 <= end) return fourOf(text, at);
  let word = 0;
  let bits = 0;
  for (let shift = 0; at < end; at++, shift += 8) {
    const code = text.charCodeAt(at);
    bits |= code;
    word |= code << shift;
  }
  return bits > 0x7f ? -1 : word;
}

/** Absorbs whole blocks of ASCII from the start of a long text, and answers where it stopped. */
function absorbLong(out: Hash128, text: string): number {
  const bytes = (scratch ??= new Uint8Array(CHUNK + 4));
  encoder ??= new TextEncoder();
  let at = 0;
  for (;;) {
    // The encoder turns every lone surrogate into the same three bytes, so its result serves only when all was ASCII.
    const part = at > 0 || text.length > CHUNK ? text.slice(at, at + CHUNK) : text;
    const { read, written } = encoder.encodeInto(part, bytes);
    if (read !== written || read !== part.length) return at;
    const whole = read & -16;
    absorb(out, bytes, 0, whole);
    at += whole;
    if (whole < CHUNK) return at;
  }
}

/** Goes on with text that is not ASCII, from `at` on; everything before was. */
function hashWide(out: Hash128, text: string, at: number): void {
  const bytes = (scratch ??= new Uint8Array(CHUNK + 4));
  let total = at;
  let filled = 0;
  while (at < text.length) {
    const code = text.codePointAt(at)!;
    at += code > 0xffff ? 2 : 1;
    filled = encodePoint(bytes, filled, code);
    if (filled < CHUNK) continue;
    absorb(out, bytes, 0, CHUNK);
    bytes.copyWithin(0, CHUNK, filled);
    filled -= CHUNK;
    total += CHUNK;
  }
  absorb(out, bytes, 0, filled);
  finishBytes(out, bytes, filled, total + filled);
}

/** Writes the UTF-8 bytes of a code point, a lone surrogate's included, and answers where they end. */
function encodePoint(bytes: Uint8Array, at: number, code: number): number {
  if (code < 0x80) bytes[at++] = code;
  else {
    if (code < 0x800) bytes[at++] = 0xc0 | (code >> 6);
    else {
      if (code < 0x10000) bytes[at++] = 0xe0 | (code >> 12);
      else {
        bytes[at++] = 0xf0 | (code >> 18);
        bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
      }
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    }
    bytes[at++] = 0x80 | (code & 0x3f);
  }
  return at;
}

/** Absorbs the whole blocks between `from` and `to`. */
function absorb(out: Hash128, bytes: Uint8Array, from: number, to: number): void {
  for (; from + 16 <= to; from += 16) {
    block(out, wordOf(bytes, from), wordOf(bytes, from + 4), wordOf(bytes, from + 8), wordOf(bytes, from + 12));
  }
}

function wordOf(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** Absorbs what is left of the last block of `bytes` up to `end`, after `total` bytes in all. */
function finishBytes(out: Hash128, bytes: Uint8Array, end: number, total: number): void {
  const words: [number, number, number, number] = [0, 0, 0, 0];
  for (let at = end & -16; at < end; at++) words[(at & 15) >> 2]! |= bytes[at]! << ((at & 3) << 3);
  finish(out, words[0], words[1], words[2], words[3], total);
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function block(out: Hash128, k1: number, k2: number, k3: number, k4: number): void {
  let { a, b, c, d } = out;
  a ^= Math.imul(rotate(Math.imul(k1, C1), 15), C2);
  a = (Math.imul((rotate(a, 19) + b) | 0, 5) + 0x561ccd1b) | 0;
  b ^= Math.imul(rotate(Math.imul(k2, C2), 16), C3);
  b = (Math.imul((rotate(b, 17) + c) | 0, 5) + 0x0bcaa747) | 0;
  c ^= Math.imul(rotate(Math.imul(k3, C3), 17), C4);
  c = (Math.imul((rotate(c, 15) + d) | 0, 5) + 0x96cd1c35) | 0;
  d ^= Math.imul(rotate(Math.imul(k4, C4), 18), C1);
  d = (Math.imul((rotate(d, 13) + a) | 0, 5) + 0x32ac3b17) | 0;
  out.a = a;
  out.b = b;
  out.c = c;
  out.d = d;
}

/** Mixes in the last, incomplete block, zeros where it has no bytes, and the length. */
function finish(out: Hash128, k1: number, k2: number, k3: number, k4: number, length: number): void {
  let a = out.a ^ Math.imul(rotate(Math.imul(k1, C1), 15), C2) ^ length;
  let b = out.b ^ Math.imul(rotate(Math.imul(k2, C2), 16), C3) ^ length;
  let c = out.c ^ Math.imul(rotate(Math.imul(k3, C3), 17), C4) ^ length;
  let d = out.d ^ Math.imul(rotate(Math.imul(k4, C4), 18), C1) ^ length;
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

/** Murmur3's `fmix32`. */
function scramble(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
}
