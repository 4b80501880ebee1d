import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { EvictionPolicy } from './eviction-policy.ts';

/** Why an entry is no longer in the cache. */
export type RemovalCause = 'evicted' | 'expired' | 'replaced' | 'deleted' | 'invalidated';

/** What a loader is told, and may tell. */
export interface LoadContext<V> {
  /** Aborts when nobody waits for the load any more, at `hardTimeoutMs`, and on close. Made on first read. */
  readonly signal: AbortSignal;
  /** What the cache still has of the key, where its options let it keep values that are out of date or soon will be. */
  readonly stale: { readonly value: V; readonly ageMs: number } | undefined;
  /** Set it to give this value a time to live of its own. */
  ttlMs?: number;
  /** Set it to tag this value. */
  tags?: readonly string[];
  /** Set it to give this value a weight, instead of `weigher`. */
  weight?: number;
}

/** Fetches the value of a key; `undefined` means that there is none. */
export type Loader<K, V> = (key: K, ctx: LoadContext<V>) => V | undefined | PromiseLike<V | undefined>;

/** The result for one key of a batch: a value, `undefined` for none, or an `Error`. */
export type BatchResult<V> = V | undefined | Error;

/** Fetches many keys at once: a `Map`, where a missing key means that there is no value, or a list as long as `keys`. */
export type BatchLoader<K, V> = (
  keys: readonly K[],
  ctx: { readonly signal: AbortSignal },
) =>
  | ReadonlyMap<K, BatchResult<V>>
  | readonly BatchResult<V>[]
  | PromiseLike<ReadonlyMap<K, BatchResult<V>> | readonly BatchResult<V>[]>;

/** How one key of a batch came out. */
export type LoadResult<V> =
  | { readonly ok: true; readonly value: V | undefined }
  | { readonly ok: false; readonly error: unknown };

/** Options of one read that may load. */
export interface LoadOptions {
  /** Gives up waiting: rejects with its reason. The load is aborted when the last caller has given up. */
  readonly signal?: AbortSignal | undefined;
  /** Loads even where a value is fresh; joins a load that is under way. @defaultValue false */
  readonly forceRefresh?: boolean | undefined;
}

/** Options of one write. */
export interface SetOptions {
  /** Instead of the cache's `ttlMs`. Infinity is allowed. */
  readonly ttlMs?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly weight?: number | undefined;
}

/** Options of {@link createCache}. At least one of `maxEntries` and `maxWeight` is needed. */
export interface CacheOptions<K, V> {
  /** Most entries. 0 keeps nothing, and still joins concurrent loads. */
  readonly maxEntries?: number | undefined;
  /** Most weight in all, in the unit of `weigher`. */
  readonly maxWeight?: number | undefined;
  /**
   * The weight of an entry, 0 or more. One of weight 0 is never evicted for weight, and for `maxEntries` only when no
   * other is left: weigh 1 what may be evicted. @defaultValue 1 each
   */
  readonly weigher?: ((value: V, key: K) => number) | undefined;
  /** Which entries a full cache keeps. @defaultValue tinyLfu() */
  readonly policy?: EvictionPolicy | undefined;
  /** How long a value is fresh from when it came, in milliseconds. @defaultValue Infinity */
  readonly ttlMs?: number | ((key: K, value: V) => number) | undefined;
  /** A value that nobody asked for in this time is dropped. @defaultValue Infinity */
  readonly expireAfterAccessMs?: number | undefined;
  /** Times to live are multiplied by 1 - ttlJitter ... 1 + ttlJitter, evenly drawn. @defaultValue 0 */
  readonly ttlJitter?: number | undefined;
  /** How long it is remembered that a loader found nothing. @defaultValue 0: not at all */
  readonly negativeTtlMs?: number | undefined;
  /** So long after its time to live a value is still served, while it is loaded anew. @defaultValue 0 */
  readonly staleWhileRevalidateMs?: number | undefined;
  /** So long after its time to live a value is served when loading fails. @defaultValue 0 */
  readonly staleIfErrorMs?: number | undefined;
  /** After a failed load a stale value is served this long without another load. @defaultValue 0 */
  readonly errorBackoffMs?: number | undefined;
  /**
   * Callers wait until a load has taken so long where there is a stale value to serve instead; the load goes on, and who
   * comes later is served at once. @defaultValue Infinity
   */
  readonly softTimeoutMs?: number | undefined;
  /** A load is aborted after this time. @defaultValue Infinity */
  readonly hardTimeoutMs?: number | undefined;
  /** Share of the time to live after which a value that is asked for is loaded anew beforehand. @defaultValue 1: never */
  readonly refreshAhead?: number | undefined;
  /** Loads anew beforehand by chance, the likelier the nearer the end and the slower the load (XFetch); 1 is the usual. @defaultValue 0: never */
  readonly earlyExpirationBeta?: number | undefined;
  /** For `getOrLoad` and `refresh`, and for `getOrLoadMany` where there is no `loadMany`. */
  readonly loader?: Loader<K, V> | undefined;
  /** For `getOrLoadMany` only. */
  readonly loadMany?: BatchLoader<K, V> | undefined;
  /** Tags of every value. */
  readonly tags?: ((key: K, value: V) => readonly string[]) | undefined;
  /** Told once about each value that left. What it throws is reported and changes nothing. */
  readonly onRemoval?: ((key: K, value: V, cause: RemovalCause) => void) | undefined;
  /** Told about failures of loads that nobody waited for. */
  readonly onError?: ((error: unknown, key: K) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** Counts since the cache was made, and how matters stand. */
export interface CacheStats {
  readonly size: number;
  readonly weight: number;
  readonly hits: number;
  readonly misses: number;
  /** Reads that were answered with a value out of date. */
  readonly staleHits: number;
  readonly loads: number;
  readonly loadFailures: number;
  readonly loading: number;
  readonly evictions: number;
  readonly expirations: number;
}
