import { createSeededRandom } from '../src/testing/index.ts';
import type { PlainCache, Reader } from './support/cache-peers.ts';
import {
  bentoReader,
  cachifiedReader,
  dataloaderReader,
  dedupeReader,
  holdfastReader,
  layeredReader,
  lruCache,
  lruReader,
  memoizeReader,
  ours,
  quickLru,
  transitory,
} from './support/cache-peers.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { direct, time } from './support/case.ts';
import { retained } from './support/heap.ts';
import { bundled } from './support/size.ts';
import { zipf } from './support/traces.ts';

const SIZE = 10_000;

/** Texts of 16 characters in one piece, as they come from a request. */
function makeKeys(count: number): string[] {
  const one = (k: number): string => `user:${String((k * 7919) % 100_000_007).padStart(11, '0')}`;
  return JSON.parse(JSON.stringify(Array.from({ length: count }, (_, k) => one(k)))) as string[];
}

/** A length of a power of two. */
const shuffled = (keys: readonly string[], length: number): string[] =>
  Array.from({ length }, (_, k) => keys[(Math.imul(k, 0x9e3779b1) >>> 0) % keys.length]!);

async function holdfast(maxEntries: number, options: object = {}): Promise<PlainCache> {
  return (await ours()).createCache<string, number>({ maxEntries, ...options });
}

async function holdfastLru(maxEntries: number): Promise<PlainCache> {
  const { createCache, lru } = await ours();
  return createCache<string, number>({ maxEntries, policy: lru() });
}

const KEPT = 8192;

/** Looks up keys that are all there; for the check, whether one is. */
function hits(name: string, make: () => Promise<PlainCache>): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const [cache, keys] = [await make(), makeKeys(KEPT)];
      for (const key of keys) cache.set(key, key.length);
      const order = shuffled(keys, 2 ** 16);
      let k = 0;
      const next = (): unknown => cache.get(order[k++ & 0xffff]!);
      return { ...direct(next), once: () => next() === 16 };
    },
  };
}

const getHit: Case = {
  kind: 'loop',
  name: 'get, hit',
  about: `one of ${KEPT} keys of a cache for ${SIZE}`,
  isHot: true,
  expected: true,
  subjects: [
    hits('holdfast', () => holdfast(SIZE)),
    hits('holdfast, lru()', () => holdfastLru(SIZE)),
    hits('lru-cache', () => lruCache(SIZE)),
    hits('quick-lru', () => quickLru(SIZE)),
    hits('transitory', () => transitory(SIZE)),
    hits('limit: Map.get', async () => new Map<string, number>()),
  ],
  measures: [time({ against: 'lru-cache', ratio: 0.9 }, { against: 'limit: Map.get', ratio: 2 })],
};

const getTimed: Case = {
  kind: 'loop',
  name: 'get, hit, with a time to live',
  about: 'the same, each value with a time to live; lru-cache reads the clock once a millisecond, by a timer',
  expected: true,
  subjects: [
    hits('holdfast', () => holdfast(SIZE, { ttlMs: 1e9 })),
    hits('lru-cache', () => lruCache(SIZE, 1e9)),
    hits('limit: a clock read', async () => {
      const map = new Map<string, number>();
      return {
        get: (key) => (performance.now() >= 0 ? map.get(key) : undefined),
        set: (key, value) => map.set(key, value),
      };
    }),
  ],
  measures: [time()],
};

/** Writes new keys one after the other into a cache that is full. */
function evicting(name: string, make: () => Promise<PlainCache>): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const [cache, keys] = [await make(), makeKeys(2 ** 17)];
      let k = 0;
      const next = (): void => {
        cache.set(keys[k & 0x1ffff]!, k);
        k++;
      };
      return { ...direct(next), once: () => (next(), 'done') };
    },
  };
}

