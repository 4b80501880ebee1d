import { oneOf } from '../core/check.ts';
import { checkRule } from './define-policy.ts';
import type { PolicyOptions } from './define-policy.ts';
import type { FixedWindowPolicy } from './rate-limit-policy.ts';

/** Options of {@link fixedWindow}. */
export interface FixedWindowOptions extends PolicyOptions {
  /** Length of a window, in whole milliseconds. */
  readonly windowMs: number;
  /**
   * Where windows start: at the first unit of a key, or for all keys at the multiples of `windowMs` in Unix time.
   *
   * @defaultValue 'first'
   */
  readonly align?: 'first' | 'epoch';
}

/**
 * Allows `limit` units per window, and so up to twice as many around the edge of two.
 *
 * @throws RangeError when an option is out of bounds.
 */
export function fixedWindow(options: FixedWindowOptions): FixedWindowPolicy {
  const rule = checkRule(options, options.windowMs, 'windowMs');
  const { align = 'first' } = options;
  oneOf('align', align, ['first', 'epoch']);
  return Object.freeze({ kind: 'fixed-window', ...rule, align } as const);
}
