/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import type { TieredCache, TieredCacheStats } from '../../src/cache/index.ts';
import { createCache, createTieredCache } from '../../src/cache/index.ts';
import { redisTier } from '../../src/redis/index.ts';

const tier = redisTier(async () => null, { prefix: 'p', subscriber: undefined });
const cache = createTieredCache<number>({ l1: createCache({ maxEntries: 1 }), tier, ttlMs: 1 });

export const value: Promise<number | undefined> = cache.getOrLoad('k', async (key, ctx) => {
  ctx.tags = [key];
  return 1;
});
export const stats: TieredCacheStats = cache.stats();
export const done: Promise<void> = cache.delete('k', { wait: 'all', timeoutMs: 1 });
await using disposed: TieredCache<number> = cache;
void disposed.set('k', 1, { ttlMs: undefined, tags: ['t'], wait: 'local' });

// @ts-expect-error keys are texts
void cache.get(1);
// @ts-expect-error another type of value
void cache.set('k', 'text');
// @ts-expect-error no such wait
void cache.delete('k', { wait: 'most' });
// @ts-expect-error the first level holds other values
createTieredCache<number>({ l1: createCache<string, string>({ maxEntries: 1 }), tier, ttlMs: 1 });
// @ts-expect-error the first level has other keys
createTieredCache<number>({ l1: createCache<number, number>({ maxEntries: 1 }), tier, ttlMs: 1 });
// @ts-expect-error a time to live is needed
createTieredCache<number>({ l1: createCache({ maxEntries: 1 }), tier });
// @ts-expect-error no such option
redisTier(async () => null, { prefx: 'p' });
