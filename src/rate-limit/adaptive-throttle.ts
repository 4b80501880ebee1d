import { amount, integer, optionalFunction } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemTime } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';

/** Options of {@link createAdaptiveThrottle}. */
export interface AdaptiveThrottleOptions {
  /**
   * Calls that are let through for each that is accepted, at least 1. Less holds back more, and learns later
   * that the dependency has recovered.
   *
   * @defaultValue 2, as the SRE book has it
   */
  readonly k?: number | undefined;
  /**
   * How long calls count, in whole milliseconds, at least 10: in tenths, so that up to a tenth less is seen.
   * Longer than calls take.
   *
   * @defaultValue 120000, as the SRE book has it
   */
  readonly windowMs?: number | undefined;
  /**
   * The highest share of calls that are rejected: what is left over finds out that the dependency has recovered.
   *
   * @defaultValue 0.9
   */
  readonly maxRejectProbability?: number | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Pick<Clock, 'now'> | undefined;
  /** Source of chance. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** Holds calls back by chance, the more of them the fewer the dependency accepts. */
export interface AdaptiveThrottle {
  /** Counts a call that is about to be made and says whether to make it. O(1). */
  tryStart(): boolean;
  /** Counts a call that the dependency accepted: one that it did not refuse for overload. O(1). */
  accepted(): void;
  /** Share of the calls that are rejected now. */
  readonly rejectProbability: number;
}

/**
 * Creates an {@link AdaptiveThrottle}: the client's side of overload, without a word from the server.
 *
 * Rejects with the probability max(0, (requests - k x accepts) / (requests + 1)) of the last `windowMs`, where requests
 * are all calls, those that it rejected included; and at most with `maxRejectProbability`. From "Handling
 * Overload" in Site Reliability Engineering (Beyer and others, 2016). No timer; a clock that steps back adds no time.
 *
 * @example
 * ```ts
 * import { createAdaptiveThrottle } from 'holdfast/rate-limit';
 *
 * const throttle = createAdaptiveThrottle({ windowMs: 30_000 });
 * if (throttle.tryStart()) {
 *   // Call the dependency; then, unless it said that it is overloaded:
 *   throttle.accepted();
 * }
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function createAdaptiveThrottle(options: AdaptiveThrottleOptions = {}): AdaptiveThrottle {
  return new ChanceThrottle(options);
}

const BUCKETS = 10;

class ChanceThrottle implements AdaptiveThrottle {
  readonly #k: number;
  readonly #bucketMs: number;
  readonly #maxRejectProbability: number;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #random: Random;
  /** Counts of the last tenths of the window, the current one at `#at`. */
  readonly #requests: number[] = Array.from({ length: BUCKETS }, () => 0);
  readonly #accepts: number[] = Array.from({ length: BUCKETS }, () => 0);
  #allRequests = 0;
  #allAccepts = 0;
  #at = 0;
  #lastMs = Infinity;
  /** Time that the current tenth has run. */
  #ranMs = 0;

  constructor(options: AdaptiveThrottleOptions) {
    const {
      k = 2,
      windowMs = 120_000,
      maxRejectProbability = 0.9,
      clock = systemTime,
      random = systemRandom,
    } = options;
    this.#k = amount('k', k, 1, Number.MAX_SAFE_INTEGER);
    this.#bucketMs = integer('windowMs', windowMs, BUCKETS) / BUCKETS;
    this.#maxRejectProbability = amount('maxRejectProbability', maxRejectProbability, 0, 1);
    this.#clock = clock;
    optionalFunction('random', random);
    this.#random = random;
  }

  get rejectProbability(): number {
    this.#roll();
    const requests = this.#allRequests;
    const share = (requests - this.#k * this.#allAccepts) / (requests + 1);
    return Math.min(this.#maxRejectProbability, Math.max(0, share));
  }

  tryStart(): boolean {
    const probability = this.rejectProbability;
    this.#allRequests++;
    this.#requests[this.#at]!++;
    return probability === 0 || this.#random() >= probability;
  }

  accepted(): void {
    this.#roll();
    this.#allAccepts++;
    this.#accepts[this.#at]!++;
  }

  /** Gives up the tenths that are over. */
  #roll(): void {
    const nowMs = this.#clock.now();
    if (nowMs > this.#lastMs) this.#ranMs += nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (this.#ranMs < this.#bucketMs) return;
    const over = Math.floor(this.#ranMs / this.#bucketMs);
    this.#ranMs -= over * this.#bucketMs;
    for (let k = Math.min(over, BUCKETS); k-- > 0;) {
      this.#at = (this.#at + 1) % BUCKETS;
      this.#allRequests -= this.#requests[this.#at]!;
      this.#allAccepts -= this.#accepts[this.#at]!;
      this.#requests[this.#at] = this.#accepts[this.#at] = 0;
    }
  }
}
