/*
 * Other caches in one shape each, loaded by name, so that types and lint need no peer. What a peer calls its options is
 * in here and nowhere else.
 */
import type * as CacheModule from '../../src/cache/index.ts';

async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

export const ours = (): Promise<typeof CacheModule> => load('holdfast/cache');

/** What can be looked up and written at once. */
export interface PlainCache {
  get(key: string): unknown;
  set(key: string, value: number): unknown;
}

/** Reads a key, and loads it where it is missing. */
export type Reader = (key: string) => Promise<unknown>;
export type Load = (key: string) => Promise<number>;

interface LruModule {
  readonly LRUCache: new (options: object) => PlainCache & { fetch(key: string): Promise<unknown> };
}

interface Transitory {
  maxSize(size: number): { build(): { getIfPresent(key: string): unknown; set(key: string, value: number): unknown } };
}

export async function lruCache(max: number, ttl?: number): Promise<PlainCache> {
  const { LRUCache } = await load<LruModule>('lru-cache');
  return new LRUCache(ttl === undefined ? { max } : { max, ttl });
}

export async function quickLru(maxSize: number): Promise<PlainCache> {
  const { default: QuickLRU } = await load<{ default: new (options: object) => PlainCache }>('quick-lru');
  return new QuickLRU({ maxSize });
}

export async function transitory(size: number): Promise<PlainCache> {
  const { newCache } = await load<{ newCache(): Transitory }>('transitory');
  const cache = newCache().maxSize(size).build();
  return { get: (key) => cache.getIfPresent(key) ?? undefined, set: (key, value) => cache.set(key, value) };
}

export async function holdfastReader(maxEntries: number, loader: Load): Promise<Reader> {
  const cache = (await ours()).createCache<string, number>({ maxEntries, loader });
  return (key) => cache.getOrLoad(key);
}

export async function lruReader(max: number, loader: Load): Promise<Reader> {
  const { LRUCache } = await load<LruModule>('lru-cache');
  const cache = new LRUCache({ max, fetchMethod: loader });
  return (key) => cache.fetch(key);
}

export async function bentoReader(maxItems: number, loader: Load): Promise<Reader> {
  interface Bento {
    getOrSet(options: { key: string; ttl: number; factory: () => Promise<number> }): Promise<unknown>;
  }
  const { BentoCache, bentostore } = await load<{
    BentoCache: new (options: object) => Bento;
    bentostore(): { useL1Layer(driver: object): object };
  }>('bentocache');
  const { memoryDriver } = await load<{ memoryDriver(options: object): object }>('bentocache/drivers/memory');
  const store = bentostore().useL1Layer(memoryDriver({ maxItems, serialize: false }));
  const cache = new BentoCache({ default: 'memory', stores: { memory: store } });
  return (key) => cache.getOrSet({ key, ttl: 1e9, factory: () => loader(key) });
}

export async function dedupeReader(size: number, loader: Load): Promise<Reader> {
  interface Dedupe {
    define(name: string, options: object, fn: Load): void;
    value: Reader;
  }
  const { createCache } = await load<{ createCache(options: object): Dedupe }>('async-cache-dedupe');
  const cache = createCache({ ttl: 1e6, storage: { type: 'memory', options: { size } } });
  cache.define('value', {}, loader);
  return (key) => cache.value(key);
}

export async function cachifiedReader(max: number, loader: Load): Promise<Reader> {
  const { cachified } = await load<{ cachified(options: object): Promise<unknown> }>('@epic-web/cachified');
  const { LRUCache } = await load<LruModule>('lru-cache');
  const cache = new LRUCache({ max });
  return (key) => cachified({ key, cache, getFreshValue: () => loader(key) });
}

export async function memoizeReader(maxSize: number, loader: Load): Promise<Reader> {
  const { default: pMemoize } = await load<{ default(fn: Load, options: object): Reader }>('p-memoize');
  const { default: QuickLRU } = await load<{ default: new (options: object) => object }>('quick-lru');
  return pMemoize(loader, { cache: new QuickLRU({ maxSize }) });
}

export async function layeredReader(maxItems: number, loader: Load): Promise<Reader> {
  const { Loader } = await load<{ Loader: new (options: object) => { get: Reader } }>('layered-loader');
  const cache = new Loader({
    inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: 1e9, maxItems },
    dataSources: [{ name: 'origin', get: loader }],
  });
  return (key) => cache.get(key);
}

export async function dataloaderReader(_: number, loader: Load): Promise<Reader> {
  type DataLoader = new (batch: (keys: readonly string[]) => Promise<number[]>) => { load: Reader };
  const module = await load<{ default: DataLoader }>('dataloader');
  const cache = new module.default((keys) => Promise.all(keys.map(loader)));
  return (key) => cache.load(key);
}
