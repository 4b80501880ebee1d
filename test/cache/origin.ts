import type { Cache, CacheOptions, LoadContext, Loader } from '../../src/cache/index.ts';
import { createCache } from '../../src/cache/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { Gate } from '../support/gate.ts';
import { gate } from '../support/gate.ts';

/** One load that a test ends by hand. */
export interface StartedLoad<V> extends Gate<V | undefined> {
  readonly key: string;
  readonly ctx: LoadContext<V>;
}

/** A loader whose loads a test ends by hand, in any order. */
export interface Origin<V> {
  readonly load: Loader<string, V>;
  readonly loads: readonly StartedLoad<V>[];
}

export function createOrigin<V>(): Origin<V> {
  const loads: StartedLoad<V>[] = [];
  return {
    loads,
    load: (key, ctx) => {
      const started = { ...gate<V | undefined>(), key, ctx };
      loads.push(started);
      return started.promise;
    },
  };
}

/** A cache of texts that live 100 ms, over an {@link Origin}. */
export interface TimedCache extends Origin<string> {
  readonly clock: VirtualClock;
  readonly cache: Cache<string, string>;
}

export function timedCache(options: Partial<CacheOptions<string, string>> = {}, nowMs = 0): TimedCache {
  const clock = createVirtualClock({ nowMs });
  const origin = createOrigin<string>();
  const cache = createCache<string, string>({ maxEntries: 9, ttlMs: 100, loader: origin.load, clock, ...options });
  return { ...origin, clock, cache };
}
