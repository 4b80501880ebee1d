import { refuse } from '../core/check.ts';
import type { CacheOptions } from './cache-options.ts';
import type { Cache } from './cache.ts';
import { createCache } from './cache.ts';

/** A function with a cache in front of it. */
export interface Memoized<A extends unknown[], V> {
  (...args: A): Promise<V>;
  /** To drop or look at what is kept. It has no loader of its own: `refresh` rejects for it does not know the arguments. */
  readonly cache: Cache<string, V>;
}

/**
 * Puts a cache in front of `fn`: calls with the same key share one run, and its result as long as it is kept.
 * A call rejects with what `key` or `fn` throws.
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
 *
 * @throws RangeError or TypeError for bad options.
 */
export function memoize<A extends unknown[], V>(
  fn: (...args: A) => V | PromiseLike<V>,
  options: Omit<CacheOptions<string, V>, 'loader' | 'loadMany'> & { readonly key: (...args: [...A]) => string },
): Memoized<A, V> {
  const { key, ...rest } = options;
  if (typeof fn !== 'function') refuse('fn', 'a function', fn);
  if (typeof key !== 'function') refuse('key', 'a function', key);
  const cache = createCache<string, V>(rest);
  const memoized = (...args: A): Promise<V> => {
    try {
      return cache.getOrLoad(key(...args), () => fn(...args)) as Promise<V>;
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return Object.assign(memoized, { cache });
}
