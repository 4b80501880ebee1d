import { oneOf, optionalFunction, refuse } from '../core/check.ts';
import { shortClock } from '../core/clock.ts';
import type { LoadOptions } from './cache-options.ts';
import { DirectStore } from './cached-store-direct.ts';
import type { BackingStore, CachedStoreOptions } from './cached-store-options.ts';
import { checkBehind } from './write-behind-settings.ts';
import { WriteBehind } from './write-behind.ts';

/** Options of a wait. */
export interface CachedStoreWait {
  /** Gives up waiting: rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A store of values by key behind a cache, through which it is read and written. */
export interface CachedStore<K, V> extends AsyncDisposable {
  /** Keys with a write that the store does not have yet. */
  readonly pendingWrites: number;
  /**
   * The value that was written last or, where that is durable, what `getOrLoad` of the cache answers; `undefined` for
   * none. Rejects as that does. Works on after `close`. O(1).
   */
  get(key: K, options?: LoadOptions): Promise<V | undefined>;
  /**
   * Writes a value. Through and with invalidation it resolves when the store and the cache have done so, and rejects
   * with what the store fails with. Behind it resolves when the write is taken on, which is at once where there is
   * room, and rejects with {@link WritesFullError} where there is none and `onFull` is 'reject'. O(1).
   *
   * Writes of a key are applied one at a time, in the order of their calls. Rejects with `signal.reason` on abort: a write that was
   * waiting never happens, and one that the store had begun may happen. Rejects with {@link CacheClosedError} after `close`, with
   * TypeError where `value` is undefined or the store has no function for it; nothing was started then.
   */
  put(key: K, value: V, options?: CachedStoreWait): Promise<void>;
  /** Removes a value. In all else like {@link CachedStore.put}. */
  delete(key: K, options?: CachedStoreWait): Promise<void>;
  /**
   * Waits until what was written before is durable. Behind, everything pending is tried at once. What then fails is
   * named, with what has been lost since the last flush, by an AggregateError of {@link WriteFailedError}s, and stays pending. An abort ends
   * the wait, not the writes. O(pending).
   *
   * Through and with invalidation it waits for what is under way, whose failures are its callers'.
   */
  flush(options?: CachedStoreWait): Promise<void>;
  /**
   * Refuses writes from now on, those that wait for room included, and does what `flush` does. Where that rejects,
   * the writes stay pending, are tried on, and keep the process alive; close again, or leave the process.
   */
  close(options?: CachedStoreWait): Promise<void>;
  /** Keys whose write was given up, of which no flush has told and which were not written since; the last `maxPending` of them. */
  failedWrites(): K[];
}

/**
 * Creates a {@link CachedStore}.
 *
 * @example
 * ```ts
 * import { createCache, createCachedStore } from 'holdfast/cache';
 *
 * const table = new Map<string, number>(); // a database
 * const scores = createCachedStore<string, number>(
 *   {
 *     load: async (player) => table.get(player),
 *     writeMany: async (writes) => {
 *       for (const write of writes) {
 *         if (write.type === 'put') table.set(write.key, write.value);
 *         else table.delete(write.key);
 *       }
 *     },
 *   },
 *   { cache: createCache({ maxEntries: 10_000 }), write: 'behind', behind: { flushIntervalMs: 500 } },
 * );
 * await scores.put('ann', 7);
 * console.log(await scores.get('ann'), table.size); // 7 0
 * await scores.close();
 * console.log(table.get('ann')); // 7
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function createCachedStore<K, V>(
  store: BackingStore<K, V>,
  options: CachedStoreOptions<K, V>,
): CachedStore<K, V> {
  const { cache, write, behind, clock = shortClock } = options;
  if (typeof store?.load !== 'function') refuse('store.load', 'a function', store?.load);
  for (const name of ['store', 'remove', 'writeMany'] as const) optionalFunction<unknown>(`store.${name}`, store[name]);
  if (typeof cache?.getOrLoad !== 'function') refuse('cache', 'a cache', cache);
  oneOf('write', write, ['through', 'behind', 'invalidate']);
  if (write === 'behind') return new WriteBehind(store, cache, checkBehind(behind ?? {}), clock);
  if (behind !== undefined) refuse('behind', 'left out', behind);
  return new DirectStore(store, cache, write === 'through');
}
