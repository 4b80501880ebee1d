import { describe, expect, it } from 'vitest';
import type { CacheOptions, RemovalCause } from '../../src/cache/index.ts';
import { createCache, lru, tinyLfu } from '../../src/cache/index.ts';
import { hostileKeys } from '../support/arbitraries.ts';
import { flush } from '../support/gate.ts';

type Removal = [key: string, value: unknown, cause: RemovalCause];

function watched(options: Partial<CacheOptions<string, number>>): {
  cache: ReturnType<typeof createCache<string, number>>;
  removals: Removal[];
} {
  const removals: Removal[] = [];
  const cache = createCache<string, number>({ onRemoval: (...removal) => void removals.push(removal), ...options });
  return { cache, removals };
}

/** The weight of a value is the value. */
const weigher = (value: number): number => value;

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

describe('onRemoval', () => {
  it('is told once of each value that was written, and why it left', async () => {
    const { cache, removals } = watched({ maxEntries: 2, policy: lru(), tags: (key) => [key] });
    cache.set('a', 1);
    cache.set('a', 2);
    cache.set('b', 3);
    cache.set('c', 4);
    cache.delete('c');
    cache.delete('c');
    cache.invalidateTags(['b', 'x']);
    await cache.getOrLoad('d', () => 5);
    cache.set('e', 6, { ttlMs: 0 });
    cache.clear();
    expect(removals).toEqual([
      ['a', 1, 'replaced'],
      ['a', 2, 'evicted'],
      ['c', 4, 'deleted'],
      ['b', 3, 'invalidated'],
      ['e', 6, 'expired'],
      ['d', 5, 'deleted'],
    ]);
  });

  it('may use the cache: it is called when everything is in order', () => {
    const sizes: number[] = [];
    const cache = createCache<string, number>({
      maxWeight: 10,
      weigher,
      policy: lru(),
      onRemoval: (key, value, cause) => {
        sizes.push(cache.weight);
        expect(cache.peek(key)).toBe(undefined);
        if (cause === 'evicted' && value < 3) cache.set(`${key}'`, 3);
      },
    });
    for (const key of ['a', 'b', 'c', 'd']) cache.set(key, 2);
    cache.set('e', 9);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10);
    expect(cache.weight).toBe([...cache.entries()].reduce((sum, [, weight]) => sum + weight, 0));
  });

  it('may write while the cache is cleared, and what it writes stays', () => {
    const cache = createCache<string, number>({
      maxEntries: 9,
      onRemoval: (key) => key.length < 2 && cache.set(`${key}!`, 1),
    });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    cache.clear();
    expect([...cache.entries()].map(([key]) => key).sort()).toEqual(['a!', 'b!', 'c!']);
  });

  it('that throws is reported and changes nothing', async () => {
    const reported: unknown[] = [];
    const { reportError } = globalThis;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const refuse = (key: string): never => {
        throw new Error(`no ${key}`);
      };
      const cache = createCache<string, number>({
        maxEntries: 1,
        policy: lru(),
        onRemoval: refuse,
        onError: (_, key) => refuse(key),
        ttlMs: 1e6,
        staleIfErrorMs: 1e6,
      });
      cache.set('a', 1);
      cache.set('b', 2);
      await cache.getOrLoad('b', () => refuse('load'), { forceRefresh: true });
      cache.clear();
      expect([cache.size, reported.map(String)]).toEqual([0, ['Error: no a', 'Error: no b', 'Error: no b']]);
    } finally {
      globalThis.reportError = reportError;
    }
  });
});

describe('callbacks that judge a value', () => {
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
          ...(name === 'ttlMs' ? { ttlMs: (_: string, value: number) => judge(value) } : {}),
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
