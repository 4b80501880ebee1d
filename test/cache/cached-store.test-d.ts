/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import type { BackingStore, CachedStore, StoreWrite, WriteBehindEvent } from '../../src/cache/index.ts';
import { createCache, createCachedStore } from '../../src/cache/index.ts';

const cache = createCache<string, number>({ maxEntries: 1 });
const store: BackingStore<string, number> = {
  load: async (key, { signal }) => (signal.aborted ? undefined : key.length),
  store: async (key, value, { signal }) => [key.length, value + 1, signal.aborted],
  remove: (key) => key.length,
};

await using cached: CachedStore<string, number> = createCachedStore(store, { cache, write: 'through' });
export const value: Promise<number | undefined> = cached.get('k', { signal: AbortSignal.abort(), forceRefresh: true });
export const keys: string[] = cached.failedWrites();
void cached.put('k', 1, { signal: undefined });
createCachedStore({ load: () => 1 }, { cache, write: 'invalidate', clock: undefined });
createCachedStore(
  { load: () => 1, writeMany: (writes) => writes.map((write) => (write.type === 'put' ? undefined : new Error('no'))) },
  { cache, write: 'behind', behind: { maxPending: undefined, onEvent: ({ type, key }) => void [type, key.length] } },
);
createCachedStore({ load: () => 1, writeMany: async () => {} }, { cache, write: 'behind' });
export const lostValue = (event: WriteBehindEvent<string, number>): number =>
  event.type === 'lost' && event.write.type === 'put' ? event.write.value : 0;
export const removal: StoreWrite<string, number> = { type: 'delete', key: 'k' };

// @ts-expect-error a store of other values than the cache
createCachedStore({ load: () => 'text' }, { cache, write: 'through' });
// @ts-expect-error how it is written has to be said
createCachedStore(store, { cache });
// @ts-expect-error no such strategy
createCachedStore(store, { cache, write: 'around' });
// @ts-expect-error a cache has to be given
createCachedStore(store, { write: 'through' });
// @ts-expect-error no such option
createCachedStore(store, { cache, write: 'behind', behind: { interval: 5 } });
// @ts-expect-error rows are no answer: they do not say what failed
createCachedStore({ load: () => 1, writeMany: () => [1, 2] }, { cache, write: 'behind' });
// @ts-expect-error another type of value
void cached.put('k', 'text');
// @ts-expect-error a put has a value
export const noValue: StoreWrite<string, number> = { type: 'put', key: 'k' };
// @ts-expect-error read only
cached.pendingWrites = 1;
// @ts-expect-error a write has no time to live of its own
void cached.put('k', 1, { ttlMs: 5 });
