import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RemovalCause } from '../../src/cache/index.ts';
import { createCache, lru, tinyLfu } from '../../src/cache/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';

const accesses = fc.array(fc.nat(30), { maxLength: 200 });

it('lru() keeps what a list of the last uses keeps', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), accesses, (maxEntries, keys) => {
      const cache = createCache<number, number>({ maxEntries, policy: lru() });
      const model = new Map<number, number>();
      for (const key of keys) {
        const kept = model.get(key);
        expect(cache.get(key)).toBe(kept);
        if (kept === undefined) cache.set(key, key);
        model.delete(key);
        model.set(key, key);
        if (model.size > maxEntries) model.delete(model.keys().next().value!);
      }
      expect([...cache.entries()].map(([key]) => key).sort()).toEqual([...model.keys()].sort());
    }),
  );
});

describe.each([tinyLfu(), lru()])('$name', (policy) => {
  const step = fc.oneof(
    {
      arbitrary: fc.record({ key: fc.nat(20), weight: fc.nat(12), ttlMs: fc.constantFrom(undefined, 0, 5, 50) }),
      weight: 5,
    },
    { arbitrary: fc.record({ read: fc.nat(20) }), weight: 5 },
    { arbitrary: fc.record({ gone: fc.nat(20) }), weight: 2 },
    { arbitrary: fc.record({ tag: fc.nat(2) }), weight: 1 },
    { arbitrary: fc.record({ waitMs: fc.nat(30) }), weight: 1 },
    { arbitrary: fc.constantFrom({ all: 'clear' }, { all: 'cleanUp' }), weight: 1 },
  );

  it('in any sequence holds its bounds, serves what was written last, and reports each written value once', async () => {
    const bounds = fc.constantFrom(
      { maxEntries: 5 },
      { maxWeight: 20 },
      { maxEntries: 4, maxWeight: 30 },
      { maxEntries: 0 },
      { maxWeight: 0 },
    );
    await fc.assert(
      fc.asyncProperty(bounds, fc.array(step, { maxLength: 150 }), async (bound, steps) => {
        const { maxEntries = Infinity, maxWeight = Infinity } = bound as { maxEntries?: number; maxWeight?: number };
        const clock = createVirtualClock();
        const reported = new Map<string, RemovalCause>();
        let writes = 0;
        let gets = 0;
        const last = new Map<number, string>();
        const cache = createCache<number, string>({
          ...bound,
          policy,
          clock,
          ttlMs: 40,
          tags: (key) => [`${key % 3}`],
          onRemoval: (_, value, cause) => {
            expect(reported.has(value), value).toBe(false);
            reported.set(value, cause);
          },
        });
        for (const one of steps) {
          if ('key' in one) {
            const value = `value ${writes++}`;
            cache.set(one.key, value, { weight: one.weight, ttlMs: one.ttlMs });
            last.set(one.key, value);
          } else if ('read' in one) {
            gets++;
            const value = cache.get(one.read);
            if (value !== undefined) expect([value, reported.has(value)]).toEqual([last.get(one.read), false]);
          } else if ('gone' in one) cache.delete(one.gone);
          else if ('tag' in one) cache.invalidateTags([`${one.tag}`]);
          else if ('waitMs' in one) await clock.advance(one.waitMs);
          else cache[one.all as 'clear' | 'cleanUp']();
          expect(cache.size).toBeLessThanOrEqual(maxEntries);
          if (maxWeight < Infinity) expect(cache.weight).toBeLessThanOrEqual(maxWeight);
          expect(writes - reported.size).toBe(cache.size);
        }
        expect(cache.stats().hits + cache.stats().misses).toBe(gets);
        cache.close();
        expect([reported.size, cache.size, cache.weight]).toEqual([writes, 0, 0]);
      }),
    );
  });
});

