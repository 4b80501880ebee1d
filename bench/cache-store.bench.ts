import { ours } from './support/cache-peers.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { awaited, time } from './support/case.ts';
import { bundled } from './support/size.ts';

const KEYS = Array.from({ length: 1024 }, (_, k) => `user:${k}`);

/** Keys in turn. */
function turns(): () => string {
  let k = 0;
  return () => KEYS[k++ & 1023]!;
}

const hit: Case = {
  kind: 'loop',
  name: 'read through a cached store, hit',
  about: 'awaits one of 1024 keys that have been loaded; no peer has such a store, the limit is the cache alone',
  expected: 1,
  subjects: [
    {
      name: 'holdfast',
      prepare: async (): Promise<Loop> => {
        const { createCache, createCachedStore } = await ours();
        const cache = createCache<string, number>({ maxEntries: 2048 });
        const cached = createCachedStore<string, number>({ load: () => 1 }, { cache, write: 'behind' });
        const next = turns();
        return awaited(() => cached.get(next()));
      },
    },
    {
      name: 'limit: getOrLoad',
      prepare: async (): Promise<Loop> => {
        const { createCache } = await ours();
        const cache = createCache<string, number>({ maxEntries: 2048, loader: () => 1 });
        const next = turns();
        return awaited(() => cache.getOrLoad(next()));
      },
    },
  ],
  measures: [time({ against: 'limit: getOrLoad', ratio: 1.3 })],
};

/** A store that answers after a turn of the event loop, as any that is not in memory. */
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function writing(name: string, write: 'through' | 'behind', options: object = {}): Subject<Loop> {
  return {
    name,
    prepare: async (): Promise<Loop> => {
      const { createCache, createCachedStore } = await ours();
      const cached = createCachedStore<string, number>(
        { load: () => 1, writeMany: later },
        { cache: createCache({ maxEntries: 2048 }), write, ...options },
      );
      const next = turns();
      const put = (): Promise<void> => cached.put(next(), 1);
      const loop = awaited(put);
      return {
        once: async () => (await put(), 'written'),
        // What is pending is part of the work.
        many: async (n) => {
          await loop.many(n);
          await cached.flush();
        },
      };
    },
  };
}

const writes: Case = {
  kind: 'loop',
  name: 'write behind',
  about: 'awaits a put of one of 1024 keys, with the flush of what is pending at the end; through for comparison',
  expected: 'written',
  subjects: [
    writing('holdfast', 'behind'),
    writing('holdfast, through', 'through'),
    {
      name: 'limit: set',
      prepare: async (): Promise<Loop> => {
        const { createCache } = await ours();
        const cache = createCache<string, number>({ maxEntries: 2048 });
        const next = turns();
        const put = async (): Promise<void> => cache.set(next(), 1);
        return { ...awaited(put), once: async () => (await put(), 'written') };
      },
    },
  ],
  measures: [time()],
};

const size: Case = {
  kind: 'observed',
  name: 'size of a cached store',
  about: 'createCache and createCachedStore as a browser gets them, minified and as brotli',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { createCache, createCachedStore } from 'holdfast/cache';"),
    bundled('limit: the cache alone', "export { createCache } from 'holdfast/cache';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ above: 2000, against: 'limit: the cache alone' }] }],
};

export const cases: readonly Case[] = [hit, writes, size];
