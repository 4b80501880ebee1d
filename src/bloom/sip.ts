import type { Hash128 } from '../core/hash.ts';
import { encodedLength, encodeText, scramble } from '../core/hash.ts';

/*
 * HalfSipHash-1-3 by Jean-Philippe Aumasson and Daniel J. Bernstein, as Linux keys its hash tables with on 32-bit
 * machines: without the key, nobody finds keys that collide. The first two words are its 64-bit output; the third is
 * made of them.
 */

/** The two words of a key of eight bytes. */
export type SipKey = readonly [low: number, high: number];

/** Hashes `text` as its UTF-8 bytes, as `hashText` of the core does. */
export function sipText(out: Hash128, text: string, key: SipKey): void {
  const { length } = text;
  if (length >= 48) return sipEncoded(out, text, key);
  let v0 = key[0];
  let v1 = key[1] ^ 0xee;
  let v2 = key[0] ^ 0x6c796765;
  let v3 = key[1] ^ 0x74656462;
  // All character codes seen, or'ed, two to a word. Shifts look at the last five bits only, so that at the end `next`
  // need not be counted from `at`, a multiple of four.
  let codes = 0;
  for (let at = 0; at <= length; at += 4) {
    let word = length << 24;
    if (at + 4 <= length) {
      const even = text.charCodeAt(at) | (text.charCodeAt(at + 2) << 16);
      const odd = text.charCodeAt(at + 1) | (text.charCodeAt(at + 3) << 16);
      codes |= even | odd;
      word = even | (odd << 8);
    } else {
      for (let next = at; next < length; next++) {
        const code = text.charCodeAt(next);
        codes |= code;
        word |= code << (next << 3);
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
  if (codes & 0xff80ff80) sipEncoded(out, text, key);
  else end(out, v0, v1, v2, v3);
}

/** Hashes text that is long or not ASCII. */
function sipEncoded(out: Hash128, text: string, key: SipKey): void {
  const bytes = encodeText(text);
  sipBytes(out, bytes, key, encodedLength);
}

/** Hashes the first `length` of `bytes`. */
export function sipBytes(out: Hash128, bytes: Uint8Array, key: SipKey, length: number = bytes.length): void {
  let v0 = key[0];
  let v1 = key[1] ^ 0xee;
  let v2 = key[0] ^ 0x6c796765;
  let v3 = key[1] ^ 0x74656462;
  for (let at = 0; at <= length; at += 4) {
    let word = length << 24;
    if (at + 4 <= length) {
      word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    } else for (let next = at; next < length; next++) word |= bytes[next]! << (next << 3);
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
  end(out, v0, v1, v2, v3);
}

/** Three rounds for each of the two words of the result. */
function end(out: Hash128, v0: number, v1: number, v2: number, v3: number): void {
  v2 ^= 0xee;
  for (let left = 6; left > 0; left--) {
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
    if (left === 4) {
      out.a = v1 ^ v3;
      v1 ^= 0xdd;
    }
  }
  out.b = v1 ^ v3;
  out.c = scramble((out.a + out.b) | 0);
  out.d = 0;
}
