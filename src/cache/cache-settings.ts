import { amount, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import type { CacheOptions } from './cache-options.ts';
import type { NumberRules } from './check-numbers.ts';
import { checkNumbers, LONGEST_TIMER_MS, MOST } from './check-numbers.ts';
import type { EvictionPolicy } from './eviction-policy.ts';
import { tinyLfu } from './tiny-lfu.ts';

type NumberName =
  | 'maxWeight'
  | 'maxEntries'
  | 'expireAfterAccessMs'
  | 'ttlJitter'
  | 'negativeTtlMs'
  | 'staleWhileRevalidateMs'
  | 'staleIfErrorMs'
  | 'errorBackoffMs'
  | 'softTimeoutMs'
  | 'hardTimeoutMs'
  | 'refreshAhead'
  | 'earlyExpirationBeta';

const NUMBERS: NumberRules<NumberName> = {
  maxWeight: [Infinity, 0, MOST],
  maxEntries: [Infinity, 0, MOST],
  expireAfterAccessMs: [Infinity, 1, Infinity],
  ttlJitter: [0, 0, 1],
  negativeTtlMs: [0, 0, Infinity],
  staleWhileRevalidateMs: [0, 0, Infinity],
  staleIfErrorMs: [0, 0, Infinity],
  errorBackoffMs: [0, 0, Infinity],
  softTimeoutMs: [Infinity, 1, LONGEST_TIMER_MS],
  hardTimeoutMs: [Infinity, 1, LONGEST_TIMER_MS],
  refreshAhead: [1, 0, 1],
  earlyExpirationBeta: [0, 0, Infinity],
};

type FunctionName = 'weigher' | 'loader' | 'loadMany' | 'tags' | 'onRemoval' | 'onError';

const FUNCTIONS: readonly (FunctionName | 'random')[] = [
  'weigher',
  'loader',
  'loadMany',
  'tags',
  'onRemoval',
  'onError',
  'random',
];

type Numbers = Readonly<Record<NumberName, number>>;
type Functions<K, V> = Pick<CacheOptions<K, V>, FunctionName>;

/** Options with their defaults, checked. */
export interface CacheSettings<K, V> extends Numbers, Functions<K, V> {
  readonly isWeighted: boolean;
  readonly policy: EvictionPolicy;
  readonly ttlMs: number | ((key: K, value: V) => number);
  readonly clock: Clock;
  readonly random: Random;
  /** How long an entry is kept beyond its time to live. */
  readonly staleMs: number;
  /** Whether more has to be known of an entry than how long it is fresh. */
  readonly isDetailed: boolean;
}

/** @throws RangeError or TypeError for bad options. */
export function checkCache<K, V>(options: CacheOptions<K, V>): CacheSettings<K, V> {
  const { ttlMs = Infinity, policy = tinyLfu(), clock = shortClock, random = systemRandom } = options;
  if (options.maxEntries === undefined && options.maxWeight === undefined)
    refuse('maxEntries', 'given, or maxWeight', undefined);
  if (typeof policy?.create !== 'function') refuse('policy', 'lru() or tinyLfu()', policy);
  const own = checkNumbers(options, NUMBERS);
  for (const name of FUNCTIONS) optionalFunction(name, options[name] as unknown);
  const staleMs = Math.max(own.staleWhileRevalidateMs, own.staleIfErrorMs);
  return {
    ...options,
    ...own,
    isWeighted: options.maxWeight !== undefined,
    policy,
    ttlMs: typeof ttlMs === 'function' ? ttlMs : amount('ttlMs', ttlMs, 0),
    clock,
    random,
    staleMs,
    isDetailed:
      staleMs > 0 || own.refreshAhead < 1 || own.earlyExpirationBeta > 0 || own.expireAfterAccessMs < Infinity,
  };
}
