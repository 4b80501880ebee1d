import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BloomKey } from '../../src/bloom/index.ts';
import { attachBloomFilter, createBloomFilter, hashKey, loadBloomFilter, unionBloom } from '../../src/bloom/index.ts';
import { anyKey, anyOptions, canShare, secretOf } from './kit.ts';

const keys = (): fc.Arbitrary<BloomKey[]> => fc.array(anyKey(), { maxLength: 60 });

describe('has', () => {
  it('is true for every key that was added, whatever the load and the way it came in', () => {
    fc.assert(
      fc.property(anyOptions(), keys(), keys(), (options, first, second) => {
        const filter = createBloomFilter(options);
        filter.addAll(first);
        for (const key of second) filter.addHash(hashKey(key, options));
        const all = [...first, ...second];
        const loaded = loadBloomFilter(filter.toBytes(), secretOf(options));
        const joined = unionBloom(createBloomFilter({ ...options, shared: false }), filter);
        const views = [filter, loaded, joined];
        if (options.shared) views.push(attachBloomFilter(filter.buffer as SharedArrayBuffer, secretOf(options)));
        for (const view of views) {
          expect(all.every((key) => view.has(key) && view.hasHash(hashKey(key, options)))).toBe(true);
          expect(view.hasAll(all)).toEqual(new Uint8Array(all.length).fill(1));
        }
      }),
    );
  });

  it('is one answer, however the key is asked for', () => {
    fc.assert(
      fc.property(anyOptions(), keys(), keys(), (options, added, asked) => {
        const filter = createBloomFilter(options);
        filter.addAll(added);
        const one = asked.map((key) => (filter.has(key) ? 1 : 0));
        expect([...filter.hasAll(asked)]).toEqual(one);
        expect(asked.map((key) => (filter.hasHash(hashKey(key, options)) ? 1 : 0))).toEqual(one);
      }),
    );
  });
});

describe('add', () => {
  it('answers whether the key was new: the opposite of `has` just before', () => {
    fc.assert(
      fc.property(anyOptions(), keys(), (options, added) => {
        const filter = createBloomFilter(options);
        let news = 0;
        for (const key of added) {
          const wasThere = filter.has(key);
          expect(filter.add(key)).toBe(!wasThere);
          expect(filter.add(key)).toBe(false);
          if (!wasThere) news++;
        }
        expect(createBloomFilter(options).addAll(added)).toBe(news);
      }),
    );
  });

  it('neither keeps nor changes bytes given as a key', () => {
    fc.assert(
      fc.property(anyOptions(), fc.uint8Array({ minLength: 1, maxLength: 70 }), (options, bytes) => {
        const filter = createBloomFilter(options);
        const before = bytes.slice();
        filter.add(bytes);
        expect(bytes).toEqual(before);
        bytes.fill(bytes[0]! ^ 1);
        expect(filter.has(before)).toBe(true);
      }),
    );
  });
});

describe('toBytes', () => {
  it('gives the same bytes for the same options and keys in any order', () => {
    fc.assert(
      fc.property(anyOptions(), keys(), (options, added) => {
        const filter = createBloomFilter(options);
        filter.addAll(added);
        const other = createBloomFilter({ ...options, shared: canShare && !options.shared });
        for (const key of [...added, ...added].reverse()) other.add(key);
        expect(other.toBytes()).toEqual(filter.toBytes());
        expect(loadBloomFilter(filter.toBytes(), secretOf(options)).toBytes()).toEqual(filter.toBytes());
        filter.clear();
        expect(filter.toBytes()).toEqual(createBloomFilter(options).toBytes());
      }),
    );
  });
});

describe('unionBloom', () => {
  it('makes of two filters, bit for bit, the one of all their keys', () => {
    fc.assert(
      fc.property(anyOptions(), keys(), keys(), (options, left, right) => {
        const [a, b, both] = [left, right, [...left, ...right]].map((added) => {
          const filter = createBloomFilter(options);
          filter.addAll(added);
          return filter;
        });
        const before = a!.toBytes();
        expect(unionBloom(a!, b!).toBytes()).toEqual(both!.toBytes());
        expect(a!.toBytes()).toEqual(before);
      }),
    );
  });
});
