import { amount, refuse, share } from '../core/check.ts';
import type { AdaptiveLimitOptions, LimitAlgorithm } from './limit-algorithm.ts';
import { BoundedLimit } from './limit-algorithm.ts';

/** Options of {@link aimdLimit}. */
export interface AimdLimitOptions extends AdaptiveLimitOptions {
  /**
   * What is left of the limit after a drop: a share below 1.
   *
   * @defaultValue 0.9
   */
  readonly backoffRatio?: number | undefined;
  /**
   * A call that took longer counts as dropped, in milliseconds.
   *
   * @defaultValue Infinity
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * Creates a {@link LimitAlgorithm} that grows until calls are dropped: by one per round of calls, and back to
 * `backoffRatio` of itself for all the drops of calls that ran at the same time.
 *
 * The simplest, for dependencies that refuse what is too much. It looks at latencies by `timeoutMs` only: without drops and
 * without that it grows to its maximum. O(1) a call. The rule is that of TCP (Chiu and Jain, 1989).
 *
 * @example
 * ```ts
 * import { aimdLimit, createConcurrencyLimiter } from 'holdfast/rate-limit';
 *
 * const orders = createConcurrencyLimiter({ limit: aimdLimit({ timeoutMs: 250 }) });
 * console.log(orders.limit); // 20
 * ```
 *
 * @throws RangeError when an option is out of its bounds.
 */
export function aimdLimit(options: AimdLimitOptions = {}): LimitAlgorithm {
  const { backoffRatio = 0.9, timeoutMs = Infinity } = options;
  if (share('backoffRatio', backoffRatio) === 1) refuse('backoffRatio', 'a share below 1', backoffRatio);
  amount('timeoutMs', timeoutMs, 0);
  const bounded = new BoundedLimit(options);
  let cutMs = -Infinity;
  return {
    get limit() {
      return bounded.value;
    },
    sample(rttMs, inflight, dropped, nowMs) {
      const { value } = bounded;
      if (dropped || rttMs > timeoutMs) {
        // A call that began before the last cut speaks of the limit before it.
        if (nowMs - rttMs < cutMs) return;
        cutMs = nowMs;
        bounded.set(value * backoffRatio);
      } else if (inflight * 2 >= value) bounded.set(value + 1 / value);
    },
  };
}
