/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import type { BatchLoader, LoadResult, RemovalCause } from '../../src/cache/index.ts';
import { createCache, lru, memoize, tinyLfu } from '../../src/cache/index.ts';

const cache = createCache<string, number>({
  maxEntries: 1,
  policy: lru(),
  loader: async (key, { signal }) => (signal.aborted ? 0 : key.length),
});

export const value: number | undefined = cache.get('k');
export const loaded: Promise<number | undefined> = cache.getOrLoad('k');
export const many: Promise<Map<string, LoadResult<number>>> = cache.getOrLoadMany(['k'], (keys) => keys.map(() => 1));
export const memoized: Promise<number> = memoize((n: number) => n, { key: String, maxEntries: 1 })(1);
const optional = memoize(async (n: number, _unit?: string) => n, { key: (n, unit) => `${n}${unit}`, maxEntries: 1 });
export const shorter: Promise<number> = optional(1);
export const partial: BatchLoader<string, number> = async () => new Map([['k', new Error('no')]]);
export const cause: RemovalCause = 'evicted';
createCache<string, number>({ maxWeight: 1, policy: tinyLfu(), weigher: (weight) => weight });
createCache<string, number>({ maxEntries: undefined, maxWeight: 1, ttlMs: (key, v) => key.length + v });
using disposed = createCache<object, Date>({ maxEntries: 1 });
disposed.set({}, new Date(), { ttlMs: undefined });

// @ts-expect-error another type of key
cache.get(1);
// @ts-expect-error another type of value
cache.set('k', 'text');
// @ts-expect-error a loader of another type
void cache.getOrLoad('k', () => 'text');
// @ts-expect-error no such option
createCache({ maxEntries: 1, max: 1 });
// @ts-expect-error a policy is made by a call
createCache({ maxEntries: 1, policy: lru });
// @ts-expect-error no such option of a write
cache.set('k', 1, { ttl: 1 });
// @ts-expect-error read only
cache.size = 1;
// @ts-expect-error the key of a call is needed
memoize((n: number) => n, { maxEntries: 1 });
// @ts-expect-error the function is what loads
memoize((n: number) => n, { key: String, maxEntries: 1, loader: () => 1 });
// @ts-expect-error one tag is a list of one
cache.invalidateTags('tag');
