import type { Backoff } from '../core/backoff.ts';
import { amount, integer, oneOf, optionalFunction } from '../core/check.ts';
import { systemRandom } from '../core/random.ts';
import type { WriteBehindEvent, WriteBehindOptions } from './cached-store-options.ts';

/** The longest delay that runtimes keep; a longer one would fire at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** What `exponentialBackoff()` answers, without its options and their checks, which would be a seventh of a cached store. */
const fullJitter: Backoff = (attempt) => systemRandom() * Math.min(20_000, 50 * 2 ** (attempt - 1));

/** Options with their defaults, checked. */
export interface WriteBehindSettings<K, V> {
  readonly flushIntervalMs: number;
  readonly maxPending: number;
  readonly onFull: 'wait' | 'reject';
  readonly maxBatchSize: number;
  readonly maxConcurrent: number;
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly timeoutMs: number;
  readonly onEvent: ((event: WriteBehindEvent<K, V>) => void) | undefined;
}

/** @throws RangeError or TypeError for bad options. */
export function checkBehind<K, V>(options: WriteBehindOptions<K, V>): WriteBehindSettings<K, V> {
  const {
    flushIntervalMs = 100,
    maxPending = 10_000,
    onFull = 'wait',
    maxBatchSize = 100,
    maxConcurrent = 4,
  } = options;
  const { maxAttempts = Infinity, backoff = fullJitter, timeoutMs = Infinity, onEvent } = options;
  return {
    flushIntervalMs: amount('flushIntervalMs', flushIntervalMs, 0, LONGEST_TIMER_MS),
    maxPending: integer('maxPending', maxPending, 1),
    onFull: oneOf('onFull', onFull, ['wait', 'reject']),
    maxBatchSize: integer('maxBatchSize', maxBatchSize, 1),
    maxConcurrent: integer('maxConcurrent', maxConcurrent, 1, Infinity),
    maxAttempts: integer('maxAttempts', maxAttempts, 1, Infinity),
    backoff: optionalFunction('backoff', backoff),
    timeoutMs: timeoutMs === Infinity ? timeoutMs : amount('timeoutMs', timeoutMs, 1, LONGEST_TIMER_MS),
    onEvent: optionalFunction('onEvent', onEvent),
  };
}
