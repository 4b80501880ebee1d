import { integer } from '../core/check.ts';
import { checkRule } from './define-policy.ts';
import type { PolicyOptions } from './define-policy.ts';
import type { SlidingLogPolicy } from './rate-limit-policy.ts';

/** Options of {@link slidingLog}. */
export interface SlidingLogOptions extends PolicyOptions {
  /** Length of the window, in whole milliseconds. */
  readonly windowMs: number;
  /**
   * Most entries kept per key; units of one millisecond share one. With fewer than `limit`, units that came within
   * windowMs / (maxEntries - 1) of each other share an entry, and leave together with the last of them.
   *
   * @defaultValue `limit`, at most 1000
   */
  readonly maxEntries?: number;
}

/**
 * Allows `limit` units in every window, wherever it starts, by remembering when each was taken.
 *
 * @throws RangeError when an option is out of bounds.
 */
export function slidingLog(options: SlidingLogOptions): SlidingLogPolicy {
  const rule = checkRule(options, options.windowMs, 'windowMs');
  const { maxEntries = Math.min(rule.limit, 1000) } = options;
  return Object.freeze({ kind: 'sliding-log', ...rule, maxEntries: integer('maxEntries', maxEntries, 1) } as const);
}
