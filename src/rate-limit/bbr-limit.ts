import type { LimitAlgorithm } from './limit-algorithm.ts';
import type { ProbingLimitOptions } from './probing-limit.ts';
import { ProbingLimit } from './probing-limit.ts';

/** Options of {@link bbrLimit}. */
export type BbrLimitOptions = ProbingLimitOptions;

/**
 * Room above the calls under way, because chance fills a server unevenly: a quarter, and what its square root
 * needs. More than what counts as queueing, so that a full limit is noticed.
 */
const GAIN = 1.25;
const ROOM = 1.5;

/**
 * Creates a {@link LimitAlgorithm} from delivery rate and latency: the one to begin with.
 *
 * As many calls are under way as the dependency delivers in the time that one of them takes by itself. The
 * limit is that number, by the highest rate of the last ten rounds, and some room; about 1.7 times
 * the cores of a server with 20, 1.4 times with 200. The latency without queueing is measured while less than half of
 * the limit is used, or by probes: now and then, while calls take longer than is known, the limit goes down to half
 * of that number for about two latencies. A round (at least 16 calls, and as many as the limit) with a
 * dropped call takes a tenth off. O(1) a call.
 *
 * The idea is that of BBR (Cardwell and others, ACM Queue 14.5, 2016), which does it for packets.
 *
 * @example
 * ```ts
 * import { bbrLimit, createConcurrencyLimiter } from 'holdfast/rate-limit';
 *
 * const orders = createConcurrencyLimiter({ limit: bbrLimit({ max: 200 }) });
 * console.log(orders.limit); // 20 before anything is known
 * ```
 *
 * @throws RangeError when an option is out of its bounds.
 */
export function bbrLimit(options: BbrLimitOptions = {}): LimitAlgorithm {
  return new ProbingLimit(options, ({ flight }) => GAIN * flight + ROOM * Math.sqrt(flight));
}
