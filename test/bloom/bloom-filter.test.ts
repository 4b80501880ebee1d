import { describe, expect, it } from 'vitest';
import type { BloomKey, BloomOptions } from '../../src/bloom/index.ts';
import { createBloomFilter, hashKey, unionBloom } from '../../src/bloom/index.ts';
import { badNumbers } from '../support/arbitraries.ts';
import { filled, layouts } from './kit.ts';

const options = { capacity: 100, falsePositiveRate: 1e-6 };

describe('createBloomFilter', () => {
  it.each(badNumbers({ min: 1, max: Number.MAX_SAFE_INTEGER, isInteger: true }))(
    'refuses a capacity that is no positive safe integer: %s',
    (_text, capacity) => {
      const bad = { ...options, capacity } as BloomOptions;
      expect(() => createBloomFilter(bad)).toThrow(/capacity must be/);
    },
  );

  it.each(badNumbers({ min: 1e-15, max: 1 - 1e-10 }))(
    'refuses a rate that is not from 1e-15 to below 1: %s',
    (_text, falsePositiveRate) => {
      const bad = { ...options, falsePositiveRate } as BloomOptions;
      expect(() => createBloomFilter(bad)).toThrow(/falsePositiveRate must be/);
    },
  );

  it('refuses what needs more than 2^32 bits, before it takes memory', () => {
    for (const layout of layouts) {
      expect(() => createBloomFilter({ capacity: 1e9, falsePositiveRate: 1e-6, layout })).toThrow(
        'capacity must be small enough for 2^32 bits at a rate of 0.000001, got 1000000000',
      );
      expect(() => createBloomFilter({ capacity: Number.MAX_SAFE_INTEGER, falsePositiveRate: 0.5, layout })).toThrow(
        RangeError,
      );
    }
  });

  it('refuses a rate that the 64 bits of a keyed hash cannot keep', () => {
    const secret = new Uint8Array(8);
    const many = { capacity: 1_000_000, falsePositiveRate: 6e-12 };
    expect(() => createBloomFilter({ ...many, secret })).toThrow(/falsePositiveRate must be at least 6.9\d*e-12/);
    expect(createBloomFilter({ ...many, falsePositiveRate: 7e-12, secret }).add('key')).toBe(true);
    expect(createBloomFilter(many).add('key')).toBe(true);
  });

  it('refuses other bad options by their names', () => {
    const cases: readonly [Record<string, unknown>, RegExp][] = [
      [{ layout: 'cuckoo' }, /layout must be one of blocked, standard/],
      [{ shared: 1 }, /shared must be true or false/],
      [{ seed: -1 }, /seed must be/],
      [{ seed: null }, /seed must be/],
      [{ seed: 2 ** 32 }, /seed must be/],
      [{ secret: 'password' }, /secret must be a Uint8Array of eight bytes/],
      [{ secret: new Uint8Array(7) }, /secret must be a Uint8Array of eight bytes/],
      [{ secret: new Uint8Array(8), seed: 1 }, /seed must be absent beside a secret/],
    ];
    for (const [bad, message] of cases) {
      expect(() => createBloomFilter({ ...options, ...bad })).toThrow(message);
      if ('seed' in bad || 'secret' in bad) expect(() => hashKey('k', bad)).toThrow(message);
    }
  });

  it('says what it is', () => {
    const filter = createBloomFilter({ capacity: 1000, falsePositiveRate: 0.01 });
    expect(filter.capacity).toBe(1000);
    expect(filter.falsePositiveRate).toBe(0.01);
    expect(filter.byteLength).toBe(64 + filter.bitCount / 8);
    expect(filter.toBytes().length).toBe(filter.byteLength);
    expect(filter.buffer.byteLength).toBe(filter.byteLength);
    expect(filter.buffer).toBeInstanceOf(ArrayBuffer);
  });
});

