import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placesOf, positionsOf, setBits, testBits } from '../../src/bloom/probe.ts';
import type { Hash128 } from '../../src/core/hash.ts';

const hash = (): fc.Arbitrary<Hash128> => {
  const word = fc.integer();
  return fc.record({ a: word, b: word, c: word, d: word });
};

/** As docs/formats/bloom.md has it, word for word. */
function documented(bits: number, hashes: number, isBlocked: boolean, { a, b, c }: Hash128): number[] {
  const [A, B, C] = [a, b, c].map((word) => BigInt.asUintN(32, BigInt(word))) as [bigint, bigint, bigint];
  // Rounded as doubles are, before they are divided.
  const scaled = (word: bigint, to: number): number => Math.floor((Number(word) * to) / 2 ** 32);
  let x = isBlocked ? B : A;
  let step = isBlocked ? C : B;
  return Array.from({ length: hashes }, () => {
    const at = isBlocked ? scaled(A, bits / 512) * 512 + Number(x >> 23n) : scaled(x, bits);
    x = BigInt.asUintN(32, x * 0x9e3779b1n + step);
    if (!isBlocked) step = BigInt.asUintN(32, step + C);
    return at;
  });
}

// Around the sizes where one way of computing gives way to another, and up to the largest.
const blocked = fc
  .oneof(
    fc.constantFrom(1, 2, 65_534, 65_535, 65_536, 65_537, 100_000, 2 ** 22, 2 ** 23 - 1, 2 ** 23),
    fc.integer({ min: 1, max: 2 ** 23 }),
  )
  .map((blocks) => ({ bits: blocks * 512, isBlocked: true }));
const standard = fc
  .oneof(fc.constantFrom(1, 2, 2 ** 26, 2 ** 26 + 1, 2 ** 27), fc.integer({ min: 1, max: 2 ** 27 }))
  .map((words) => ({ bits: words * 32, isBlocked: false }));

describe('the bits of a key', () => {
  it('stand where the description of the bytes says, in filters of any size up to 2^32 bits', () => {
    fc.assert(
      fc.property(fc.oneof(blocked, standard), fc.integer({ min: 1, max: 50 }), hash(), (settings, hashes, key) => {
        const positions = positionsOf(placesOf({ ...settings, hashes }), key);
        expect(positions).toEqual(documented(settings.bits, hashes, settings.isBlocked, key));
        expect(positions.every((at) => at >= 0 && at < settings.bits)).toBe(true);
      }),
    );
  });

  it('are in the block that the first word of the hash falls into, at every border between two blocks', () => {
    for (const blocks of [1, 2, 3, 1000, 40_000, 65_534, 65_535, 65_536, 65_537, 2 ** 23]) {
      const places = placesOf({ bits: blocks * 512, hashes: 1, isBlocked: true });
      for (const block of new Set([0, 1, 2, blocks >> 1, blocks - 1])) {
        if (block >= blocks) continue;
        // The first and the last of the 2^32 words that fall into the block.
        const [first, last] = [block, block + 1].map((at) => Math.ceil((at * 2 ** 32) / blocks)) as [number, number];
        const found = [first - 1, first, last - 1, last].map((a) =>
          Math.floor(positionsOf(places, { a: a | 0, b: 0, c: 0, d: 0 })[0]! / 512),
        );
        expect(found.slice(1, 3)).toEqual([block, block]);
        if (block > 0) expect(found[0]).toBe(block - 1);
        if (block < blocks - 1) expect(found[3]).toBe(block + 1);
      }
    }
  });

  it('are exactly those that are set and tested', () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 30 }),
        hash(),
        (isBlocked, units, hashes, key) => {
          const bits = units * 512;
          const places = placesOf({ bits, hashes, isBlocked });
          const filter = { words: new Int32Array(bits / 32), isShared: false, ...places };
          const expected = new Int32Array(bits / 32);
          for (const at of positionsOf(places, key)) expected[at >>> 5]! |= 1 << at;
          expect([testBits(filter, key), setBits(filter, key), setBits(filter, key), testBits(filter, key)]).toEqual([
            false,
            true,
            false,
            true,
          ]);
          expect(filter.words).toEqual(expected);
          for (const at of positionsOf(places, key)) {
            filter.words[at >>> 5]! &= ~(1 << at);
            expect(testBits(filter, key)).toBe(false);
            filter.words[at >>> 5]! |= 1 << at;
          }
        },
      ),
    );
  });

  it('are all that is looked at, in filters of any size', () => {
    for (const isBlocked of [true, false]) {
      for (const bits of [512, 2 ** 26]) {
        let [reads, writes] = [0, 0];
        const words = new Proxy(new Int32Array(bits / 32), {
          get: (target, at) => (reads++, Reflect.get(target, at) as unknown),
          set: (target, at, value) => (writes++, Reflect.set(target, at, value)),
        });
        const filter = { words, isShared: false, ...placesOf({ bits, hashes: 7, isBlocked }) };
        const key = { a: 0x9e3779b1, b: 0x7feb352d, c: 0x2545f491, d: 0 };
        expect(setBits(filter, key)).toBe(true);
        expect([reads, writes]).toEqual([7, 7]);
        expect(testBits(filter, key)).toBe(true);
        expect([reads, writes]).toEqual([14, 7]);
      }
    }
  });

  it('reach every sixteenth of a filter of 2^32 bits, the upper half too', () => {
    for (const isBlocked of [true, false]) {
      const places = placesOf({ bits: 2 ** 32, hashes: 8, isBlocked });
      const reached = new Set<number>();
      for (let k = 0; k < 1000; k++) {
        const word = (at: number): number => Math.imul(k * 4 + at + 1, 0x9e3779b1);
        for (const at of positionsOf(places, { a: word(0), b: word(1), c: word(2), d: 0 }))
          reached.add(Math.floor(at / 2 ** 28));
      }
      expect(reached.size).toBe(16);
    }
  });
});
