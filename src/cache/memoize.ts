import type { CacheOptions } from './cache-options.ts';
import type { Cache } from './cache.ts';
import { createCache } from './cache.ts';

/** A function with a cache in front of it. */
export interface Memoized<A extends unknown[], V> {
  (...args: A): Promise<V>;
  /** To drop, refresh or look at what is kept. */
  readonly cache: Cache<string, V>;
}

/**
 * Puts a cache in front of `fn`: calls with the same key share one run, and its result as long as it is kept.
 *
 * @example
 * ```ts
 * import { memoize } from 'holdfast/cache';
 *
 * const area = memoize(async (width: number, height: number) => width * height, {
 *   key: (width, height) => `${width}x${height}`,
 *   maxEntries: 100,
 * });
 * console.log(await area(3, 4), await area(3, 4)); // 12 12, computed once
 * ```
 */
export function memoize<A extends unknown[], V>(
  fn: (...args: A) => V | PromiseLike<V>,
  options: Omit<CacheOptions<string, V>, 'loader' | 'loadMany'> & { readonly key: (...args: A) => string },
): Memoized<A, V> {
  const { key, ...rest } = options;
  const cache = createCache<string, V>(rest);
  const memoized = (...args: A): Promise<V> => cache.getOrLoad(key(...args), () => fn(...args)) as Promise<V>;
  return Object.assign(memoized, { cache });
}
