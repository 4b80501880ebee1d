import type { LimitAlgorithm } from './limit-algorithm.ts';
import type { ProbingLimitOptions } from './probing-limit.ts';
import { ProbingLimit } from './probing-limit.ts';

/** Options of {@link vegasLimit}. */
export type VegasLimitOptions = ProbingLimitOptions;

/**
 * Creates a {@link LimitAlgorithm} that keeps a queue of a few calls at the dependency.
 *
 * How many calls queue follows from latencies: limit x (1 - latency without queueing / latency). With fewer
 * than the square root of the limit it grows, doubling until it has met its first queue and by that
 * root afterwards; with more than twice as many it shrinks by the root. The latency without queueing is
 * learned as by `bbrLimit`, probes included, because one that is only ever guessed from loaded calls grows with the
 * limit (Netflix/concurrency-limits issue 165). Slower to follow a change than `bbrLimit`. O(1) a call.
 *
 * The idea is that of TCP Vegas (Brakmo and Peterson, 1995).
 *
 * @example
 * ```ts
 * import { createConcurrencyLimiter, vegasLimit } from 'holdfast/rate-limit';
 *
 * const orders = createConcurrencyLimiter({ limit: vegasLimit({ initial: 10 }) });
 * console.log(orders.limit); // 10
 * ```
 *
 * @throws RangeError when an option is out of its bounds.
 */
export function vegasLimit(options: VegasLimitOptions = {}): LimitAlgorithm {
  let isStarting = true;
  return new ProbingLimit(options, ({ limit, meanMs, baseMs, isQueueing }) => {
    const root = Math.sqrt(limit);
    const queued = limit * (1 - baseMs / meanMs);
    if (isQueueing) isStarting = false;
    if (queued < root) return isStarting ? 2 * limit : limit + root;
    return queued > 2 * root ? limit - root : limit;
  });
}
