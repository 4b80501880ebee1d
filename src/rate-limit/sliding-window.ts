import { integer } from '../core/check.ts';
import { checkRule } from './define-policy.ts';
import type { PolicyOptions } from './define-policy.ts';
import type { SlidingWindowPolicy } from './rate-limit-policy.ts';

/** Options of {@link slidingWindow}. */
export interface SlidingWindowOptions extends PolicyOptions {
  /** Length of a window, in whole milliseconds. */
  readonly windowMs: number;
}

/**
 * Allows `limit` units per window, where a unit of the window before counts by how much of that window still lies
 * within the last `windowMs`. Two counters a key; less than twice the limit passes in any window.
 *
 * @throws RangeError when an option is out of bounds, or when limit x windowMs is not below 2^53.
 */
export function slidingWindow(options: SlidingWindowOptions): SlidingWindowPolicy {
  const rule = checkRule(options, options.windowMs, 'windowMs');
  integer('limit', rule.limit, 1, Math.floor(Number.MAX_SAFE_INTEGER / rule.windowMs));
  return Object.freeze({ kind: 'sliding-window', ...rule } as const);
}
