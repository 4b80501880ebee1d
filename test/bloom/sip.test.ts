import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SipKey } from '../../src/bloom/sip.ts';
import { sipBytes, sipText } from '../../src/bloom/sip.ts';
import { newHash128 } from '../../src/core/hash.ts';

/** HalfSipHash-c-d as its authors' halfsiphash.c describes it, with `words` words of result; slow and plain. */
function halfSipHash(c: number, d: number, words: number, key: SipKey, bytes: Uint8Array): number[] {
  const rotate = (x: number, by: number): number => ((x << by) | (x >>> (32 - by))) >>> 0;
  let [v0, v1, v2, v3] = [key[0] >>> 0, key[1] >>> 0, (key[0] ^ 0x6c796765) >>> 0, (key[1] ^ 0x74656462) >>> 0];
  const rounds = (count: number): void => {
    for (let round = 0; round < count; round++) {
      v0 = (v0 + v1) % 2 ** 32;
      v1 = (rotate(v1, 5) ^ v0) >>> 0;
      v0 = rotate(v0, 16);
      v2 = (v2 + v3) % 2 ** 32;
      v3 = (rotate(v3, 8) ^ v2) >>> 0;
      v0 = (v0 + v3) % 2 ** 32;
      v3 = (rotate(v3, 7) ^ v0) >>> 0;
      v2 = (v2 + v1) % 2 ** 32;
      v1 = (rotate(v1, 13) ^ v2) >>> 0;
      v2 = rotate(v2, 16);
    }
  };
  if (words > 1) v1 = (v1 ^ 0xee) >>> 0;
  const padded = new Uint8Array((Math.floor(bytes.length / 4) + 1) * 4);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 0xff;
  const view = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 4) {
    const word = view.getUint32(at, true);
    v3 = (v3 ^ word) >>> 0;
    rounds(c);
    v0 = (v0 ^ word) >>> 0;
  }
  v2 = (v2 ^ (words > 1 ? 0xee : 0xff)) >>> 0;
  const result: number[] = [];
  for (let word = 0; word < words; word++) {
    if (word > 0) v1 = (v1 ^ 0xdd) >>> 0;
    rounds(d);
    result.push((v1 ^ v3) >>> 0);
  }
  return result;
}

const vectorKey: SipKey = [0x03020100, 0x07060504];
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at);

/** HalfSipHash-2-4 with 64 bits for inputs of 0, 1, 2 ... counting bytes: vectors.h of github.com/veorq/SipHash. */
const authors = [
  '218d1f59b9b83cc8',
  'be552412f8387315',
  '064f39ef7c50eb57',
  'ce0f1a45f7060679',
  'd5e78a175be52ea1',
  'cb9d7c3f2f3db580',
  'ce3e91358aa2bc25',
  'ff202728b07bc684',
  'edfee820bce4858c',
  '5b51cccc13888307',
];

/** HalfSipHash-1-3 with 32 bits for the same inputs: lib/tests/siphash_kunit.c of Linux. */
const linux = [
  0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939, 0x7e059ea6, 0x88e3d89b, 0xa0080b65, 0x9d38d9d6, 0x577999b1,
  0xc839caed, 0xe4fa32cf, 0x959246ee, 0x6b28096c, 0x66dd9cd6, 0x16658a7c, 0xd0257b04, 0x8b31d501, 0x2b1cd04b,
  0x06712339, 0x522aca67,
];

function ours(hash: (out: ReturnType<typeof newHash128>) => void): number[] {
  const out = newHash128();
  hash(out);
  return [out.a, out.b].map((word) => word >>> 0);
}

describe('the plain HalfSipHash of this test', () => {
  it('gives the published vectors of HalfSipHash-2-4 and HalfSipHash-1-3', () => {
    for (const [length, vector] of authors.entries()) {
      const words = halfSipHash(2, 4, 2, vectorKey, counting(length));
      const bytes = new Uint8Array(Uint32Array.from(words).buffer);
      expect([...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')).toBe(vector);
    }
    expect(linux.map((_, length) => halfSipHash(1, 3, 1, vectorKey, counting(length))[0])).toEqual(linux);
  });
});

describe('sipText and sipBytes', () => {
  const key = fc.tuple(fc.integer(), fc.integer());

  it('are HalfSipHash-1-3, of text as its UTF-8 bytes', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 70 }),
      fc.string({ unit: 'binary-ascii', maxLength: 70 }),
      fc.constantFrom('x'.repeat(5000), '漢'.repeat(3000)),
    );
    fc.assert(
      fc.property(texts, key, (text, own) => {
        const bytes = new TextEncoder().encode(text);
        const expected = halfSipHash(1, 3, 2, own, bytes);
        expect(ours((out) => sipText(out, text, own))).toEqual(expected);
        expect(ours((out) => sipBytes(out, bytes, own))).toEqual(expected);
      }),
    );
  });

  it('read every character and byte, wherever one that is not ASCII may be', () => {
    for (let length = 0; length < 60; length++) {
      for (let at = 0; at < Math.max(length, 1); at++) {
        for (const other of ['\u007f', '\u0080', '\u4e2d']) {
          const text = Array.from({ length }, (_, k) => (k === at ? other : String.fromCharCode(97 + (k % 26)))).join(
            '',
          );
          const bytes = new TextEncoder().encode(text);
          const expected = halfSipHash(1, 3, 2, vectorKey, bytes);
          expect(ours((out) => sipText(out, text, vectorKey))).toEqual(expected);
          expect(ours((out) => sipBytes(out, bytes, vectorKey))).toEqual(expected);
        }
      }
    }
  });

  it('hash lone surrogates as their own three bytes', () => {
    expect(ours((out) => sipText(out, '\ud800', vectorKey))).toEqual(
      halfSipHash(1, 3, 2, vectorKey, Uint8Array.of(0xed, 0xa0, 0x80)),
    );
  });
});
