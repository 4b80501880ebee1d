import { amount, oneOf } from './check.ts';
import type { Random } from './random.ts';
import { systemRandom } from './random.ts';

/**
 * How long to wait before trying again: `attempt` is 1 before the first retry, `previousMs` what
 * this function answered last time (0 before the first).
 */
export type Backoff = (attempt: number, previousMs: number) => number;

/** How chance spreads the waits, so that callers who failed together do not come back together. */
export type Jitter = 'none' | 'full' | 'equal' | 'decorrelated';

/** Options of {@link exponentialBackoff}. */
export interface ExponentialBackoffOptions {
  /**
   * Wait before the first retry, in milliseconds, before jitter.
   *
   * @defaultValue 50, as the AWS SDKs since 2026
   */
  readonly baseMs?: number | undefined;
  /**
   * What each wait is multiplied with for the next. Not used by decorrelated jitter.
   *
   * @defaultValue 2
   */
  readonly factor?: number | undefined;
  /**
   * Longest wait, in milliseconds; applied before jitter, so that the longest waits differ too.
   *
   * @defaultValue 20000
   */
  readonly maxMs?: number | undefined;
  /**
   * `none` waits cap = min(maxMs, baseMs x factor^(attempt-1)); `full` uniformly 0 to cap; `equal`
   * uniformly cap/2 to cap; `decorrelated` uniformly baseMs to min(maxMs, 3 x the previous wait).
   *
   * @defaultValue 'full'
   */
  readonly jitter?: Jitter | undefined;
  /** Source of chance. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * Creates a {@link Backoff} that grows from retry to retry, spread by chance.
 *
 * The kinds of jitter are those of Marc Brooker, "Exponential Backoff And Jitter", AWS 2015.
 *
 * @throws RangeError when an option is out of its bounds.
 */
export function exponentialBackoff(options: ExponentialBackoffOptions = {}): Backoff {
  const { baseMs = 50, factor = 2, maxMs = 20_000, jitter = 'full', random = systemRandom } = options;
  amount('baseMs', baseMs, 1, Number.MAX_SAFE_INTEGER);
  amount('factor', factor, 1, Number.MAX_SAFE_INTEGER);
  amount('maxMs', maxMs, baseMs, Number.MAX_SAFE_INTEGER);
  oneOf('jitter', jitter, ['none', 'full', 'equal', 'decorrelated']);
  const between = (low: number, high: number): number => low + random() * (high - low);
  return (attempt, previousMs) => {
    if (jitter === 'decorrelated') return between(baseMs, Math.min(maxMs, 3 * Math.max(baseMs, previousMs)));
    const cap = Math.min(maxMs, baseMs * factor ** (attempt - 1));
    if (jitter === 'none') return cap;
    return between(jitter === 'equal' ? cap / 2 : 0, cap);
  };
}

/**
 * Creates a {@link Backoff} that always waits `ms` milliseconds.
 *
 * @throws RangeError when `ms` is not a number of at least 0.
 */
export function constantBackoff(ms: number): Backoff {
  amount('ms', ms, 0, Number.MAX_SAFE_INTEGER);
  return () => ms;
}
