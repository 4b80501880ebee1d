import type { FlightFunction, SharedValue } from './flight.ts';
import { Flight } from './flight.ts';

/** Options of one call. */
export interface FlightOptions {
  /** Gives up waiting: this caller rejects with the signal's own `reason`; the others are untouched. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lets callers that want the same thing at the same time share one run of the work.
 *
 * Nothing is kept: the first caller after a result runs the work again. To keep results, see `createCache`.
 */
export interface Singleflight<K, V> {
  /** Keys in flight. */
  readonly size: number;
  /** Callers that wait for `key`. */
  waiters(key: K): number;
  /**
   * Joins the flight of `key`, or calls `fn`, at once, to start one. All callers of a flight get the
   * identical value, or reject with the identical error.
   *
   * Rejects with what `fn` throws, and with `signal.reason` when `signal` aborts, in the same turn. When the
   * last caller has given up, the signal of `fn` aborts with that caller's reason, the key is free at once,
   * and a late result goes nowhere. With `signal` aborted before, nothing is started or joined.
   *
   * Cost: O(1). Callers of one signal share a promise, and so do those without. A call of the same key from inside
   * `fn` that `fn` awaits waits for itself: do not.
   */
  run(key: K, fn: FlightFunction<V>, options?: FlightOptions): Promise<V>;
  /** Like {@link Singleflight.run}, and tells whether others got the value as well. */
  runShared(key: K, fn: FlightFunction<V>, options?: FlightOptions): Promise<SharedValue<V>>;
  /**
   * Makes the next caller start a new flight, because what the present one reads may be out of date. The
   * present one still answers those who wait for it. False when there is none.
   */
  forget(key: K): boolean;
}

/**
 * Creates a {@link Singleflight}. Keys are told apart as those of a `Map` are.
 *
 * After golang.org/x/sync/singleflight, with an abort signal for each caller.
 *
 * @example
 * ```ts
 * import { createSingleflight } from 'holdfast/singleflight';
 *
 * let loads = 0;
 * const flights = createSingleflight<string, string>();
 * const load = () => flights.run('user:1', async () => `loaded ${++loads} time`);
 * console.log(await Promise.all([load(), load(), load()])); // 'loaded 1 time', three times
 * ```
 */
export function createSingleflight<K, V>(): Singleflight<K, V> {
  return new FlightMap<K, V>();
}

class FlightMap<K, V> implements Singleflight<K, V> {
  readonly #flights = new Map<K, Flight<V>>();

  get size(): number {
    return this.#flights.size;
  }

  waiters(key: K): number {
    return this.#flights.get(key)?.waiting ?? 0;
  }

  run(key: K, fn: FlightFunction<V>, options?: FlightOptions): Promise<V> {
    const signal = options?.signal;
    return this.#board(key, fn, signal, (flight) => flight.join(signal));
  }

  runShared(key: K, fn: FlightFunction<V>, options?: FlightOptions): Promise<SharedValue<V>> {
    const signal = options?.signal;
    return this.#board(key, fn, signal, (flight) => flight.joinShared(signal));
  }

  #board<R>(
    key: K,
    fn: FlightFunction<V>,
    signal: AbortSignal | undefined,
    join: (flight: Flight<V>) => Promise<R>,
  ): Promise<R> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    let flight = this.#flights.get(key);
    try {
      if (flight) return join(flight);
      flight = new Flight<V>((over) => {
        if (this.#flights.get(key) === over) this.#flights.delete(key);
        return undefined;
      });
      const promise = join(flight);
      this.#flights.set(key, flight);
      flight.start(fn);
      return promise;
    } catch (error) {
      // The signal is none. Nothing was started.
      return Promise.reject(error);
    }
  }

  forget(key: K): boolean {
    return this.#flights.delete(key);
  }
}