describe('a key', () => {
  it('takes text and its bytes, or a number and its bigint, for one key', () => {
    const pairs: readonly [BloomKey, BloomKey][] = [
      ['', new Uint8Array(0)],
      ['é漢😀', new TextEncoder().encode('é漢😀')],
      ['x'.repeat(3000), new Uint8Array(3000).fill(0x78)],
      [42, 42n],
      [-1, -1n],
      [-1, 2n ** 64n - 1n],
      [-(2 ** 40), -(2n ** 40n)],
      [Number.MAX_SAFE_INTEGER, BigInt(Number.MAX_SAFE_INTEGER)],
      [Number.MIN_SAFE_INTEGER, BigInt(Number.MIN_SAFE_INTEGER)],
      [-0, 0n],
      [258, Uint8Array.of(2, 1, 0, 0, 0, 0, 0, 0)],
      [-(2n ** 63n), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128)],
      [2n ** 64n - 1n, new Uint8Array(8).fill(255)],
      [-2n, Uint8Array.of(254, 255, 255, 255, 255, 255, 255, 255)],
    ];
    for (const secret of [undefined, new Uint8Array(8)]) {
      for (const [one, other] of pairs) {
        const filter = createBloomFilter({ ...options, ...(secret && { secret }) });
        expect(filter.add(one)).toBe(true);
        expect(filter.add(other)).toBe(false);
      }
    }
  });

  it('tells keys apart whose texts, bytes or numbers differ, whatever a coercion would say', () => {
    const keys: readonly BloomKey[] = [
      1,
      '1',
      0,
      '',
      '0',
      'undefined',
      'null',
      '1,2',
      Uint8Array.of(1, 2),
      '\ud800',
      '\udc00',
      '\ufffd',
      '\ud800\ud801',
      'e\u0301',
      '\u00e9',
      'a',
      'A',
      'a\0',
      'a\n',
      2n ** 63n,
      -(2n ** 62n),
      2 ** 32,
      2 ** 33,
      '__proto__',
      '\ud83d',
      '\ude00',
      '\ud83d\ude00',
    ];
    for (const secret of [undefined, new Uint8Array(8)]) {
      const filter = createBloomFilter({ capacity: 1000, falsePositiveRate: 1e-9, ...(secret && { secret }) });
      for (const key of keys) expect(filter.add(key), String(key)).toBe(true);
    }
  });

  it.each([
    undefined,
    null,
    true,
    {},
    [1, 2],
    1.5,
    Number.NaN,
    Infinity,
    2 ** 53,
    2n ** 64n,
    -(2n ** 63n) - 1n,
    Symbol('k'),
    new Uint16Array(2),
    new ArrayBuffer(2),
  ])('that are of no kind are a TypeError: %s', (key) => {
    const filter = createBloomFilter(options);
    const bad = key as BloomKey;
    const calls = [
      () => filter.add(bad),
      () => filter.has(bad),
      () => filter.addAll([bad]),
      () => filter.hasAll([bad]),
      () => hashKey(bad),
    ];
    for (const call of calls) expect(call).toThrow(TypeError);
    expect(filter.stats().bitsSet).toBe(0);
  });
});

describe('hashKey', () => {
  it('serves many filters, and refuses one of another seed or secret', () => {
    const secret = new Uint8Array(8).fill(1);
    const hashers = [{}, { seed: 1 }, { secret }, { secret: new Uint8Array(8).fill(2) }];
    for (const [at, own] of hashers.entries()) {
      const hash = hashKey('key', own);
      for (const [index, other] of hashers.entries()) {
        const filter = createBloomFilter({ ...options, ...other });
        if (index === at) {
          expect([filter.hasHash(hash), filter.addHash(hash), filter.hasHash(hash), filter.has('key')]).toEqual([
            false,
            true,
            true,
            true,
          ]);
        } else {
          expect(() => filter.hasHash(hash)).toThrow(/hash must come from hashKey with the seed or secret/);
          expect(() => filter.addHash(hash)).toThrow(RangeError);
        }
      }
    }
  });

  it('is a hash of filters of any size and layout', () => {
    const hash = hashKey('key');
    for (const layout of layouts) {
      for (const capacity of [1, 100, 10_000]) {
        const filter = createBloomFilter({ capacity, falsePositiveRate: 0.01, layout });
        filter.add('key');
        expect(filter.hasHash(hash)).toBe(true);
      }
    }
  });
});

describe('hasAll', () => {
  it('writes to the start of the array it is given, and refuses one that is too short', () => {
    const filter = createBloomFilter(options);
    filter.add('in');
    const out = new Uint8Array(5).fill(9);
    expect(filter.hasAll(['in', 'out', 'in'], out)).toBe(out);
    expect([...out]).toEqual([1, 0, 1, 9, 9]);
    expect(() => filter.hasAll(['in', 'out'], new Uint8Array(1))).toThrow('out must hold 2 results, got 1');
  });

  it('answers for more keys than one batch', () => {
    const filter = filled({ capacity: 1000, falsePositiveRate: 1e-9 }, (k) => k * 2);
    const answers = filter.hasAll(Array.from({ length: 1000 }, (_, k) => k));
    expect([...answers]).toEqual(Array.from({ length: 1000 }, (_, k) => (k % 2 === 0 ? 1 : 0)));
  });

  it('answers right when the reading of a key asks the filter for many others', () => {
    const filter = filled({ capacity: 1000, falsePositiveRate: 1e-9 }, (k) => k * 2);
    const keys = new Proxy([] as number[], {
      get: (_target, at) => (at === 'length' ? 200 : (filter.hasAll([1]), Number(at))),
    });
    for (let again = 0; again < 2; again++) {
      expect([...filter.hasAll(keys)]).toEqual(Array.from({ length: 200 }, (_, k) => (k % 2 === 0 ? 1 : 0)));
    }
  });
});

describe('clear', () => {
  it('forgets all keys', () => {
    const filter = filled(options, (k) => `key-${k}`);
    filter.clear();
    expect(filter.stats()).toEqual({
      bitsSet: 0,
      fillRatio: 0,
      estimatedCount: 0,
      estimatedFalsePositiveRate: 0,
      saturated: false,
    });
    expect(filter.add('key-1')).toBe(true);
  });
});

describe('unionBloom', () => {
  it('refuses filters that differ in bits, hashes, layout, seed or secret', () => {
    const base = createBloomFilter(options);
    const others = [
      { ...options, capacity: 1000 },
      { ...options, falsePositiveRate: 0.5 },
      { ...options, layout: 'standard' },
      { ...options, seed: 1 },
      { ...options, secret: new Uint8Array(8) },
    ] as const;
    for (const other of others) {
      expect(() => unionBloom(base, createBloomFilter(other))).toThrow(/a and b must have the same/);
    }
    expect(() => unionBloom(base, {} as typeof base)).toThrow(TypeError);
  });
});
