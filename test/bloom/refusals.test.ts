import { describe, expect, it, vi } from 'vitest';
import type { BloomFilter, BloomKey } from '../../src/bloom/index.ts';
import {
  attachBloomFilter,
  bloomSize,
  createBinaryFuse,
  createBloomFilter,
  createRotatingBloom,
  createScalableBloom,
  hashKey,
  loadBloomFilter,
  unionBloom,
} from '../../src/bloom/index.ts';
import { canShare } from './kit.ts';

const options = { capacity: 100, falsePositiveRate: 0.01 };
const secret = new Uint8Array(8).fill(7);
const filter = createBloomFilter(options);
const scalable = { initialCapacity: 10, falsePositiveRate: 0.01 };
const rotating = { ...options, windowMs: 1000 };

function make(own: object): () => BloomFilter {
  return () => createBloomFilter({ ...options, ...own });
}

function unite(own: object): () => BloomFilter {
  return () => unionBloom(filter, make(own)());
}

/** Options of filters that differ in nothing but their layout. */
const twins = {
  blocked: { capacity: 50, falsePositiveRate: 0.01, layout: 'blocked' },
  standard: { capacity: 50, falsePositiveRate: 0.01, layout: 'standard' },
} as const;

const noFilter = 'bytes must be those of a Bloom filter, but they are no Bloom filter';
const anyKeyRule = 'key must be a string, a Uint8Array, a safe integer or a 64-bit bigint, got';

