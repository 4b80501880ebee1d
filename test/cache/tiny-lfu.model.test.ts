import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CacheOptions } from '../../src/cache/index.ts';
import { createCache, tinyLfu } from '../../src/cache/index.ts';
import { createSeededRandom } from '../../src/testing/index.ts';
import { plainTinyLfu } from './tiny-lfu-model.ts';

type Bound = Pick<CacheOptions<number, number>, 'maxEntries' | 'maxWeight'>;

/** Two caches that differ in nothing but who decides. */
function pair(bound: Bound, seed: number): ReturnType<typeof createCache<number, number>>[] {
  return [tinyLfu(), plainTinyLfu].map((policy) =>
    createCache<number, number>({ ...bound, policy, random: createSeededRandom(seed) }),
  );
}

/** Reads a key of each, and writes it where it is missing. They must agree on which. */
function demand(caches: ReturnType<typeof pair>, key: number, weight = 1): void {
  const [ours, plain] = caches.map((cache) => cache.get(key));
  if (ours !== plain) expect([key, ours]).toEqual([key, plain]);
  if (ours === undefined) for (const cache of caches) cache.set(key, key, { weight });
}

const same = (caches: ReturnType<typeof pair>): void => {
  const [ours, plain] = caches.map((cache) => [cache.weight, ...[...cache.entries()].sort(([a], [b]) => a - b)]);
  expect(ours).toEqual(plain);
};

describe('tinyLfu()', () => {
  it('keeps what plain lists of the same rules keep, through writes, reads, removals and changes of weight', () => {
    const step = fc.record({
      key: fc.oneof(fc.nat(9), fc.nat(60)),
      what: fc.constantFrom('demand', 'demand', 'demand', 'read', 'set', 'delete'),
      times: fc.constantFrom(1, 1, 3, 20),
      weight: fc.constantFrom(0, 1, 1, 2, 5),
    });
    const bounds = fc.constantFrom<Bound>(
      { maxEntries: 1 },
      { maxEntries: 6 },
      { maxEntries: 20 },
      { maxWeight: 10 },
      { maxWeight: 40 },
      { maxEntries: 8, maxWeight: 20 },
    );
    fc.assert(
      fc.property(
        bounds,
        fc.nat(),
        fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
        (bound, seed, list) => {
          const caches = pair(bound, seed);
          for (const { key, what, times, weight } of list) {
            for (let time = 0; time < times; time++) {
              if (what === 'demand') demand(caches, key, weight);
              else if (what === 'read') for (const cache of caches) cache.get(key);
              else if (what === 'set') for (const cache of caches) cache.set(key, key, { weight });
              else for (const cache of caches) cache.delete(key);
            }
          }
          same(caches);
        },
      ),
    );
  });

  const traces: readonly (readonly [string, (k: number, draw: number) => number])[] = [
    ['popular keys', (k, draw) => Math.floor(draw ** 4 * 500) + (k % 7 === 0 ? 1000 + k : 0)],
    ['a loop', (k) => k % 180],
    ['keys that are asked for twice, soon', (k) => (k % 2 === 0 ? k / 2 : Math.max(0, (k - 61) / 2))],
    ['one kind after the other', (k, draw) => (k % 1200 < 600 ? k % 170 : Math.floor(k - draw * 40))],
  ];

  it.each(traces.flatMap(([name, keyOf]) => [1, 7, 15, 33, 140].map((size) => [name, size, keyOf] as const)))(
    'sizes its window as plain lists do for %s, with room for %i',
    (_, maxEntries, keyOf) => {
      const caches = pair({ maxEntries }, 5);
      const random = createSeededRandom(maxEntries);
      for (let k = 0; k < 2400; k++) demand(caches, keyOf(k, random()));
      same(caches);
    },
  );
});
