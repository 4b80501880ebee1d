import { amount, integer, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import type { CacheOptions } from './cache-options.ts';
import type { EvictionPolicy } from './eviction-policy.ts';
import { tinyLfu } from './tiny-lfu.ts';

/** Options with their defaults, checked. */
export interface CacheSettings<K, V> {
  readonly maxEntries: number;
  readonly maxWeight: number;
  readonly isWeighted: boolean;
  readonly policy: EvictionPolicy;
  readonly ttlMs: number | ((key: K, value: V) => number);
  readonly ttlJitter: number;
  readonly expireAfterAccessMs: number;
  readonly negativeTtlMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly errorBackoffMs: number;
  readonly softTimeoutMs: number;
  readonly hardTimeoutMs: number;
  readonly refreshAhead: number;
  readonly earlyExpirationBeta: number;
  readonly weigher: CacheOptions<K, V>['weigher'];
  readonly loader: CacheOptions<K, V>['loader'];
  readonly loadMany: CacheOptions<K, V>['loadMany'];
  readonly tags: CacheOptions<K, V>['tags'];
  readonly onRemoval: CacheOptions<K, V>['onRemoval'];
  readonly onError: CacheOptions<K, V>['onError'];
  readonly clock: Clock;
  readonly random: Random;
  /** How long an entry is kept beyond its time to live. */
  readonly staleMs: number;
  /** Whether a loader can be given a stale value, and so its age. */
  readonly keepsAge: boolean;
  /** Whether entries have a time to live from the start. */
  readonly isTimed: boolean;
}

/** @throws RangeError or TypeError for bad options. */
export function checkCache<K, V>(options: CacheOptions<K, V>): CacheSettings<K, V> {
  const { maxEntries, maxWeight, ttlMs = Infinity, policy = tinyLfu() } = options;
  const { weigher, loader, loadMany, tags, onRemoval, onError, clock = systemClock, random = systemRandom } = options;
  if (maxEntries === undefined && maxWeight === undefined) refuse('maxEntries', 'given, or maxWeight', maxEntries);
  for (const [name, fn] of Object.entries({ weigher, loader, loadMany, tags, onRemoval, onError }))
    optionalFunction(name, fn);
  const ms = (name: keyof CacheOptions<K, V> & `${string}Ms`, standard: number): number =>
    amount(name, (options[name] as number | undefined) ?? standard, 0);
  const staleWhileRevalidateMs = ms('staleWhileRevalidateMs', 0);
  const staleIfErrorMs = ms('staleIfErrorMs', 0);
  const expireAfterAccessMs = amount('expireAfterAccessMs', options.expireAfterAccessMs ?? Infinity, 1);
  const negativeTtlMs = ms('negativeTtlMs', 0);
  const staleMs = Math.max(staleWhileRevalidateMs, staleIfErrorMs);
  const refreshAhead = amount('refreshAhead', options.refreshAhead ?? 1, 0, 1);
  const earlyExpirationBeta = amount('earlyExpirationBeta', options.earlyExpirationBeta ?? 0, 0);
  return {
    maxEntries: maxEntries === undefined ? Infinity : integer('maxEntries', maxEntries, 0),
    maxWeight: maxWeight === undefined ? Infinity : amount('maxWeight', maxWeight, 0),
    isWeighted: maxWeight !== undefined,
    policy,
    ttlMs: typeof ttlMs === 'function' ? ttlMs : amount('ttlMs', ttlMs, 0),
    ttlJitter: amount('ttlJitter', options.ttlJitter ?? 0, 0, 1),
    expireAfterAccessMs,
    negativeTtlMs,
    staleWhileRevalidateMs,
    staleIfErrorMs,
    errorBackoffMs: ms('errorBackoffMs', 0),
    softTimeoutMs: ms('softTimeoutMs', Infinity),
    hardTimeoutMs: ms('hardTimeoutMs', Infinity),
    refreshAhead,
    earlyExpirationBeta,
    weigher,
    loader,
    loadMany,
    tags,
    onRemoval,
    onError,
    clock,
    random,
    staleMs,
    keepsAge: staleMs > 0 || refreshAhead < 1 || earlyExpirationBeta > 0,
    isTimed: ttlMs !== Infinity || expireAfterAccessMs < Infinity || negativeTtlMs > 0,
  };
}
