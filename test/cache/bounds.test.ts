import { describe, expect, it } from 'vitest';
import { createCache, lru, tinyLfu } from '../../src/cache/index.ts';
import { hostileKeys } from '../support/arbitraries.ts';
import { flush } from '../support/gate.ts';
import { watched, weigher } from './watched.ts';

describe('a key', () => {
  it('is told from others as in a Map, whatever it is made of', async () => {
    const object = {};
    const symbol = Symbol('a');
    const keys = [
      ...hostileKeys,
      0,
      -1,
      1.5,
      2 ** 40,
      Infinity,
      NaN,
      true,
      false,
      null,
      undefined,
      1n,
      symbol,
      Symbol('a'),
      object,
      {},
      [],
      weigher,
    ];
    const cache = createCache<unknown, number>({ maxEntries: 1000 });
    for (const [k, key] of keys.entries()) cache.set(key, k);
    expect(cache.size).toBe(keys.length);
    for (const [k, key] of keys.entries())
      expect([cache.get(key), cache.peek(key), cache.has(key)]).toEqual([k, k, true]);
    cache.set(-0, 99);
    expect([cache.get(0), cache.get(NaN), cache.get(object), cache.get({})]).toEqual([
      99,
      keys.findIndex(Number.isNaN),
      keys.indexOf(object),
      undefined,
    ]);
    for (const key of keys) expect(cache.delete(key)).toBe(true);
    expect([cache.size, [...cache.entries()]]).toEqual([0, []]);
  });

  it('of any kind can be evicted and loaded', async () => {
    const cache = createCache<unknown, unknown>({ maxEntries: 5, loader: (key) => [key] });
    const keys = [...hostileKeys, 1, 0.5, {}, [], null, Symbol('k'), 2n, false];
    for (let round = 0; round < 20; round++) for (const key of keys) expect(await cache.getOrLoad(key)).toEqual([key]);
    expect(cache.size).toBe(5);
  });
});

describe.each([tinyLfu(), lru()])('a cache of $name', (policy) => {
  it('holds maxEntries at most after every write', () => {
    const { cache, removals } = watched({ maxEntries: 10, policy });
    for (let k = 0; k < 1000; k++) {
      cache.set(`${(k * k) % 97}`, k);
      expect(cache.size).toBeLessThanOrEqual(10);
    }
    expect([cache.size, cache.weight, cache.stats().evictions]).toEqual([
      10,
      10,
      removals.filter(([, , cause]) => cause === 'evicted').length,
    ]);
  });

  it('holds maxWeight at most after every write', () => {
    const { cache } = watched({ maxWeight: 100, weigher, policy });
    for (let k = 0; k < 1000; k++) {
      cache.set(`${(k * k) % 97}`, (k * 7) % 40);
      const held = [...cache.entries()];
      expect(cache.weight).toBe(held.reduce((sum, [, weight]) => sum + weight, 0));
      expect(cache.weight).toBeLessThanOrEqual(100);
    }
    expect(cache.weight).toBeGreaterThan(60);
  });

  it('does not keep an entry heavier than maxWeight, and drops what was there before', () => {
    const { cache, removals } = watched({ maxWeight: 10, weigher, policy });
    cache.set('a', 3);
    cache.set('b', 2);
    cache.set('a', 11);
    expect([cache.get('a'), cache.get('b'), cache.weight]).toEqual([undefined, 2, 2]);
    expect(removals).toEqual([
      ['a', 3, 'replaced'],
      ['a', 11, 'evicted'],
    ]);
    cache.set('c', 10);
    expect(cache.weight).toBeLessThanOrEqual(10);
    cache.clear();
    cache.set('d', 10);
    expect([cache.get('d'), cache.weight]).toEqual([10, 10]);
    cache.clear();
    for (const key of ['e', 'f']) cache.set(key, 5);
    expect([cache.size, cache.weight, cache.stats().evictions > 0]).toEqual([2, 10, true]);
  });

  it('counts entries as 1 each where there is no weigher', () => {
    const { cache } = watched({ maxWeight: 3, policy });
    for (const key of ['a', 'b', 'c', 'd']) cache.set(key, 7);
    expect([cache.size, cache.weight]).toEqual([3, 3]);
  });

  it('grows with its entries, and holds no less after many have come and gone', () => {
    for (const options of [{ maxEntries: 3000 }, { maxWeight: 3000, maxEntries: 4000 }]) {
      const { cache, removals } = watched({ ...options, policy });
      for (let round = 0; round < 3; round++) {
        for (let k = 0; k < 3000; k++) cache.set(`${round} ${k}`, k);
        for (let k = 0; k < 3000; k++) if (cache.peek(`${round} ${k}`) !== k) expect(k).toBe('kept');
        expect([cache.size, cache.weight]).toEqual([3000, 3000]);
        for (let k = 0; k < 3000; k += 1 + (round % 2)) cache.delete(`${round} ${k}`);
        if (round % 2 === 1) cache.clear();
      }
      expect(removals.every(([, , cause]) => cause === 'deleted')).toBe(true);
    }
  });

  it('never evicts an entry of weight 0 for the weight of others', () => {
    const { cache } = watched({ maxWeight: 10, weigher, policy });
    for (const key of ['x', 'y']) cache.set(key, 0);
    for (let k = 0; k < 500; k++) cache.set(`${k}`, 1 + (k % 10));
    expect([cache.get('x'), cache.get('y')]).toEqual([0, 0]);
    cache.set('x', 4);
    cache.set('heavy', 10);
    cache.set('heavy', 0);
    for (let k = 0; k < 500; k++) cache.set(`${k}`, 1 + (k % 10));
    expect([cache.get('x'), cache.get('y'), cache.get('heavy')]).toEqual([undefined, 0, 0]);
  });

  it('evicts entries of weight 0 where there are more entries than maxEntries', () => {
    const { cache } = watched({ maxEntries: 3, maxWeight: 10, weigher, policy });
    for (let k = 0; k < 10; k++) cache.set(`${k}`, 0);
    expect([cache.size, cache.weight]).toEqual([3, 0]);
    expect(cache.has('9')).toBe(true);
    for (let k = 0; k < 10; k++) cache.set(`w${k}`, 3);
    expect([cache.size <= 3, cache.weight <= 10]).toEqual([true, true]);
  });

  it('takes the weight of its write before that of the weigher', async () => {
    const { cache } = watched({ maxWeight: 10, weigher, policy });
    cache.set('a', 100, { weight: 2 });
    await cache.getOrLoad('b', (_, ctx) => ((ctx.weight = 3), 100));
    expect([cache.get('a'), cache.get('b'), cache.weight]).toEqual([100, 100, 5]);
    cache.set('a', 1);
    expect(cache.weight).toBe(4);
  });
});

