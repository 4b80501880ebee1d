import { amount, integer, oneOf, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import type { RateLimiter } from './rate-limit-policy.ts';

/** What a limiter over a store tells its listener. */
export type StoredRateLimitEvent =
  /** A round trip has failed or timed out; its calls were decided by `onStoreError`. */
  | { readonly type: 'store-error'; readonly error: unknown }
  /** Several have failed in a row: for `cooldownMs`, the store is not asked. */
  | { readonly type: 'store-suspended'; readonly cooldownMs: number }
  /** The store answers again. */
  | { readonly type: 'store-resumed' };

/** Options that limiters over any store have in common. */
export interface StoredRateLimiterOptions {
  /**
   * Longest that a decision waits for the store.
   *
   * @defaultValue 500
   */
  readonly timeoutMs?: number | undefined;
  /**
   * What becomes of calls while the store fails or hangs: reject with its error, allow them all, deny them all, or
   * decide by a limiter of this process.
   *
   * @defaultValue 'throw'
   */
  readonly onStoreError?: 'throw' | 'allow' | 'deny' | RateLimiter | undefined;
  /**
   * After three failures in a row, how long the store is left alone, and calls are decided at once; then one call
   * tries it.
   *
   * @defaultValue 1000
   */
  readonly cooldownMs?: number | undefined;
  /**
   * Takes up to `units` of a key at a time and hands them out without asking, for `ttlMs`; then what is left goes
   * back with the next trip for the key. For at most `maxKeys` keys, 10 000 by default. Only for `consume`.
   *
   * @defaultValue false
   */
  readonly lease?: { readonly units: number; readonly ttlMs: number; readonly maxKeys?: number } | false | undefined;
  /**
   * Remembers of up to `maxKeys` keys, 10 000 by default, that they were refused, and refuses the same cost until it
   * is to be allowed, for at most `maxMs`, 1000 by default: so long a `reset` or refund elsewhere may stay unseen.
   *
   * @defaultValue on
   */
  readonly denyCache?: { readonly maxKeys?: number; readonly maxMs?: number } | false | undefined;
  /**
   * Sends calls for one key that are made in one go in one round trip. They are decided one after the other.
   *
   * @defaultValue true
   */
  readonly batch?: boolean | undefined;
  /** Where deadlines and the ages of leases come from. Limits go by the clock of the server. */
  readonly clock?: Clock | undefined;
  /** Is told of failures of the store. What it throws is reported and changes nothing. */
  readonly onEvent?: ((event: StoredRateLimitEvent) => void) | undefined;
}

/** The options, checked and filled in. */
export interface StoredSettings {
  readonly timeoutMs: number;
  readonly onStoreError: 'throw' | 'allow' | 'deny' | RateLimiter;
  readonly cooldownMs: number;
  readonly lease: { readonly units: number; readonly ttlMs: number; readonly maxKeys: number };
  readonly denied: { readonly maxKeys: number; readonly maxMs: number };
  readonly batch: boolean;
  readonly clock: Clock;
  readonly onEvent: ((event: StoredRateLimitEvent) => void) | undefined;
}

/** Keys of a lease or of the deny cache, unless told otherwise. */
const MAX_KEYS = 10_000;

const LONGEST_MS = 2 ** 31 - 1;

/** Throws RangeError or TypeError for a bad one. */
export function storedSettings(options: StoredRateLimiterOptions): StoredSettings {
  const { timeoutMs = 500, onStoreError = 'throw', cooldownMs = 1000, lease, denyCache, batch = true } = options;
  const { clock = shortClock, onEvent } = options;
  if (typeof (onStoreError as RateLimiter)?.consume !== 'function')
    oneOf('onStoreError', onStoreError as 'throw', ['throw', 'allow', 'deny']);
  if (typeof batch !== 'boolean') refuse('batch', 'true or false', batch);
  const { units, ttlMs, maxKeys: leased = MAX_KEYS } = lease || { units: 1, ttlMs: 1, maxKeys: 0 };
  const { maxKeys = MAX_KEYS, maxMs = 1000 } = denyCache === false ? { maxKeys: 0 } : (denyCache ?? {});
  return {
    timeoutMs: amount('timeoutMs', timeoutMs, 1, LONGEST_MS),
    onStoreError,
    cooldownMs: amount('cooldownMs', cooldownMs, 0),
    lease: {
      units: integer('lease.units', units, 1),
      ttlMs: amount('lease.ttlMs', ttlMs, 1),
      maxKeys: integer('lease.maxKeys', leased, 0),
    },
    denied: {
      maxKeys: integer('denyCache.maxKeys', maxKeys, 0),
      maxMs: amount('denyCache.maxMs', maxMs, 0),
    },
    batch,
    clock,
    onEvent: optionalFunction('onEvent', onEvent),
  };
}
