import { amount, integer } from '../core/check.ts';
import type { RuleSnapshot, TripRule } from './trip-rule.ts';
import type { CallWindow, Counts, WindowRuleOptions } from './window-rule.ts';
import { checkWindow, WindowRule } from './window-rule.ts';

/** Options of {@link timeWindow}. */
export interface TimeWindowOptions extends WindowRuleOptions {
  /** How long a recorded call counts, in milliseconds, from its end. */
  readonly durationMs: number;
  /**
   * Parts of the window; the oldest leaves as a whole, so calls count for `durationMs` less up to one part.
   *
   * @defaultValue 10
   */
  readonly buckets?: number | undefined;
}

/**
 * Judges by the calls that ended in the last `durationMs`. Recording is O(1), and exact after any
 * idle time.
 *
 * @throws RangeError or TypeError when an option is out of its bounds, or no threshold is given.
 */
export function timeWindow(options: TimeWindowOptions): TripRule {
  const { durationMs, buckets = 10, minimumThroughput = 10 } = options;
  amount('durationMs', durationMs, 1, Number.MAX_SAFE_INTEGER);
  integer('buckets', buckets, 1, 10_000);
  const limits = checkWindow(options, minimumThroughput, Number.MAX_SAFE_INTEGER);
  return { start: () => new WindowRule(limits, new TimeWindow(durationMs / buckets, buckets)) };
}

/** Counts per bucket of time, with running sums. */
class TimeWindow implements CallWindow {
  readonly needsTime = true;
  readonly sums: Counts = { calls: 0, failures: 0, slowCalls: 0 };
  readonly #bucketMs: number;
  readonly #buckets: Counts[];
  /** Where bucket 0 begins, so that a restored window keeps its phase. */
  #originMs = 0;
  #current = -Infinity;

  constructor(bucketMs: number, buckets: number) {
    this.#bucketMs = bucketMs;
    this.#buckets = Array.from({ length: buckets }, () => ({ calls: 0, failures: 0, slowCalls: 0 }));
  }

  add(nowMs: number, isFailure: boolean, isSlow: boolean): void {
    this.roll(nowMs);
    const bucket = this.#bucket(this.#current);
    const { sums } = this;
    bucket.calls++;
    sums.calls++;
    if (isFailure) {
      bucket.failures++;
      sums.failures++;
    }
    if (isSlow) {
      bucket.slowCalls++;
      sums.slowCalls++;
    }
  }

  roll(nowMs: number): void {
    const current = Math.floor((nowMs - this.#originMs) / this.#bucketMs);
    if (current <= this.#current) return;
    const { sums } = this;
    for (let stale = Math.max(this.#current + 1, current - this.#buckets.length + 1); stale <= current; stale++) {
      const bucket = this.#bucket(stale);
      sums.calls -= bucket.calls;
      sums.failures -= bucket.failures;
      sums.slowCalls -= bucket.slowCalls;
      bucket.calls = bucket.failures = bucket.slowCalls = 0;
    }
    this.#current = current;
  }

  #bucket(index: number): Counts {
    const { length } = this.#buckets;
    return this.#buckets[((index % length) + length) % length]!;
  }

  clear(): void {
    for (const counts of [...this.#buckets, this.sums]) counts.calls = counts.failures = counts.slowCalls = 0;
  }

  /** How far into the current bucket, then the counts of each bucket, oldest first. */
  snapshot(nowMs: number): RuleSnapshot {
    const rows = this.#buckets.map((_, k) => this.#bucket(this.#current + 1 + k));
    const phaseMs = nowMs - this.#originMs - this.#current * this.#bucketMs;
    return [phaseMs, ...rows.flatMap(({ calls, failures, slowCalls }) => [calls, failures, slowCalls])];
  }

  restore([phaseMs = 0, ...counts]: RuleSnapshot, nowMs: number): void {
    const { length } = this.#buckets;
    this.#current = length - 1;
    this.#originMs = nowMs - phaseMs - this.#current * this.#bucketMs;
    this.#buckets.forEach((bucket, k) => {
      const [calls = 0, failures = 0, slowCalls = 0] = counts.slice(3 * k, 3 * k + 3);
      Object.assign(bucket, { calls, failures, slowCalls });
      this.sums.calls += calls;
      this.sums.failures += failures;
      this.sums.slowCalls += slowCalls;
    });
  }
}
