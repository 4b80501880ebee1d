import { amount, integer, refuse, share } from '../core/check.ts';
import type { InFlightRule, RuleSnapshot, RuleState, RuleStats, TrackedCall } from './trip-rule.ts';

/** When a window of recorded calls opens the circuit. At least one threshold must be set; any opens it. */
export interface WindowRuleOptions {
  /**
   * Calls in the window before a rate says anything.
   *
   * @defaultValue `size` for a count window, 10 for a time window
   */
  readonly minimumThroughput?: number | undefined;
  /** Opens at this share of failures, above 0 and up to 1. */
  readonly failureRateThreshold?: number | undefined;
  /** Opens at this number of failures in the window, whatever the throughput. */
  readonly failureThreshold?: number | undefined;
  /** Opens at this share of slow calls, above 0 and up to 1. Needs `slowCallDurationMs`. */
  readonly slowCallRateThreshold?: number | undefined;
  /** A call that takes at least this long, in milliseconds, is slow, whether it fails or not. */
  readonly slowCallDurationMs?: number | undefined;
  /**
   * Counts calls that are still running but already slow, when a call is let through and when one
   * ends: a dependency that hangs opens the circuit before the first of its calls comes back. Needs
   * `slowCallRateThreshold`.
   *
   * @defaultValue false
   */
  readonly countInFlightSlowCalls?: boolean | undefined;
}

/** Checked options of a window. */
export interface WindowLimits {
  readonly minimumThroughput: number;
  readonly failureRate: number;
  readonly failures: number;
  readonly slowCallRate: number;
  readonly slowCallDurationMs: number;
  readonly countsInFlight: boolean;
}

/** Checks the options that the windows share. */
export function checkWindow(options: WindowRuleOptions, minimumThroughput: number, mostCalls: number): WindowLimits {
  const { failureRateThreshold, failureThreshold, slowCallRateThreshold, slowCallDurationMs } = options;
  const { countInFlightSlowCalls = false } = options;
  if (typeof countInFlightSlowCalls !== 'boolean')
    refuse('countInFlightSlowCalls', 'a boolean', countInFlightSlowCalls);
  if (failureRateThreshold === undefined && failureThreshold === undefined && slowCallRateThreshold === undefined) {
    refuse('failureRateThreshold, failureThreshold or slowCallRateThreshold', 'given', undefined);
  }
  if ((slowCallRateThreshold ?? countInFlightSlowCalls) && slowCallDurationMs === undefined) {
    refuse('slowCallDurationMs', 'given with slowCallRateThreshold', undefined);
  }
  if (countInFlightSlowCalls && slowCallRateThreshold === undefined) {
    refuse('slowCallRateThreshold', 'given with countInFlightSlowCalls', undefined);
  }
  return {
    minimumThroughput: integer('minimumThroughput', minimumThroughput, 1, mostCalls),
    failureRate: failureRateThreshold === undefined ? Infinity : share('failureRateThreshold', failureRateThreshold),
    failures: failureThreshold === undefined ? Infinity : integer('failureThreshold', failureThreshold, 1, mostCalls),
    slowCallRate:
      slowCallRateThreshold === undefined ? Infinity : share('slowCallRateThreshold', slowCallRateThreshold),
    slowCallDurationMs:
      slowCallDurationMs === undefined ? Infinity : amount('slowCallDurationMs', slowCallDurationMs, 1),
    countsInFlight: countInFlightSlowCalls,
  };
}

/** Counts, of a window or of what changes in one. */
export interface Counts {
  calls: number;
  failures: number;
  slowCalls: number;
}

/** Where a window rule keeps its calls. */
export interface CallWindow {
  readonly needsTime: boolean;
  /** Running sums over the calls that are in the window after the last `add` or `roll`. */
  readonly sums: Readonly<Counts>;
  add(nowMs: number, isFailure: boolean, isSlow: boolean): void;
  /** Lets go of what has left the window by `nowMs`. */
  roll(nowMs: number): void;
  clear(): void;
  snapshot(nowMs: number): RuleSnapshot;
  restore(snapshot: RuleSnapshot, nowMs: number): void;
}

