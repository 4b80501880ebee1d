/*
 * MD5 (RFC 1321), because libketama places by it, and without node:crypto. For nothing that must be secure.
 */
import { refuse } from '../core/check.ts';
import type { RingKey } from './key.ts';

/** Rotations of the four rounds, each of which repeats its four. */
const ROTATIONS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

interface Machine {
  /** floor(2^32 * |sin(k + 1)|), as the algorithm defines them. */
  readonly sines: Int32Array;
  readonly block: Int32Array;
  readonly bytes: Uint8Array;
  readonly digest: Int32Array;
  readonly encoder: TextEncoder;
}

/** Made at the first need and used again, so that a digest allocates nothing. */
let machine: Machine | undefined;

function makeMachine(): Machine {
  return {
    sines: Int32Array.from({ length: 64 }, (_, k) => Math.floor(Math.abs(Math.sin(k + 1)) * 2 ** 32)),
    block: new Int32Array(16),
    bytes: new Uint8Array(48),
    digest: new Int32Array(4),
    encoder: new TextEncoder(),
  };
}

/** The digest as four little-endian words, in a place that the next call uses again. */
export function md5(key: RingKey): Int32Array {
  const { block, bytes, digest, encoder, sines } = (machine ??= makeMachine());
  let from: Uint8Array;
  let length: number;
  if (typeof key === 'string') {
    length = key.length > bytes.length ? -1 : copyAscii(key, bytes);
    from = length < 0 ? encoder.encode(key) : bytes;
    if (length < 0) ({ length } = from);
  } else if ((key as Uint8Array | undefined)?.[Symbol.toStringTag] === 'Uint8Array') {
    from = key;
    ({ length } = key);
  } else refuse('key', 'text or a Uint8Array', key);
  digest[0] = 0x67452301;
  digest[1] = 0xefcdab89;
  digest[2] = 0x98badcfe;
  digest[3] = 0x10325476;
  // One bit and eight bytes of length follow the last byte, in as many blocks as that takes.
  for (let start = 0; start < length + 9; start += 64) {
    block.fill(0);
    const end = Math.min(64, length - start);
    for (let at = 0; at < end; at++) block[at >> 2]! |= from[start + at]! << ((at & 3) << 3);
    if (end >= 0 && end < 64) block[end >> 2]! |= 0x80 << ((end & 3) << 3);
    if (end < 56) {
      block[14] = length << 3;
      block[15] = length / 2 ** 29;
    }
    absorb(digest, block, sines);
  }
  return digest;
}

/** Copies text that is ASCII and answers its length, or -1. */
function copyAscii(text: string, bytes: Uint8Array): number {
  let codes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    codes |= code;
    bytes[at] = code;
  }
  return codes > 0x7f ? -1 : text.length;
}

function absorb(digest: Int32Array, block: Int32Array, sines: Int32Array): void {
  let a = digest[0]!;
  let b = digest[1]!;
  let c = digest[2]!;
  let d = digest[3]!;
  for (let k = 0; k < 64; k++) {
    let mixed: number;
    let word: number;
    if (k < 16) {
      mixed = d ^ (b & (c ^ d));
      word = k;
    } else if (k < 32) {
      mixed = c ^ (d & (b ^ c));
      word = 5 * k + 1;
    } else if (k < 48) {
      mixed = b ^ c ^ d;
      word = 3 * k + 5;
    } else {
      mixed = c ^ (b | ~d);
      word = 7 * k;
    }
    const sum = (a + mixed + sines[k]! + block[word & 15]!) | 0;
    const rotation = ROTATIONS[((k >> 2) & 12) | (k & 3)]!;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << rotation) | (sum >>> (32 - rotation)))) | 0;
  }
  digest[0]! += a;
  digest[1]! += b;
  digest[2]! += c;
  digest[3]! += d;
}
