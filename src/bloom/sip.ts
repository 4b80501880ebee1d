import type { ByteHash, Hash128 } from '../core/hash.ts';
import { readText } from '../core/hash.ts';

/*
 * HalfSipHash-1-3 by Jean-Philippe Aumasson and Daniel J. Bernstein, as Linux keys its hash tables with on 32-bit
 * machines: without the key, nobody finds keys that collide. The first two words are its 64-bit output; the third
 * goes on in the same way.
 */

/** The two words of a key of eight bytes. */
export type SipKey = readonly [low: number, high: number];

/** Hashes `text` as its UTF-8 bytes; as `hashText` of the core does. */
export function sipText(out: Hash128, text: string, key: SipKey): void {
  const { length } = text;
  if (length >= 48) return sipRead(out, text, key);
  let v0 = key[0];
  let v1 = key[1] ^ 0xee;
  let v2 = key[0] ^ 0x6c796765;
  let v3 = key[1] ^ 0x74656462;
  let codes = 0;
  for (let at = 0; at <= length; at += 4) {
    let word: number;
    if (at + 4 <= length) {
      const c0 = text.charCodeAt(at);
      const c1 = text.charCodeAt(at + 1);
      const c2 = text.charCodeAt(at + 2);
      const c3 = text.charCodeAt(at + 3);
      codes |= c0 | c1 | c2 | c3;
      word = c0 | (c1 << 8) | (c2 << 16) | (c3 << 24);
    } else {
      word = length << 24;
      for (let next = at, shift = 0; next < length; shift += 8) {
        const code = text.charCodeAt(next++);
        codes |= code;
        word |= code << shift;
      }
    }
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  if (codes > 0x7f) sipRead(out, text, key);
  else end(out, v0, v1, v2, v3);
}

/** Hashes `bytes`. */
export function sipBytes(out: Hash128, bytes: Uint8Array, key: SipKey): void {
  start(out, key);
  absorb(out, bytes, bytes.length & -16);
  finish(out, bytes, bytes.length, bytes.length);
}

/** Hashes the eight bytes of two little-endian words. */
export function sipWords(out: Hash128, low: number, high: number, key: SipKey): void {
  start(out, key);
  take(out, low);
  take(out, high);
  take(out, 8 << 24);
  end(out, out.a, out.b, out.c, out.d);
}

/** Hashes text that is long or not ASCII. */
function sipRead(out: Hash128, text: string, key: SipKey): void {
  start(out, key);
  readText(out, text, sip);
}

const sip: ByteHash = { absorb, finish };

function start(out: Hash128, [low, high]: SipKey): void {
  out.a = low;
  out.b = high ^ 0xee;
  out.c = low ^ 0x6c796765;
  out.d = high ^ 0x74656462;
}

function absorb(out: Hash128, bytes: Uint8Array, to: number): void {
  for (let at = 0; at < to; at += 4) {
    take(out, bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
  }
}

function finish(out: Hash128, bytes: Uint8Array, to: number, total: number): void {
  let word = 0;
  for (let at = to & -16; at < to; at++) {
    word |= bytes[at]! << ((at & 3) << 3);
    if ((at & 3) < 3) continue;
    take(out, word);
    word = 0;
  }
  take(out, word | (total << 24));
  end(out, out.a, out.b, out.c, out.d);
}

/** One round with a word of the message. */
function take(out: Hash128, word: number): void {
  let { a, b, c, d } = out;
  d ^= word;
  a = (a + b) | 0;
  b = ((b << 5) | (b >>> 27)) ^ a;
  a = (a << 16) | (a >>> 16);
  c = (c + d) | 0;
  d = ((d << 8) | (d >>> 24)) ^ c;
  a = (a + d) | 0;
  d = ((d << 7) | (d >>> 25)) ^ a;
  c = (c + b) | 0;
  b = ((b << 13) | (b >>> 19)) ^ c;
  out.a = a ^ word;
  out.b = b;
  out.c = (c << 16) | (c >>> 16);
  out.d = d;
}

/** Three rounds for each word of the result. */
function end(out: Hash128, v0: number, v1: number, v2: number, v3: number): void {
  v2 ^= 0xee;
  for (let round = 1; round <= 9; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round === 3) out.a = v1 ^ v3;
    else if (round === 6) out.b = v1 ^ v3;
    if (round === 3 || round === 6) v1 ^= 0xdd;
  }
  out.c = v1 ^ v3;
  out.d = 0;
}
