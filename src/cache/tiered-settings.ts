import { amount, integer, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import type { Deadline } from '../core/deadline.ts';
import { guarded } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import type { Serializer, TieredCacheOptions } from './tiered-options.ts';
import type { TierCaller } from './tiered-store.ts';

/** The longest delay that runtimes keep. */
export const LONGEST_TIMER_MS = 2_147_483_647;
/** The longest time to live: ten years. */
const LONGEST_TTL_MS = 315_360_000_000;

/** Options with their defaults, checked. */
export interface TieredSettings<V> extends Omit<TieredCacheOptions<V>, 'version'> {
  readonly ttlMs: number;
  readonly l1TtlMs: number;
  readonly l1MaxStaleMs: number;
  readonly leaseMs: number;
  readonly tierRetryMs: number;
  readonly distributedSingleflight: boolean;
  readonly serializer: Serializer<V>;
  /** What payloads begin with. */
  readonly head: string;
  readonly clock: Clock;
  readonly limits: Deadline;
  readonly caller: () => TierCaller;
  readonly report: (error: unknown) => void;
}

/** A finite time to live; 0 keeps nothing. */
export function timeToLive(ttlMs: number): number {
  return amount('ttlMs', ttlMs, 0, LONGEST_TTL_MS);
}

/** @throws RangeError or TypeError for bad options. */
export function checkTiered<V>(options: TieredCacheOptions<V>): TieredSettings<V> {
  const { l1, tier, ttlMs, l1TtlMs = ttlMs, l1MaxStaleMs = 5000, leaseMs = 3000, tierTimeoutMs = 500 } = options;
  const { tierRetryMs = 1000, distributedSingleflight = true, version = 1, onError, random = systemRandom } = options;
  const { clock = shortClock, serializer = { serialize: JSON.stringify, deserialize: JSON.parse } } = options;
  if (typeof l1?.getOrLoad !== 'function') refuse('l1', 'a cache, as createCache makes', l1);
  if (!(tier?.partitions?.length > 0)) refuse('tier', 'a tier, as redisTier makes', tier);
  if (typeof serializer.serialize !== 'function' || typeof serializer.deserialize !== 'function')
    refuse('serializer', 'an object with serialize and deserialize', serializer);
  if (typeof distributedSingleflight !== 'boolean')
    refuse('distributedSingleflight', 'true or false', distributedSingleflight);
  for (const name of ['loader', 'tags', 'onError', 'random'] as const) optionalFunction<unknown>(name, options[name]);
  return {
    ...options,
    ttlMs: amount('ttlMs', ttlMs, 1, LONGEST_TTL_MS),
    l1TtlMs: amount('l1TtlMs', l1TtlMs, 0, LONGEST_TTL_MS),
    l1MaxStaleMs: amount('l1MaxStaleMs', l1MaxStaleMs, 1, LONGEST_TIMER_MS),
    leaseMs: integer('leaseMs', leaseMs, 1, LONGEST_TIMER_MS),
    tierRetryMs: amount('tierRetryMs', tierRetryMs, 1, LONGEST_TIMER_MS),
    distributedSingleflight,
    serializer,
    head: `${JSON.stringify(String(version))}\n`,
    clock,
    limits: { timeoutMs: amount('tierTimeoutMs', tierTimeoutMs, 1, LONGEST_TIMER_MS), clock },
    caller: callers(random),
    report: (error) => {
      if (onError) guarded<[unknown], unknown>(undefined, onError, error);
    },
  };
}

/** Hands out tokens that nobody else has; chance is drawn at the first. */
function callers(random: Random): () => TierCaller {
  let member = '';
  let count = 0;
  return () => {
    member ||= [random(), random()].map((draw) => draw.toString(36).slice(2)).join('');
    return { member, token: `${member}.${++count}` };
  };
}
