import { amount } from '../core/check.ts';
import type { LimitAlgorithm } from './limit-algorithm.ts';
import type { ProbingLimitOptions } from './probing-limit.ts';
import { ProbingLimit } from './probing-limit.ts';

/** Options of {@link gradientLimit}. */
export interface GradientLimitOptions extends ProbingLimitOptions {
  /**
   * How many times the latency without queueing is put up with, at least 1.
   *
   * @defaultValue 1.5
   */
  readonly tolerance?: number | undefined;
}

/** How much of the way to its next value the limit goes in a round. */
const SMOOTHING = 0.2;

/**
 * Creates a {@link LimitAlgorithm} that shrinks by as much as latencies have grown.
 *
 * Each round the limit goes a fifth of the way to limit x tolerance x latency without queueing / latency, but
 * to no less than half of it and to no more than the limit, plus its square root as room to try. The latency without
 * queueing is learned as by `bbrLimit`, probes included: Gradient2 of Netflix/concurrency-limits takes
 * a long average of all latencies instead, and creeps to its maximum under a mild overload (its issue 134). O(1) a call.
 *
 * @example
 * ```ts
 * import { createConcurrencyLimiter, gradientLimit } from 'holdfast/rate-limit';
 *
 * const orders = createConcurrencyLimiter({ limit: gradientLimit({ tolerance: 2 }) });
 * console.log(orders.limit); // 20
 * ```
 *
 * @throws RangeError when an option is out of its bounds.
 */
export function gradientLimit(options: GradientLimitOptions = {}): LimitAlgorithm {
  const { tolerance = 1.5 } = options;
  amount('tolerance', tolerance, 1, Number.MAX_SAFE_INTEGER);
  return new ProbingLimit(options, ({ limit, meanMs, baseMs }) => {
    const gradient = Math.min(1, Math.max(0.5, (tolerance * baseMs) / meanMs));
    return limit + SMOOTHING * (limit * gradient + Math.sqrt(limit) - limit);
  });
}