/** The thresholds over a window, of either kind. */
export class WindowRule implements RuleState {
  readonly needsTime: boolean;
  readonly slowCallDurationMs: number;
  readonly inFlight: InFlightRule | undefined;
  readonly #limits: WindowLimits;
  readonly #window: CallWindow;
  readonly #slowInFlight: SlowInFlight | undefined;

  constructor(limits: WindowLimits, window: CallWindow) {
    this.#limits = limits;
    this.#window = window;
    this.slowCallDurationMs = limits.slowCallDurationMs;
    this.needsTime = window.needsTime || limits.countsInFlight;
    if (limits.countsInFlight) {
      this.#slowInFlight = new SlowInFlight(limits.slowCallDurationMs, (nowMs) => this.#slowCallReason(nowMs));
    }
    this.inFlight = this.#slowInFlight;
  }

  record(nowMs: number, isFailure: boolean, durationMs: number): string | undefined {
    const { failureRate, failures, minimumThroughput, slowCallDurationMs } = this.#limits;
    const isSlow = durationMs >= slowCallDurationMs;
    this.#window.add(nowMs, isFailure, isSlow);
    const { sums } = this.#window;
    if (isFailure && sums.failures >= failures) return `${sums.failures} failures in the window`;
    if (isFailure && sums.calls >= minimumThroughput && sums.failures / sums.calls >= failureRate) {
      return `${sums.failures} of ${sums.calls} calls failed`;
    }
    return isSlow ? this.#slowCallReason(nowMs) : this.#slowInFlight?.check(nowMs);
  }

  #slowCallReason(nowMs: number): string | undefined {
    this.#window.roll(nowMs);
    const inFlight = this.#slowInFlight?.countAt(nowMs) ?? 0;
    const calls = this.#window.sums.calls + inFlight;
    const slowCalls = this.#window.sums.slowCalls + inFlight;
    const { minimumThroughput, slowCallRate } = this.#limits;
    const isExceeded = calls >= minimumThroughput && slowCalls / calls >= slowCallRate;
    return isExceeded ? `${slowCalls} of ${calls} calls were slow` : undefined;
  }

  clear(): void {
    this.#window.clear();
    this.#slowInFlight?.clear();
  }

  stats(nowMs: number): RuleStats {
    this.#window.roll(nowMs);
    return { ...this.#window.sums };
  }

  snapshot(nowMs: number): RuleSnapshot {
    this.#window.roll(nowMs);
    return this.#window.snapshot(nowMs);
  }

  restore(snapshot: RuleSnapshot, nowMs: number): void {
    this.#window.restore(snapshot, nowMs);
  }
}

/*
 * Calls in flight in order of admission, and how many of them have become slow. Calls start in the
 * order of the clock, so the slow ones are a prefix: a boundary walks along it, each call is passed
 * once, and every operation is O(1) amortised.
 */
class SlowInFlight implements InFlightRule {
  readonly #slowMs: number;
  readonly #reason: (nowMs: number) => string | undefined;
  /** Not slow yet, oldest first. */
  readonly #young = new Set<TrackedCall>();
  readonly #slow = new Set<TrackedCall>();

  constructor(slowMs: number, reason: (nowMs: number) => string | undefined) {
    this.#slowMs = slowMs;
    this.#reason = reason;
  }

  started(call: TrackedCall): void {
    this.#young.add(call);
  }

  ended(call: TrackedCall): void {
    if (!this.#young.delete(call)) this.#slow.delete(call);
  }

  countAt(nowMs: number): number {
    for (const call of this.#young) {
      if (nowMs - call.startMs < this.#slowMs) break;
      this.#young.delete(call);
      this.#slow.add(call);
    }
    return this.#slow.size;
  }

  check(nowMs: number): string | undefined {
    return this.countAt(nowMs) > 0 ? this.#reason(nowMs) : undefined;
  }

  clear(): void {
    this.#young.clear();
    this.#slow.clear();
  }
}
