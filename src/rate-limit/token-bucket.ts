import { integer } from '../core/check.ts';
import { checkRule } from './define-policy.ts';
import type { PolicyOptions } from './define-policy.ts';
import type { TokenBucketPolicy } from './rate-limit-policy.ts';

/** Options of {@link tokenBucket}. */
export interface TokenBucketOptions extends PolicyOptions {
  /** The time in which `limit` units flow back, in whole milliseconds: evenly, not all at the end. */
  readonly periodMs: number;
  /**
   * Units at most, and so what may be taken at once.
   *
   * @defaultValue `limit`
   */
  readonly burst?: number;
  /**
   * Units that every key has when the limiter makes its first decision.
   *
   * @defaultValue `burst`
   */
  readonly initial?: number;
}

/** The greatest common divisor. */
function gcd(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}

/**
 * Allows `burst` units at once and `limit` every `periodMs` in the long run, to the millisecond.
 *
 * In any w milliseconds at most burst + floor(limit x w / periodMs) units pass, and a caller who always asks gets
 * exactly that many. Also exported as `gcra` and as `leakyBucket`, which are other names of the same rule.
 *
 * @throws RangeError when an option is out of bounds, or when `burst` cannot be counted exactly: the state counts
 * parts of a unit, periodMs / gcd(limit, periodMs) of them, and must stay below 2^53.
 */
export function tokenBucket(options: TokenBucketOptions): TokenBucketPolicy {
  const rule = checkRule(options, options.periodMs, 'periodMs');
  const { burst = rule.limit, initial = burst } = options;
  const parts = rule.windowMs / gcd(rule.limit, rule.windowMs);
  integer('burst', burst, 1, Math.floor(Number.MAX_SAFE_INTEGER / parts));
  integer('initial', initial, 0, burst);
  return Object.freeze({ kind: 'token-bucket', ...rule, burst, initial } as const);
}