const setEvict: Case = {
  kind: 'loop',
  name: 'set, with eviction',
  about: `keys that a cache of ${SIZE} does not have, one after the other`,
  isHot: true,
  expected: 'done',
  subjects: [
    evicting('holdfast', () => holdfast(SIZE)),
    evicting('holdfast, lru()', () => holdfastLru(SIZE)),
    evicting('lru-cache', () => lruCache(SIZE)),
    evicting('quick-lru', () => quickLru(SIZE)),
    evicting('transitory', () => transitory(SIZE)),
  ],
  measures: [time({ against: 'lru-cache', ratio: 1.4 }, { against: 'transitory', ratio: 0.5 })],
};

/** Looks keys up as they are asked for on the web, and writes those that are missing. */
function popular(name: string, make: () => Promise<PlainCache>): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const [cache, keys, draw] = [await make(), makeKeys(100_000), zipf(100_000, 0.9, createSeededRandom(1))];
      const order = Array.from({ length: 2 ** 18 }, () => keys[draw()]!);
      let k = 0;
      const next = (): void => {
        const key = order[k++ & 0x3ffff]!;
        if (cache.get(key) === undefined) cache.set(key, k);
      };
      return { ...direct(next), once: () => (next(), 'done') };
    },
  };
}

const mixed: Case = {
  kind: 'loop',
  name: 'get or set, Zipf 0.9',
  about: `100 000 keys by popularity, a cache of ${SIZE}`,
  expected: 'done',
  subjects: [
    popular('holdfast', () => holdfast(SIZE)),
    popular('lru-cache', () => lruCache(SIZE)),
    popular('quick-lru', () => quickLru(SIZE)),
    popular('transitory', () => transitory(SIZE)),
  ],
  measures: [time({ against: 'lru-cache', ratio: 1 }, { against: 'transitory', ratio: 0.5 })],
};

type MakeReader = (size: number, load: (key: string) => Promise<number>) => Promise<Reader>;

const readers: readonly (readonly [name: string, make: MakeReader])[] = [
  ['holdfast', holdfastReader],
  ['lru-cache', lruReader],
  ['bentocache', bentoReader],
  ['async-cache-dedupe', dedupeReader],
  ['cachified', cachifiedReader],
  ['p-memoize', memoizeReader],
  ['layered-loader', layeredReader],
  ['dataloader', dataloaderReader],
  ['limit: a resolved promise', async () => (key) => Promise.resolve(key.length)],
];

const loadHit: Case = {
  kind: 'loop',
  name: 'read that may load, hit',
  about: `awaits one of ${KEPT} keys that have all been loaded`,
  isHot: true,
  expected: 16,
  subjects: readers.map(([name, make]) => ({
    name,
    prepare: async () => {
      const keys = makeKeys(KEPT);
      const read = await make(SIZE, async (key) => key.length);
      for (const key of keys) await read(key);
      const order = shuffled(keys, 2 ** 16);
      let k = 0;
      return {
        once: () => read(order[0]!),
        many: async (n: number) => {
          for (let done = 0; done < n; done++) await read(order[k++ & 0xffff]!);
        },
      };
    },
  })),
  measures: [
    time(...readers.slice(1, -1).map(([against]) => ({ against, ratio: 0.8 })), {
      against: 'limit: a resolved promise',
      ratio: 2.5,
    }),
  ],
};

/** Crowds of callers for one key after the other that nobody has loaded. */
function crowd(name: string, size: number, make: MakeReader): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      let answer: ((value: number) => void) | undefined;
      const read = await make(SIZE, () => new Promise((resolve) => (answer = resolve)));
      let key = 0;
      const ask = async (count: number): Promise<unknown[]> => {
        const callers: Promise<unknown>[] = [];
        key++;
        for (let k = 0; k < count; k++) callers.push(read(`key ${key}`));
        // Some peers look into their store first, and ask the origin some promise callbacks later.
        for (let turns = 0; turns < 50 && !answer; turns++) await Promise.resolve();
        answer!(1);
        answer = undefined;
        return Promise.all(callers);
      };
      return {
        batch: size,
        once: async () => (await ask(1))[0],
        many: async (n: number) => {
          for (let done = 0; done < n; done += size) await ask(size);
        },
      };
    },
  };
}

