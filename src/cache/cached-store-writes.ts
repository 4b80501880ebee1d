import { reportError } from '../core/errors.ts';
import type { FlightContext } from '../singleflight/flight.ts';
import { Flight } from '../singleflight/flight.ts';
import type { BackingStore, StoreWrite, WriteContext } from './cached-store-options.ts';
import type { Cache } from './cache.ts';

/** Hands writes, one to a store without `writeMany`, over. What failed alone has an Error in its place. */
export async function applyWrites<K, V>(
  store: BackingStore<K, V>,
  writes: readonly StoreWrite<K, V>[],
  ctx: WriteContext,
): Promise<readonly (Error | undefined)[]> {
  if (!store.writeMany) {
    const write = writes[0]!;
    await (write.type === 'put' ? store.store!(write.key, write.value, ctx) : store.remove!(write.key, ctx));
    return [];
  }
  const results = await store.writeMany(writes, ctx);
  if (!Array.isArray(results)) return [];
  if (results.length !== writes.length)
    throw new TypeError(`a batch of ${writes.length} writes was answered with ${results.length} results`);
  return results as readonly (Error | undefined)[];
}

/** Has the cache hold what was written. Either way a load under way comes to nothing. */
export function remember<K, V>(cache: Cache<K, V>, write: StoreWrite<K, V>): void {
  try {
    if (write.type === 'put') return cache.set(write.key, write.value);
  } catch (error) {
    // A weigher or the like of the caller's. The write has happened; what the cache holds is older.
    reportError(error);
  }
  cache.delete(write.key);
}

/** Waits for `fn`, unless `signal` aborts before. `fn` goes on then. */
export function leavable<T>(
  signal: AbortSignal | undefined,
  fn: (ctx: FlightContext, flight: Flight<T>) => T | PromiseLike<T>,
): Promise<T> {
  const flight = new Flight<T>(() => undefined);
  const done = flight.join(signal);
  flight.start((ctx) => fn(ctx, flight));
  return done;
}
