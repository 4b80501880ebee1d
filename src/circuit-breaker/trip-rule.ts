import { integer } from '../core/check.ts';

/** What a rule counts, at one moment. */
export interface RuleStats {
  /** Calls recorded, and still in the window where the rule has one. */
  readonly calls: number;
  readonly failures: number;
  readonly slowCalls: number;
}

/** The memory of a rule, in a form that survives JSON. Its content is the rule's own. */
export type RuleSnapshot = readonly number[];

/** A call that was let through, as the rules see it. Private to the library. */
export interface TrackedCall {
  /** Reading of the clock at admission; only kept where a rule asks for it. */
  readonly startMs: number;
}

/** The memory of a {@link TripRule} in one circuit breaker. Private to the library. */
export interface RuleState {
  /** Whether `record` reads its `nowMs`. */
  readonly needsTime: boolean;
  /** A call at least this long is slow; Infinity where the rule does not care. */
  readonly slowCallDurationMs: number;
  /** Counts a finished call and answers why the circuit must open, if it must. */
  record(nowMs: number, isFailure: boolean, durationMs: number): string | undefined;
  /** Forgets everything but calls in flight. */
  clear(): void;
  stats(nowMs: number): RuleStats;
  snapshot(nowMs: number): RuleSnapshot;
  restore(snapshot: RuleSnapshot, nowMs: number): void;
  /** Follows calls in flight, for rules that count the slow ones among them. */
  readonly inFlight?: InFlightRule | undefined;
}

/** The part of a rule that looks at calls before they end. Private to the library. */
export interface InFlightRule {
  started(call: TrackedCall): void;
  ended(call: TrackedCall): void;
  /** Why the circuit must open without waiting for these calls to end, if it must. */
  check(nowMs: number): string | undefined;
  clear(): void;
}

/** When a circuit opens: made by `consecutiveFailures`, `countWindow` or `timeWindow`. */
export interface TripRule {
  /** Starts the rule's memory for one circuit breaker. Private to the library. */
  start(): RuleState;
}

/**
 * Opens the circuit at the `n`-th failure in a row. The cheapest rule: it reads no clock.
 *
 * @throws RangeError when `n` is not an integer of at least 1.
 */
export function consecutiveFailures(n: number): TripRule {
  integer('n', n, 1);
  return { start: () => new ConsecutiveFailures(n) };
}

class ConsecutiveFailures implements RuleState {
  readonly #limit: number;
  #calls = 0;
  #failures = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get needsTime(): boolean {
    return false;
  }

  get slowCallDurationMs(): number {
    return Infinity;
  }

  record(_nowMs: number, isFailure: boolean): string | undefined {
    this.#calls++;
    this.#failures = isFailure ? this.#failures + 1 : 0;
    return this.#failures >= this.#limit ? `${this.#failures} failures in a row` : undefined;
  }

  clear(): void {
    this.#calls = this.#failures = 0;
  }

  stats(): RuleStats {
    return { calls: this.#calls, failures: this.#failures, slowCalls: 0 };
  }

  snapshot(): RuleSnapshot {
    return [this.#calls, this.#failures];
  }

  restore([calls = 0, failures = 0]: RuleSnapshot): void {
    this.#calls = calls;
    this.#failures = failures;
  }
}
