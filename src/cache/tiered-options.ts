import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { LoadOptions, Loader } from './cache-options.ts';
import type { Cache } from './cache.ts';
import type { Tier } from './tiered-store.ts';

/** Turns values into text and back. What it throws when it reads makes a payload a miss. */
export interface Serializer<V> {
  serialize(value: V): string;
  deserialize(text: string): V;
}

/** Options of `createTieredCache`. */
export interface TieredCacheOptions<V> {
  /** The cache of this process: its bounds, policy and timeouts. Taken over: closed with the tiered cache. */
  readonly l1: Cache<string, V>;
  /** What all processes share, as `redisTier` makes. */
  readonly tier: Tier;
  /** How long a value is fresh from when it was loaded, in milliseconds. Finite. */
  readonly ttlMs: number;
  /** How long a value is fresh in `l1` at most, in milliseconds. @defaultValue ttlMs */
  readonly l1TtlMs?: number | undefined;
  /**
   * So long `l1` may be used without word from the tier, in milliseconds; word is asked for three times as often. A
   * process that is gone or cut off delays `wait: 'all'` by this, once. The same in all processes.
   *
   * @defaultValue 5000
   */
  readonly l1MaxStaleMs?: number | undefined;
  /** After this the death of a process that loads a key is noticed, in milliseconds. @defaultValue 3000 */
  readonly leaseMs?: number | undefined;
  /** After this one call to the tier is given up, in milliseconds. @defaultValue 500 */
  readonly tierTimeoutMs?: number | undefined;
  /** After a failed call, reads go past the tier for this time, in milliseconds. @defaultValue 1000 */
  readonly tierRetryMs?: number | undefined;
  /** Whether one process loads a key while the others wait for it. @defaultValue true */
  readonly distributedSingleflight?: boolean | undefined;
  /** @defaultValue JSON */
  readonly serializer?: Serializer<V> | undefined;
  /** Values written under another version are misses. @defaultValue 1 */
  readonly version?: string | number | undefined;
  readonly loader?: Loader<string, V> | undefined;
  /** Tags of every value. */
  readonly tags?: ((key: string, value: V) => readonly string[]) | undefined;
  /** Told of failures of the tier that nobody else is told of, and of payloads that cannot be read. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** Options of one change. */
export interface ChangeOptions {
  /**
   * `'local'`: the change is on its way, and reads of this process are past it. `'shared'`: the tier has carried it
   * out. `'all'`: no process serves what was before any more.
   *
   * @defaultValue 'shared'
   */
  readonly wait?: 'local' | 'shared' | 'all' | undefined;
  /** After this a wait for the others rejects with code ERR_STORE_TIMEOUT. @defaultValue none */
  readonly timeoutMs?: number | undefined;
  /** Gives up waiting; the change may be carried out all the same. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of one write. */
export interface TieredSetOptions extends ChangeOptions {
  /** Instead of the cache's `ttlMs`. Finite. */
  readonly ttlMs?: number | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** Counts since the cache was made. Those of `l1` are its own. */
export interface TieredCacheStats {
  /** Values that the tier had. */
  readonly tierHits: number;
  /** Loads that were left to this process. */
  readonly loads: number;
  /** Values that were loaded here and kept by the tier. */
  readonly fills: number;
  /** Values that were loaded here and not kept, as an invalidation had come between. */
  readonly refusedFills: number;
  /** Calls to the tier that failed or came too late. */
  readonly tierFailures: number;
  /** Whether `l1` may be used as it is now. */
  readonly isConnected: boolean;
}

/** A cache in two levels: one in this process, one that processes share. */
export interface TieredCache<V> extends AsyncDisposable {
  /** The value, when one of the levels has it. Never loads. Rejects with `signal.reason` and CacheClosedError. */
  get(key: string, options?: Pick<LoadOptions, 'signal'>): Promise<V | undefined>;
  /**
   * The value, or what `loader` brings: one load of a key at a time, in all processes together.
   *
   * Rejects with what the loader throws, with `signal.reason` on abort, with what `l1` rejects with, and with
   * CacheClosedError. Never with a failure of the tier: the value is loaded then.
   */
  getOrLoad(key: string, options?: LoadOptions): Promise<V | undefined>;
  getOrLoad(key: string, loader: Loader<string, V>, options?: LoadOptions): Promise<V | undefined>;
  /**
   * Hands `value` to the tier, and drops what processes have. A change of the same key that crosses this one may have
   * the tier forget both; so does a write of a process that has had no word from the tier yet, see
   * {@link TieredCache.ready}. Rejects as {@link TieredCache.delete} does, and with what the serializer throws.
   */
  set(key: string, value: V, options?: TieredSetOptions): Promise<void>;
  /**
   * Drops `key` in this process at once, then everywhere, and makes loads of it that are under way come to nothing.
   *
   * Rejects when the tier does, or does not answer within `tierTimeoutMs`, and with `signal.reason`: the change may be
   * carried out all the same, or not. Not with `wait: 'local'`, whose failures go to `onError`.
   */
  delete(key: string, options?: ChangeOptions): Promise<void>;
  /** Drops every value with one of `tags`, everywhere, as {@link TieredCache.delete} does. O(tags) in the tier. */
  invalidateTags(tags: readonly string[], options?: ChangeOptions): Promise<void>;
  /** Drops everything, everywhere, as {@link TieredCache.delete} does. O(1) in the tier. */
  clear(options?: ChangeOptions): Promise<void>;
  /** Resolves when the tier has given word. Rejects with what it rejects with. Reads need no such call, the first write does. */
  ready(): Promise<void>;
  stats(): TieredCacheStats;
  /**
   * Ends it for good, closes `l1`, waits for what is on its way to the tier and takes leave of it: `tierTimeoutMs` for
   * each of the two at most, whatever hangs.
   */
  close(): Promise<void>;
}
