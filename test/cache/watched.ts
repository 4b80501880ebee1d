import type { CacheOptions, RemovalCause } from '../../src/cache/index.ts';
import { createCache } from '../../src/cache/index.ts';

export type Removal = [key: string, value: unknown, cause: RemovalCause];

/** A cache, and what it has told of values that left it. */
export function watched(options: Partial<CacheOptions<string, number>>): {
  cache: ReturnType<typeof createCache<string, number>>;
  removals: Removal[];
} {
  const removals: Removal[] = [];
  const cache = createCache<string, number>({ onRemoval: (...removal) => void removals.push(removal), ...options });
  return { cache, removals };
}

/** The weight of a value is the value. */
export const weigher = (value: number): number => value;
