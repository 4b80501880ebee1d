import type { Backoff } from '../core/backoff.ts';
import { oneOf, optionalFunction } from '../core/check.ts';
import { systemRandom } from '../core/random.ts';
import type { WriteBehindOptions } from './cached-store-options.ts';
import type { NumberRules } from './check-numbers.ts';
import { checkNumbers, LONGEST_TIMER_MS, MOST } from './check-numbers.ts';

type NumberName = 'flushIntervalMs' | 'maxPending' | 'maxBatchSize' | 'maxConcurrent' | 'maxAttempts' | 'timeoutMs';

const NUMBERS: NumberRules<NumberName> = {
  flushIntervalMs: [100, 0, LONGEST_TIMER_MS],
  maxPending: [10_000, 1, MOST],
  maxBatchSize: [100, 1, MOST],
  maxConcurrent: [4, 1, Infinity],
  maxAttempts: [Infinity, 1, Infinity],
  timeoutMs: [Infinity, 1, LONGEST_TIMER_MS],
};

/** What `exponentialBackoff()` answers, without its options and their checks, which would add 140 bytes to every bundle. */
const fullJitter: Backoff = (attempt) => systemRandom() * Math.min(20_000, 50 * 2 ** (attempt - 1));

/** Options with their defaults, checked. */
export interface WriteBehindSettings<K, V>
  extends Readonly<Record<NumberName, number>>, Pick<WriteBehindOptions<K, V>, 'onEvent'> {
  readonly onFull: 'wait' | 'reject';
  readonly backoff: Backoff;
}

/** @throws RangeError or TypeError for bad options. */
export function checkBehind<K, V>(options: WriteBehindOptions<K, V>): WriteBehindSettings<K, V> {
  const { onFull = 'wait', backoff = fullJitter, onEvent } = options;
  return {
    ...checkNumbers(options, NUMBERS),
    onFull: oneOf('onFull', onFull, ['wait', 'reject']),
    backoff: optionalFunction('backoff', backoff),
    onEvent: optionalFunction('onEvent', onEvent),
  };
}
