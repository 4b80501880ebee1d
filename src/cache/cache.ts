import type {
  BatchLoader,
  CacheOptions,
  CacheStats,
  Loader,
  LoadOptions,
  LoadResult,
  SetOptions,
} from './cache-options.ts';
import { checkCache } from './cache-settings.ts';
import { LoadingCache } from './loading-cache.ts';

/** Keeps values by key, within bounds, and loads what is missing. */
export interface Cache<K, V> extends Disposable {
  /** Entries, those out of date that were not met yet included. At most `maxEntries`. */
  readonly size: number;
  /** Weight of all entries. At most `maxWeight`. */
  readonly weight: number;
  /** The value, when it is fresh. O(1). */
  get(key: K): V | undefined;
  /** Like {@link Cache.get}, but leaves no trace: neither counted nor taken for a use. */
  peek(key: K): V | undefined;
  has(key: K): boolean;
  /**
   * Keeps `value`, and makes a load of `key` that is under way come to nothing. A value heavier than
   * `maxWeight`, or with no time to live, is not kept, and what was there before is dropped. O(1) amortised.
   *
   * @throws TypeError when `value` is undefined, RangeError for a bad option.
   */
  set(key: K, value: V, options?: SetOptions): void;
  /** Drops `key`; a load under way answers its callers and is not kept. True when a fresh value was there. */
  delete(key: K): boolean;
  /** Drops everything. O(entries). */
  clear(): void;
  /** Drops every entry with one of `tags`, now and where a load under way would bring one. O(entries dropped). */
  invalidateTags(tags: readonly string[]): void;
  /**
   * The fresh value, or what `loader` brings, which all concurrent callers share: one load of a key at a time.
   * Where the options allow it, a value out of date is served at once and loaded anew behind.
   *
   * Rejects with what the loader throws, with LoadTimeoutError after `hardTimeoutMs` (unless a stale value may be
   * served), with `signal.reason` on abort, and with CacheClosedError. The load is aborted when its last caller
   * has left.
   */
  getOrLoad(key: K, options?: LoadOptions): Promise<V | undefined>;
  getOrLoad(key: K, loader: Loader<K, V>, options?: LoadOptions): Promise<V | undefined>;
  /**
   * Reads many keys; one call loads those that are missing and not under way. Rejects only with `signal.reason`:
   * each key has a result of its own.
   */
  getOrLoadMany(keys: Iterable<K>, options?: LoadOptions): Promise<Map<K, LoadResult<V>>>;
  getOrLoadMany(keys: Iterable<K>, load: BatchLoader<K, V>, options?: LoadOptions): Promise<Map<K, LoadResult<V>>>;
  /** Loads `key` by the cache's own loader even where a value is fresh. */
  refresh(key: K): Promise<V | undefined>;
  /** Fresh entries, in no particular order. */
  entries(): IterableIterator<[K, V]>;
  stats(): CacheStats;
  /** Drops what has expired. Nothing needs it: expired entries are never served, and writes find them bit by bit. */
  cleanUp(): void;
  /** Aborts every load and drops everything, for good. Later loads reject with CacheClosedError, later writes are dropped. */
  close(): void;
}

/**
 * Creates a {@link Cache}.
 *
 * @example
 * ```ts
 * import { createCache } from 'holdfast/cache';
 *
 * const users = createCache<string, { name: string }>({
 *   maxEntries: 10_000,
 *   ttlMs: 60_000,
 *   staleIfErrorMs: 600_000,
 *   loader: async (id) => ({ name: `user ${id}` }),
 * });
 * console.log(await users.getOrLoad('7')); // loaded
 * console.log(users.get('7')); // kept
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function createCache<K, V>(options: CacheOptions<K, V>): Cache<K, V> {
  return new LoadingCache<K, V>(checkCache(options));
}