describe('what is refused', () => {
  it.each<[string, () => unknown, typeof RangeError | typeof TypeError, string]>([
    ['capacity', make({ capacity: 0 }), RangeError, 'capacity must be an integer of at least 1, got 0'],
    [
      'a rate of 1',
      make({ falsePositiveRate: 1 }),
      RangeError,
      'falsePositiveRate must be a number of at least 1e-15 and below 1, got 1',
    ],
    [
      'a rate that is text',
      make({ falsePositiveRate: '0.1' }),
      RangeError,
      'falsePositiveRate must be a number of at least 1e-15 and below 1, got "0.1"',
    ],
    [
      'a rate that only bigint compares',
      make({ falsePositiveRate: 0n }),
      TypeError,
      'falsePositiveRate must be a number of at least 1e-15 and below 1, got 0',
    ],
    [
      'a rate in an array',
      make({ falsePositiveRate: [0.5] }),
      TypeError,
      'falsePositiveRate must be a number of at least 1e-15 and below 1, got object',
    ],
    ['layout', make({ layout: 'cuckoo' }), RangeError, 'layout must be one of blocked, standard, got "cuckoo"'],
    ['shared', make({ shared: 1 }), RangeError, 'shared must be true or false, got 1'],
    [
      'seed',
      make({ seed: 2 ** 32 }),
      RangeError,
      'seed must be an integer of at least 0 and at most 4294967295, got 4294967296',
    ],
    [
      'a short secret',
      make({ secret: new Uint8Array(7) }),
      TypeError,
      'secret must be a Uint8Array of eight bytes, got object',
    ],
    [
      'a secret of other numbers',
      make({ secret: new Uint16Array(8) }),
      TypeError,
      'secret must be a Uint8Array of eight bytes, got object',
    ],
    ['a seed beside a secret', make({ secret, seed: 0 }), RangeError, 'seed must be absent beside a secret, got 0'],
    [
      'a rate that the secret cannot keep',
      make({ capacity: 2 ** 20, falsePositiveRate: 1e-12, secret }),
      RangeError,
      `falsePositiveRate must be at least ${2 ** 20 / 2 ** 57} for so many keys with a secret, got 1e-12`,
    ],
    [
      'too many bits',
      () => bloomSize({ capacity: 1e10, falsePositiveRate: 0.01 }),
      RangeError,
      'capacity must be small enough for 2^32 bits at a rate of 0.01, got 10000000000',
    ],
    [
      'a key that is undefined',
      () => filter.add(undefined as unknown as BloomKey),
      TypeError,
      `${anyKeyRule} undefined`,
    ],
    ['a key that is null', () => filter.has(null as unknown as BloomKey), TypeError, `${anyKeyRule} object`],
    ['a key that is 1.5', () => filter.has(1.5), TypeError, `${anyKeyRule} 1.5`],
    ['a key of 2^64', () => hashKey(2n ** 64n), TypeError, `${anyKeyRule} 18446744073709551616`],
    ['a key that is true', () => hashKey(true as unknown as BloomKey), TypeError, `${anyKeyRule} boolean`],
    [
      'a hash of another seed',
      () => filter.hasHash(hashKey('key', { seed: 1 })),
      RangeError,
      'hash must come from hashKey with the seed or secret of the filter',
    ],
    [
      'too short an out',
      () => filter.hasAll(['a', 'b'], new Uint8Array(1)),
      RangeError,
      'out must hold 2 results, got 1',
    ],
    [
      'bytes that are none',
      () => loadBloomFilter('' as unknown as Uint8Array),
      RangeError,
      'bytes must be a Uint8Array, got ""',
    ],
    ['no bytes', () => loadBloomFilter(new Uint8Array(0)), RangeError, noFilter],
    ['47 bytes', () => loadBloomFilter(filter.toBytes().subarray(0, 47)), RangeError, noFilter],
    [
      'a header alone',
      () => loadBloomFilter(filter.toBytes().subarray(0, 48)),
      RangeError,
      `bytes must be those of a Bloom filter, but they are 48 bytes where ${filter.byteLength} are said to be`,
    ],
    [
      'a bit that was changed',
      () => loadBloomFilter(filter.toBytes().map((byte, at) => (at === 50 ? byte ^ 4 : byte))),
      RangeError,
      'bytes must be those of a Bloom filter, but their bits are damaged',
    ],
    [
      'a missing secret',
      () => loadBloomFilter(make({ secret })().toBytes()),
      TypeError,
      'secret must be the one the filter was made with, got undefined',
    ],
    [
      'another secret',
      () => loadBloomFilter(make({ secret })().toBytes(), { secret: new Uint8Array(8) }),
      RangeError,
      'secret must be the one the filter was made with',
    ],
    [
      'a secret too many',
      () => loadBloomFilter(filter.toBytes(), { secret }),
      TypeError,
      'secret must be absent: the filter has none, got object',
    ],
    [
      'a buffer that is not shared',
      () => attachBloomFilter(filter.buffer as SharedArrayBuffer),
      TypeError,
      'buffer must be a SharedArrayBuffer, got object',
    ],
    [
      'a union of sizes',
      unite({ capacity: 300 }),
      RangeError,
      `a and b must have the same bits, got ${filter.bitCount} and 3072`,
    ],
    [
      'a union of numbers of hashes',
      () => unionBloom(make({ capacity: 1 })(), make({ capacity: 1, falsePositiveRate: 0.001 })()),
      RangeError,
      'a and b must have the same hashes, got 1 and 2',
    ],
    [
      'a union of layouts',
      () => unionBloom(createBloomFilter(twins.blocked), createBloomFilter(twins.standard)),
      RangeError,
      'a and b must have the same layout, got blocked and standard',
    ],
    ['a union of seeds', unite({ seed: 1 }), RangeError, 'a and b must have the same seed or secret'],
    ['a union of secrets', unite({ secret }), RangeError, 'a and b must have the same seed or secret'],
    [
      'a union of something else',
      () => unionBloom({ ...filter } as BloomFilter, filter),
      TypeError,
      'a and b must be filters that createBloomFilter, loadBloomFilter or attachBloomFilter made',
    ],
    [
      'a union with something else',
      () => unionBloom(filter, {} as BloomFilter),
      TypeError,
      'a and b must be filters that createBloomFilter, loadBloomFilter or attachBloomFilter made',
    ],
    [
      'initialCapacity',
      () => createScalableBloom({ ...scalable, initialCapacity: 0 }),
      RangeError,
      'initialCapacity must be an integer of at least 1, got 0',
    ],
    [
      'a rate that stages cannot keep',
      () => createScalableBloom({ ...scalable, falsePositiveRate: 9e-13 }),
      RangeError,
      'falsePositiveRate must be a number of at least 1e-12, got 9e-13',
    ],
    [
      'growth of 1',
      () => createScalableBloom({ ...scalable, growth: 1 }),
      RangeError,
      'growth must be a number above 1, got 1',
    ],
    [
      'growth of 17',
      () => createScalableBloom({ ...scalable, growth: 17 }),
      RangeError,
      'growth must be a number of at least 1 and at most 16, got 17',
    ],
    [
      'tightening',
      () => createScalableBloom({ ...scalable, tightening: 1 }),
      RangeError,
      'tightening must be a number of at least 0.1 and at most 0.99, got 1',
    ],
    [
      'maxBytes',
      () => createScalableBloom({ ...scalable, maxBytes: 0 }),
      RangeError,
      'maxBytes must be a number of at least 1, got 0',
    ],
    [
      'windowMs',
      () => createRotatingBloom({ ...rotating, windowMs: 0.5 }),
      RangeError,
      'windowMs must be a number of at least 1, got 0.5',
    ],
    [
      'generations',
      () => createRotatingBloom({ ...rotating, generations: 65 }),
      RangeError,
      'generations must be an integer of at least 1 and at most 64, got 65',
    ],
    [
      'a rate that generations cannot keep',
      () => createRotatingBloom({ ...rotating, falsePositiveRate: 9e-13 }),
      RangeError,
      'falsePositiveRate must be a number of at least 1e-12, got 9e-13',
    ],
    [
      'a rate that generations cannot keep with a secret',
      () => createRotatingBloom({ ...rotating, capacity: 2 ** 20, falsePositiveRate: 2e-11, generations: 3, secret }),
      RangeError,
      `falsePositiveRate must be at least ${2 ** 22 / 2 ** 57} for so many keys with a secret, got 2e-11`,
    ],
    ['bits', () => createBinaryFuse([], { bits: 9 as 8 }), RangeError, 'bits must be 8 or 16, got 9'],
  ])('names rule and value: %s', (_text, call, kind, message) => {
    let thrown: unknown;
    try {
      call();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(kind);
    expect((thrown as Error).message).toBe(message);
  });

  it.skipIf(!canShare)('is a buffer with too few or too many bytes, shared too', () => {
    const { buffer } = createBloomFilter({ ...options, shared: true });
    const longer = new SharedArrayBuffer(buffer.byteLength + 4);
    new Uint8Array(longer).set(new Uint8Array(buffer));
    expect(() => attachBloomFilter(longer)).toThrow(/^bytes must be those of a Bloom filter, but they are \d+ bytes/);
  });

  it('is every buffer where there is no shared memory', () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    try {
      expect(() => attachBloomFilter(filter.buffer as SharedArrayBuffer)).toThrow('buffer must be a SharedArrayBuffer');
      expect(loadBloomFilter(filter.toBytes()).add('key')).toBe(true);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('is no rate, size or number at the edge of what is said', () => {
    expect(bloomSize({ capacity: 1, falsePositiveRate: 1e-15 }).bits).toBe(512);
    expect(createScalableBloom({ ...scalable, falsePositiveRate: 1e-12, growth: 16, tightening: 0.1 }).add('a')).toBe(
      true,
    );
    expect(createScalableBloom({ ...scalable, growth: 1.0001, tightening: 0.99 }).add('a')).toBe(true);
    const long = { ...rotating, falsePositiveRate: 1e-12, windowMs: 1, generations: 64 };
    expect(createRotatingBloom(long).add('a')).toBe(true);
    const capacity = 2 ** 20;
    expect(createBloomFilter({ capacity, falsePositiveRate: capacity / 2 ** 57, secret }).add('a')).toBe(true);
    expect(hashKey('key', { seed: 2 ** 32 - 1 })).toBeDefined();
    expect(filter.hasAll([], new Uint8Array(0))).toHaveLength(0);
  });
});
