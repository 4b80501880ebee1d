import { describe, expect, it } from 'vitest';
import { buildFuse, hashForFuse } from '../../src/bloom/fuse-build.ts';
import type { BloomKey, StaticFilter } from '../../src/bloom/index.ts';
import { createBinaryFuse, loadBinaryFuse } from '../../src/bloom/index.ts';
import { newHash128 } from '../../src/core/hash.ts';

/** The seed with which a filter could be made: as many came before in vain. */
function seedOf(filter: StaticFilter): number {
  return new DataView(filter.toBytes().buffer).getUint32(8, true);
}

/** Slots as the authors have them, binaryfusefilter.h of github.com/FastFilter/xor_singleheader; more after every four seeds. */
function slotsOf(count: number, seed: number): number {
  const size = Math.max(count, 2);
  const segment = 2 ** Math.floor(Math.log(size) / Math.log(3.33) + 2.25);
  const factor = Math.max(1.125, 0.875 + (0.25 * Math.log(1e6)) / Math.log(size));
  const room = 1.05 ** Math.floor(seed / 4);
  return (Math.max(1, Math.ceil((size * factor * room) / segment) - 2) + 2) * segment;
}

function expectAll(keys: readonly BloomKey[], count = keys.length): StaticFilter {
  const filter = createBinaryFuse(keys);
  expect(filter.count).toBe(count);
  expect(keys.every((key) => filter.has(key))).toBe(true);
  const loaded = loadBinaryFuse(filter.toBytes());
  expect([loaded.count, loaded.byteLength, loaded.falsePositiveRate]).toEqual([count, filter.byteLength, 2 ** -8]);
  expect(keys.every((key) => loaded.has(key))).toBe(true);
  // 1 in 256 on average.
  const absent = Array.from({ length: 100 }, (_, k) => `absent ${k}`);
  for (const one of [filter, loaded]) expect(absent.filter((key) => one.has(key)).length).toBeLessThan(10);
  return filter;
}

describe('the slots of createBinaryFuse', () => {
  it.each([1, 2, 3, 10, 30, 100, 300, 1000, 3000, 5000, 20_000, 100_000])(
    'are as many as the paper has for %s keys',
    (count) => {
      const filter = createBinaryFuse(Array.from({ length: count }, (_, k) => k));
      const slots = slotsOf(count, seedOf(filter));
      expect(seedOf(filter)).toBeLessThan(10);
      expect(filter.byteLength).toBe(slots);
      expect(filter.toBytes()).toHaveLength(48 + slots);
    },
  );

  it('are of eight bits unless told, or of sixteen', () => {
    const keys = Array.from({ length: 100 }, (_, k) => k);
    expect(createBinaryFuse(keys).falsePositiveRate).toBe(2 ** -8);
    expect(createBinaryFuse(keys, {}).toBytes()).toEqual(createBinaryFuse(keys, { bits: 8 }).toBytes());
    expect(createBinaryFuse(keys, { bits: 16 }).byteLength).toBe(2 * createBinaryFuse(keys).byteLength);
  });
});

describe('a set that the first seed cannot peel', () => {
  it('is made with the next', () => {
    for (const [count, set] of [
      [2, 42],
      [7, 4],
      [18, 24],
    ] as const) {
      expect(seedOf(expectAll(Array.from({ length: count }, (_, k) => `${set}-${k}`)))).toBe(1);
    }
  });

  it('gets more room after four seeds', () => {
    const filter = expectAll(Array.from({ length: 11_500 }, (_, k) => k));
    expect(seedOf(filter)).toBe(4);
    expect(filter.byteLength).toBe(slotsOf(11_500, 4));
    expect(slotsOf(11_500, 4)).toBeGreaterThan(slotsOf(11_500, 0));
  });
});

describe('keys that come twice', () => {
  it('count once, wherever they come', () => {
    expectAll(['a', 'a'], 1);
    expectAll(['a', 'b', 'a', new TextEncoder().encode('b'), 1, 1n, 1], 3);
    for (let count = 1; count < 40; count++) {
      const keys = Array.from({ length: count }, (_, k) => k * 7);
      expectAll([...keys, ...keys], count);
      expectAll([...keys, keys[0]!, keys[count - 1]!, keys[count >> 1]!], count);
    }
  });

  it('are not taken for those whose hash begins alike', () => {
    for (const [one, other] of [
      [8777, 78_401],
      [77_882, 83_939],
      [44_396, 127_905],
    ] as const) {
      const [first, second] = [newHash128(), newHash128()];
      const hasher = { seed: 0, secret: undefined, id: 0 };
      hashForFuse(first, one, hasher);
      hashForFuse(second, other, hasher);
      expect(first.a).toBe(second.a);
      expect(first.b).not.toBe(second.b);
      expectAll([one, other, one], 2);
    }
  });

  it('are found among keys that share a place in the table of those that came', () => {
    for (let set = 0; set < 30; set++) expectAll(Array.from({ length: 50 }, (_, k) => `${set} ${k}`));
  });
});

it('refuses more than 2^27 keys before it hashes one', () => {
  const many = { length: 2 ** 27 + 1 } as readonly BloomKey[];
  expect(() => buildFuse(many, 8)).toThrow('keys must be at most 134217728, got 134217729');
});
