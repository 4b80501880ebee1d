import type { Backoff } from '../core/backoff.ts';
import { amount, oneOf, optionalFunction } from '../core/check.ts';
import { systemRandom } from '../core/random.ts';
import type { WriteBehindOptions } from './cached-store-options.ts';

/** The longest delay that runtimes keep; a longer one would fire at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** The largest whole number that a count may be. */
const MOST = 9_007_199_254_740_991;

type NumberName = 'flushIntervalMs' | 'maxPending' | 'maxBatchSize' | 'maxConcurrent' | 'maxAttempts' | 'timeoutMs';

/** Numbers: what they are when left out, the least and the most they may be else, and whether they are counts. */
const NUMBERS: Readonly<Record<NumberName, readonly [number, number, number, boolean?]>> = {
  flushIntervalMs: [100, 0, LONGEST_TIMER_MS],
  maxPending: [10_000, 1, MOST, true],
  maxBatchSize: [100, 1, MOST, true],
  maxConcurrent: [4, 1, Infinity, true],
  maxAttempts: [Infinity, 1, Infinity, true],
  timeoutMs: [Infinity, 1, LONGEST_TIMER_MS],
};

/** What `exponentialBackoff()` answers, without its options and their checks, which would be a seventh of a cached store. */
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
  const numbers: Record<string, number> = {};
  for (const [name, [standard, min, max, isWhole]] of Object.entries(NUMBERS)) {
    const value = options[name as NumberName] === undefined ? standard : options[name as NumberName]!;
    numbers[name] = value === standard ? value : amount(name, value, min, max, isWhole);
  }
  return {
    ...(numbers as Record<NumberName, number>),
    onFull: oneOf('onFull', onFull, ['wait', 'reject']),
    backoff: optionalFunction('backoff', backoff),
    onEvent: optionalFunction('onEvent', onEvent),
  };
}
