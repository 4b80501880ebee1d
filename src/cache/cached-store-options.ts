import type { Backoff } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { Loader } from './cache-options.ts';
import type { Cache } from './cache.ts';

/** One change of a store. */
export type StoreWrite<K, V> =
  | { readonly type: 'put'; readonly key: K; readonly value: V }
  | { readonly type: 'delete'; readonly key: K };

/** What a store is told with a write. */
export interface WriteContext {
  /** Aborts when the caller has given up or, behind, at `timeoutMs`. The write may have happened or not. */
  readonly signal: AbortSignal;
}

/**
 * What a {@link CachedStore} stands in front of. A write has happened when its function has returned or
 * its promise has resolved. Functions are called as methods.
 */
export interface BackingStore<K, V> {
  /** Fetches a value; `undefined` for none. */
  readonly load: Loader<K, V>;
  readonly store?: ((key: K, value: V, ctx: WriteContext) => unknown) | undefined;
  readonly remove?: ((key: K, ctx: WriteContext) => unknown) | undefined;
  /**
   * Writes several keys, each at most once in a call, and takes the place of `store` and `remove`. To tell which
   * writes failed, it answers with a list as long as `writes`, with an `Error` in their places; when it throws, all have.
   */
  readonly writeMany?:
    | ((writes: readonly StoreWrite<K, V>[], ctx: WriteContext) => BatchOutcome | PromiseLike<BatchOutcome>)
    | undefined;
}

/** Nothing: all is written. A list: what came of each write. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- what functions return that return nothing
export type BatchOutcome = void | readonly (Error | undefined)[];

/** How a put or delete reaches the store. */
export type WriteStrategy = 'through' | 'behind' | 'invalidate';

/** What writing behind tells its listener. */
export type WriteBehindEvent<K, V> =
  /** An attempt failed; the write stays, and the next attempt begins after `delayMs` or with the next flush. */
  | { readonly type: 'retry'; readonly key: K; readonly error: unknown; readonly delayMs: number }
  /** A write was given up after `maxAttempts`. It is in your hands now: nothing else has it. */
  | { readonly type: 'lost'; readonly key: K; readonly write: StoreWrite<K, V>; readonly error: unknown };

/** Options of writing behind. */
export interface WriteBehindOptions<K, V> {
  /**
   * The longest that a write waits for others to go with it, in milliseconds.
   *
   * @defaultValue 100
   */
  readonly flushIntervalMs?: number | undefined;
  /**
   * Keys that may have a write which is not durable yet.
   *
   * @defaultValue 10000
   */
  readonly maxPending?: number | undefined;
  /**
   * What a put or delete of another key does when `maxPending` is reached: it waits for its turn, or rejects with
   * {@link WritesFullError}.
   *
   * @defaultValue 'wait'
   */
  readonly onFull?: 'wait' | 'reject' | undefined;
  /**
   * Writes in one call of `writeMany`; so many do not wait for `flushIntervalMs`.
   *
   * @defaultValue 100
   */
  readonly maxBatchSize?: number | undefined;
  /**
   * Calls of the store at once. Infinity is allowed.
   *
   * @defaultValue 4
   */
  readonly maxConcurrent?: number | undefined;
  /**
   * Failures of a write after which it is given up; a batch that fails as a whole counts as none of its writes.
   *
   * @defaultValue Infinity
   */
  readonly maxAttempts?: number | undefined;
  /**
   * The wait before a write that failed is tried again.
   *
   * @defaultValue `exponentialBackoff()`: 50 ms doubling to 20 s, full jitter
   */
  readonly backoff?: Backoff | undefined;
  /**
   * After this time the signal of a call of the store aborts, in milliseconds. The call counts until it has ended:
   * it could still land on top of a newer write.
   *
   * @defaultValue Infinity
   */
  readonly timeoutMs?: number | undefined;
  /** Told of failed attempts, and of writes that are lost, which are reported as errors where nobody listens. */
  readonly onEvent?: ((event: WriteBehindEvent<K, V>) => void) | undefined;
}

/** Options of {@link createCachedStore}. */
export interface CachedStoreOptions<K, V> {
  /** Stays yours: it is not closed with the store. Let nothing else load or write it. */
  readonly cache: Cache<K, V>;
  /**
   * `through`: the store first, then the cache. `invalidate`: the store first, then the key is dropped from the cache.
   * `behind`: the cache at once, the store later.
   */
  readonly write: WriteStrategy;
  /** With `write: 'behind'` only. */
  readonly behind?: WriteBehindOptions<K, V> | undefined;
  /** For the timers of writing behind. @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}
