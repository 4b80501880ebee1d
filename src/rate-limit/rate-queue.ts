import type { Clock } from '../core/clock.ts';
import { PolicyQueue } from './policy-queue.ts';
import type { RateLimitPolicy } from './rate-limit-policy.ts';
import { policyList } from './rate-limiter.ts';

/** Options of {@link createRateQueue}. */
export interface RateQueueOptions {
  /**
   * Calls that may wait; the next one is rejected. Infinity is allowed.
   *
   * @defaultValue 1000
   */
  readonly maxQueue?: number | undefined;
  /**
   * Whether the lanes that calls name are served in turn, one call each, so that nobody's thousand calls hold up
   * another's one. Without it lanes mean nothing.
   *
   * @defaultValue false
   */
  readonly fair?: boolean | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/** Options of one wait. */
export interface RateQueueWait {
  /**
   * Units that the call takes: a whole number of at least 0.
   *
   * @defaultValue 1
   */
  readonly cost?: number | undefined;
  /**
   * Whose call it is, where the queue is `fair`.
   *
   * @defaultValue ''
   */
  readonly lane?: string | undefined;
  /** Gives the wait up: it rejects with the signal's own `reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The longest wait worth while, in milliseconds. One that would be longer is refused at once.
   *
   * @defaultValue Infinity
   */
  readonly maxWaitMs?: number | undefined;
}

/** Lets calls go on at the rate that its policies allow, and has the others wait in line. */
export interface RateQueue extends Disposable {
  /** Calls that wait now. */
  readonly size: number;
  /**
   * Resolves when the call may go on, with its units taken at that moment.
   *
   * Rejects, with nothing taken, with `signal.reason` when that aborts, with RangeError when an option is out of its
   * bounds, or with a {@link RateLimitError}: `ERR_RATE_LIMIT_COST` where the policies never give as many units at
   * once, `ERR_RATE_LIMIT_QUEUE_FULL`, `ERR_RATE_LIMIT_MAX_WAIT`, `ERR_RATE_LIMIT_CLOSED`; all at once, but for the
   * last, and for MAX_WAIT in a `fair` queue, where calls that come later may go first: then when `maxWaitMs` has passed.
   *
   * O(policies), however many wait. With `maxWaitMs` those who wait ahead, as far as they go on in that time, are
   * counted once after each call that has left the queue; at each call where it is `fair`.
   */
  acquire(options?: RateQueueWait): Promise<void>;
  /**
   * Runs `fn` when it may go on; rejects as {@link RateQueue.acquire} does, then without having called `fn`, or with
   * what `fn` fails with. An abort after the start is left to `fn`.
   */
  run<T>(fn: () => T | PromiseLike<T>, options?: RateQueueWait): Promise<T>;
  /** Rejects those who wait and all who come. */
  close(): void;
}

/**
 * Creates a {@link RateQueue}: the leaky bucket as a queue, and the same for every other policy.
 *
 * First come, first served, each at the first millisecond at which its units are there; nobody passes a waiting call,
 * however cheap. Units are taken when a call goes on: one that leaves the queue has taken none, and those behind it
 * move up. A timer that is late delays calls and admits no more of them than the policies do. One timer, and none while nobody waits;
 * in a `fair` queue one more for the earliest `maxWaitMs`.
 *
 * @example
 * ```ts
 * import { createRateQueue, tokenBucket } from 'holdfast/rate-limit';
 *
 * const mails = createRateQueue(tokenBucket({ limit: 14, periodMs: 1_000, burst: 1 }), { maxQueue: 10_000 });
 * await mails.run(async () => 'sent', { maxWaitMs: 60_000 });
 * ```
 *
 * @throws TypeError or RangeError when a policy is not one or an option is out of its bounds.
 */
export function createRateQueue(
  policy: RateLimitPolicy | readonly RateLimitPolicy[],
  options: RateQueueOptions = {},
): RateQueue {
  return new PolicyQueue(policyList(policy), options);
}