describe('lru()', () => {
  it('takes a get, a read that may load and a write of a key for its last use, and nothing else', async () => {
    const uses: readonly ((cache: ReturnType<typeof createCache<string, number>>) => unknown)[] = [
      (cache) => cache.get('a'),
      (cache) => cache.getOrLoad('a', () => 0),
      (cache) => cache.set('a', 2),
      (cache) => [cache.peek('a'), cache.has('a'), [...cache.entries()]],
    ];
    const kept = uses.map((use) => {
      const cache = createCache<string, number>({ maxEntries: 2, policy: lru() });
      for (const key of ['a', 'b']) cache.set(key, 1);
      void use(cache);
      cache.set('c', 1);
      return [...cache.entries()].map(([key]) => key).join('');
    });
    expect(kept).toEqual(['ac', 'ac', 'ac', 'bc']);
  });

  it('and tinyLfu() bear their names', () => {
    expect([lru().name, tinyLfu().name]).toEqual(['lru', 'tiny-lfu']);
  });
});

describe('callbacks that judge a value', () => {
  it('are asked about values only, not about what is remembered as missing', async () => {
    const asked: unknown[] = [];
    const cache = createCache<string, number>({
      maxWeight: 9,
      negativeTtlMs: 10,
      weigher: (value) => asked.push(value),
      ttlMs: (_, value) => asked.push(value),
      tags: (_, value) => [`${asked.push(value)}`],
    });
    expect(await cache.getOrLoad('a', () => undefined)).toBe(undefined);
    expect([asked, cache.size, cache.weight]).toEqual([[], 1, 1]);
  });

  it.each(['weigher', 'ttlMs', 'tags'] as const)(
    'make a write throw what %s throws, and leave everything as it was',
    async (name) => {
      const reported: unknown[] = [];
      const { reportError } = globalThis;
      globalThis.reportError = (error) => void reported.push(error);
      try {
        const judge = (value: number): number => {
          if (value < 0) throw new Error('negative');
          return value;
        };
        const options = { weigher: () => 1, ttlMs: () => 1000, tags: () => ['t'] };
        const given = {
          ...options,
          ...(name === 'weigher' ? { weigher: judge } : {}),
          ...(name === 'ttlMs' ? { ttlMs: (_: string, value: number) => judge(value) * 1_000 } : {}),
          ...(name === 'tags' ? { tags: (_: string, value: number) => [`${judge(value)}`] } : {}),
        };
        const { cache, removals } = watched({ maxWeight: 10, ...given });
        cache.set('a', 1);
        expect(() => cache.set('a', -1)).toThrow('negative');
        expect(() => cache.set('b', -1)).toThrow('negative');
        expect([cache.get('a'), cache.size, cache.weight, removals]).toEqual([1, 1, 1, []]);
        expect(await cache.getOrLoad('b', () => -1)).toBe(-1);
        await flush();
        expect([cache.size, reported.map(String), cache.stats().loading]).toEqual([1, ['Error: negative'], 0]);
        expect(await cache.getOrLoad('b', () => 2)).toBe(2);
      } finally {
        globalThis.reportError = reportError;
      }
    },
  );
});

describe('stats', () => {
  it('counts each get as a hit or a miss, and peek, has and entries as nothing', async () => {
    const cache = createCache<string, number>({ maxEntries: 9 });
    cache.set('a', 1);
    for (const key of ['a', 'b', 'a']) cache.get(key);
    cache.peek('a');
    cache.has('b');
    void [...cache.entries()];
    await cache.getOrLoad('a', () => 2);
    await cache.getOrLoad('c', () => 3);
    expect(cache.stats()).toEqual({
      size: 2,
      weight: 2,
      hits: 3,
      misses: 2,
      staleHits: 0,
      loads: 1,
      loadFailures: 0,
      loading: 0,
      evictions: 0,
      expirations: 0,
    });
  });
});

describe('entries', () => {
  it('may be read while the cache changes', () => {
    const cache = createCache<string, number>({ maxEntries: 9 });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    const seen: string[] = [];
    for (const [key] of cache.entries()) {
      seen.push(key);
      cache.delete('b');
      if (seen.length === 1) cache.set('d', 1);
    }
    expect(seen).toEqual(['a', 'c', 'd']);
  });
});