const coldKey: Case = {
  kind: 'loop',
  name: 'cold key, 100 callers',
  about: 'a caller of a crowd of 100 that share one load',
  expected: 1,
  subjects: readers
    .filter(([name]) => ['holdfast', 'lru-cache', 'async-cache-dedupe', 'layered-loader', 'p-memoize'].includes(name))
    .map(([name, make]) => crowd(name, 100, make)),
  measures: [time({ against: 'lru-cache', ratio: 0.8 })],
};

const waiters: Case = {
  kind: 'loop',
  name: '10 000 callers of a key',
  about: 'a caller of a crowd of 10 000 that share one load, against one of a crowd of 10',
  expected: 1,
  subjects: [crowd('holdfast', 10_000, holdfastReader), crowd('holdfast, 10 callers', 10, holdfastReader)],
  measures: [time({ against: 'holdfast, 10 callers', ratio: 1.5 })],
};

const ENTRIES = 100_000;

/** Bytes of an entry beyond its key and value, which are there before. */
function keeping(name: string, make: (size: number) => Promise<PlainCache>): Subject<Readonly<Record<string, number>>> {
  return {
    name,
    prepare: async () => {
      const keys = makeKeys(ENTRIES + 1000);
      (await make(10)).set('key', 1); // loads the module, which is not the cache's
      const bytes = await retained(async () => {
        const cache = await make(ENTRIES);
        for (const key of keys) cache.set(key, 1);
        return cache;
      });
      return { memory: bytes / ENTRIES };
    },
  };
}

const memory: Case = {
  kind: 'observed',
  name: 'memory of an entry',
  about: `bytes of an entry beyond its key and value, ${ENTRIES} entries after some evictions`,
  rounds: 3,
  subjects: [
    keeping('holdfast', (size) => holdfast(size)),
    keeping('holdfast, with a time to live', (size) => holdfast(size, { ttlMs: 1e6 })),
    keeping('holdfast, lru()', holdfastLru),
    keeping('lru-cache', (size) => lruCache(size)),
    keeping('lru-cache, with a time to live', (size) => lruCache(size, 1e6)),
    keeping('transitory', transitory),
    keeping('limit: a Map', async () => new Map<string, number>()),
  ],
  measures: [
    { name: 'memory', unit: 'B', goals: [{ atMost: 80 }, { subject: 'holdfast, with a time to live', atMost: 92 }] },
  ],
};

const failing: Case = {
  kind: 'observed',
  name: 'failing load, 1000 callers',
  about: 'how often a load that fails after 5 ms runs for 1000 callers of its key, within 2 s',
  rounds: 1,
  subjects: readers.slice(0, -1).map(([name, make]) => ({
    name,
    prepare: async () => {
      let loads = 0;
      const read = await make(SIZE, async () => {
        loads++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        throw new Error('down');
      });
      const callers = Promise.allSettled(Array.from({ length: 1000 }, async () => read('key')));
      await Promise.race([callers, new Promise((resolve) => setTimeout(resolve, 2000))]);
      return { loads };
    },
  })),
  measures: [{ name: 'loads', unit: 'loads', goals: [{ atMost: 1 }] }],
};

const size: Case = {
  kind: 'observed',
  name: 'size of the cache',
  about: 'createCache alone as a browser gets it, minified and as brotli',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { createCache } from 'holdfast/cache';"),
    bundled('lru-cache', "export { LRUCache } from 'lru-cache';"),
    bundled('transitory', "export { newCache } from 'transitory';"),
    bundled('bentocache', "export { BentoCache } from 'bentocache';"),
    bundled('layered-loader', "export { Loader } from 'layered-loader';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 5000 }] }],
};

export const cases: readonly Case[] = [
  getHit,
  getTimed,
  setEvict,
  mixed,
  loadHit,
  coldKey,
  waiters,
  memory,
  failing,
  size,
];
