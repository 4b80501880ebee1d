import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashPosition } from '../../src/ring/index.ts';
import { bytesOf, murmur } from './kit.ts';

const seeds = fc.constantFrom(0, 1, 0x9747b28c, 2 ** 32 - 1);
const anyText = fc.oneof(
  fc.string({ maxLength: 100 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((codes) => String.fromCharCode(...codes)),
);

describe('hashPosition', () => {
  it('has the verification value of MurmurHash3_x86_32 in SMHasher', () => {
    const hashes = new Uint32Array(256);
    for (let length = 0; length < 256; length++) {
      hashes[length] = hashPosition(
        Uint8Array.from({ length }, (_, k) => k),
        256 - length,
      );
    }
    expect(hashPosition(new Uint8Array(hashes.buffer), 0)).toBe(0xb0f57ee3);
  });

  it('is the hash of the UTF-8 bytes of a text, of any length and in any script', () => {
    fc.assert(
      fc.property(anyText, seeds, (text, seed) => {
        const bytes = bytesOf(text);
        expect(hashPosition(text, seed)).toBe(murmur(bytes, seed));
        expect(hashPosition(Uint8Array.from(bytes), seed)).toBe(murmur(bytes, seed));
      }),
    );
  });

  it('reads every character, wherever one that is not ASCII may be', () => {
    for (let length = 1; length < 60; length++) {
      for (let at = 0; at < length; at++) {
        for (const other of ['b', '\u0080', '\u0161', '\ud800']) {
          const text = `${'a'.repeat(at)}${other}${'a'.repeat(length - at - 1)}`;
          expect(hashPosition(text)).toBe(murmur(bytesOf(text), 0));
        }
      }
    }
  });

  it('takes bytes of another realm, and a part of a buffer', () => {
    const foreign = Object.setPrototypeOf(Uint8Array.of(1, 2, 3), Object.create(Uint8Array.prototype)) as Uint8Array;
    expect(hashPosition(foreign)).toBe(hashPosition(Uint8Array.of(1, 2, 3)));
    expect(hashPosition(Uint8Array.of(9, 1, 2, 3, 9).subarray(1, 4))).toBe(hashPosition(Uint8Array.of(1, 2, 3)));
  });
});