describe('tinyLfu()', () => {
  /** Share of the reads that hit. */
  function hitRate(keys: Iterable<number>, maxEntries: number, policy = tinyLfu()): number {
    const cache = createCache<number, number>({ maxEntries, policy, random: createSeededRandom(3) });
    for (const key of keys) if (cache.get(key) === undefined) cache.set(key, key);
    const { hits, misses } = cache.stats();
    return hits / (hits + misses);
  }

  it('keeps popular keys through a scan, which costs lru() everything', () => {
    const keys: number[] = [];
    for (let round = 0; round < 30; round++) for (let key = 0; key < 100; key++) keys.push(key);
    for (let key = 1000; key < 3000; key++) keys.push(key);
    for (const [policy, least, most] of [
      [tinyLfu(), 60, 100],
      [lru(), 0, 0],
    ] as const) {
      const cache = createCache<number, number>({ maxEntries: 100, policy, random: createSeededRandom(3) });
      for (const key of keys) if (cache.get(key) === undefined) cache.set(key, key);
      const left = [...cache.entries()].filter(([key]) => key < 100).length;
      expect(left).toBeGreaterThanOrEqual(least);
      expect(left).toBeLessThanOrEqual(most);
    }
  });

  it('hits on a loop longer than the cache, where lru() never does', () => {
    const loop = Array.from({ length: 100_000 }, (_, k) => k % 1000);
    expect(hitRate(loop, 500)).toBeGreaterThan(0.4);
    expect(hitRate(loop, 500, lru())).toBe(0);
  });

  it('hits on a loop of entries of very different weight as well', () => {
    const weights = Array.from({ length: 700 }, (_, key) => 1 + ((key * 7919) % 1000));
    const cache = createCache<number, number>({ maxWeight: 150_000, random: createSeededRandom(3) });
    for (let k = 0; k < 40_000; k++)
      if (cache.get(k % 700) === undefined) cache.set(k % 700, k, { weight: weights[k % 700]! });
    const { hits, misses } = cache.stats();
    // There is room for 43 % of the weight.
    expect(hits / (hits + misses)).toBeGreaterThan(0.3);
  });

  it('widens its window where the last used keys are the ones asked for again', () => {
    // Each key is asked for twice, the second time 200 keys later, and never again.
    const pairs = Array.from({ length: 100_000 }, (_, k) => (k % 2 === 0 ? k / 2 : Math.max(0, (k - 401) / 2)));
    expect(hitRate(pairs, 400)).toBeGreaterThan(hitRate(pairs, 400, lru()) - 0.03);
  });

  it('is never more than 3 points below lru() with room for a few entries, however recent what is asked for again', () => {
    for (const maxEntries of [1, 2, 3, 4, 6, 12]) {
      const random = createSeededRandom(maxEntries);
      const drifting = Array.from({ length: 20_000 }, (_, k) => Math.floor(k / 4 - random() ** 2 * maxEntries));
      const again: number[] = [];
      for (let k = 0; k < 20_000; k++) {
        const back = Math.floor(random() * Math.min(k, Math.max(1, maxEntries * 0.9)));
        again.push(k > 0 && random() < 0.6 ? again[k - 1 - back]! : k);
      }
      for (const keys of [drifting, again])
        expect(hitRate(keys, maxEntries), `${maxEntries}`).toBeGreaterThan(hitRate(keys, maxEntries, lru()) - 0.03);
    }
  });

  it('forgets what was popular long ago', () => {
    const keys = Array.from({ length: 60_000 }, (_, k) => (k < 20_000 ? k % 200 : 1000 + (k % 200)));
    const cache = createCache<number, number>({ maxEntries: 200, random: createSeededRandom(3) });
    for (const key of keys) if (cache.get(key) === undefined) cache.set(key, key);
    expect([...cache.entries()].filter(([key]) => key >= 1000).length).toBeGreaterThan(190);
  });

  it('is the default, and gives the same result for the same random numbers', () => {
    const random = createSeededRandom(9);
    const keys = Array.from({ length: 20_000 }, () => Math.floor(random() ** 3 * 3000));
    const kept = (): number[] => {
      const cache = createCache<number, number>({ maxEntries: 100, random: createSeededRandom(4) });
      for (const key of keys) if (cache.get(key) === undefined) cache.set(key, key);
      return [...cache.entries()].map(([key]) => key);
    };
    expect(kept()).toEqual(kept());
    expect(hitRate(keys, 100)).toBeGreaterThan(hitRate(keys, 100, lru()));
  });
});
