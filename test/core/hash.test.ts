import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Hash128 } from '../../src/core/hash.ts';
import { hashBytes, hashText, hashWords, newHash128 } from '../../src/core/hash.ts';

function bytesHash(bytes: Uint8Array, seed = 0): Hash128 {
  const out = newHash128();
  hashBytes(out, bytes, seed);
  return out;
}

function textHash(text: string, seed = 0): Hash128 {
  const out = newHash128();
  hashText(out, text, seed);
  return out;
}

function hex({ a, b, c, d }: Hash128): string {
  return [a, b, c, d].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** UTF-8 with surrogates that have no partner as three bytes, by arithmetic on code points. */
function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const tails = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    const marks = [0, 0xc0, 0xe0, 0xf0];
    bytes.push(marks[tails]! | Math.floor(code / 64 ** tails));
    for (let tail = tails - 1; tail >= 0; tail--) bytes.push(0x80 | (Math.floor(code / 64 ** tail) % 64));
  }
  return Uint8Array.from(bytes);
}

/** Texts of every kind: ASCII, wide, lone surrogates, mixed, and around the lengths where the paths change. */
function anyText(): fc.Arbitrary<string> {
  const unit = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 0x7f }) },
    { weight: 1, arbitrary: fc.integer({ min: 0x80, max: 0xffff }) },
    { weight: 1, arbitrary: fc.integer({ min: 0xd7ff, max: 0xe000 }) },
  );
  const units = fc.oneof(
    fc.array(unit, { maxLength: 100 }),
    fc.array(fc.integer({ min: 0, max: 0x7f }), { maxLength: 100 }),
  );
  return units.map((codes) => codes.map((code) => String.fromCharCode(code)).join(''));
}

describe('hashBytes', () => {
  it('reproduces the verification value that SMHasher states for MurmurHash3_x86_128', () => {
    const results = new DataView(new ArrayBuffer(256 * 16));
    for (let length = 0; length < 256; length++) {
      const { a, b, c, d } = bytesHash(
        Uint8Array.from({ length }, (_, at) => at),
        256 - length,
      );
      for (const [word, value] of [a, b, c, d].entries()) results.setInt32(length * 16 + word * 4, value, true);
    }
    // The first word of the hash of all hashes, in SMHasher's main.cpp for Murmur3C.
    expect(bytesHash(new Uint8Array(results.buffer)).a >>> 0).toBe(0xb3ece62a);
  });

  it('reads a view into a larger buffer, and neither keeps nor changes it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(9), (bytes, offset) => {
        const larger = new Uint8Array(bytes.length + 20).fill(0xaa);
        larger.set(bytes, offset);
        const before = larger.slice();
        expect(hex(bytesHash(larger.subarray(offset, offset + bytes.length)))).toBe(hex(bytesHash(bytes)));
        expect(larger).toEqual(before);
      }),
    );
  });
});

describe('hashText', () => {
  it('hashes text as its UTF-8 bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 100 }), anyText()),
        fc.nat(0xffff_ffff),
        (text, seed) => {
          expect(hex(textHash(text, seed))).toBe(hex(bytesHash(utf8(text), seed)));
          if (!/\p{Surrogate}/u.test(text)) expect(utf8(text)).toEqual(new TextEncoder().encode(text));
        },
      ),
    );
  });

  it('hashes long text as its UTF-8 bytes, wherever the first wide character stands', () => {
    for (const length of [15, 16, 17, 39, 40, 47, 48, 49, 63, 64, 2047, 2048, 2049, 2064, 4096, 5000]) {
      const ascii = Array.from({ length }, (_, at) => String.fromCharCode(32 + (at % 90))).join('');
      expect(hex(textHash(ascii))).toBe(hex(bytesHash(utf8(ascii))));
      for (const wide of ['é', '漢', '😀', '\ud800', '\udfff', 'éé', '😀\ud800']) {
        for (const at of [0, 1, 15, 16, length - 1, length]) {
          const text = ascii.slice(0, at) + wide + ascii.slice(at);
          expect(hex(textHash(text)), `${length} characters, ${wide} at ${at}`).toBe(hex(bytesHash(utf8(text))));
        }
      }
      const allWide = '漢é😀'.repeat(length);
      expect(hex(textHash(allWide))).toBe(hex(bytesHash(utf8(allWide))));
    }
  });

  it('tells lone surrogates apart, which an encoder makes one', () => {
    const lone = ['\ud800', '\ud801', '\udc00', '\ufffd', 'x'.repeat(50) + '\ud800', 'x'.repeat(50) + '\udc00'];
    expect(new Set(lone.map((text) => hex(textHash(text)))).size).toBe(lone.length);
  });

  it('depends on the seed, all 32 bits of it', () => {
    const seeds = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    expect(new Set(seeds.map((seed) => hex(textHash('key', seed)))).size).toBe(seeds.length);
  });
});

describe('hashWords', () => {
  it('hashes two words as their eight little-endian bytes', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), (low, high, seed) => {
        const out = newHash128();
        hashWords(out, low | 0, high | 0, seed);
        const bytes = new Uint8Array(new Uint32Array([low, high]).buffer);
        expect(hex(out)).toBe(hex(bytesHash(bytes, seed)));
      }),
    );
  });
});
