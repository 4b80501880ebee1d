import type { Backoff } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { Policy } from '../core/policy.ts';
import { Breaker } from './breaker.ts';
import type { BreakerSnapshot } from './snapshot.ts';
import type { TripRule } from './trip-rule.ts';

/** `closed` lets calls through, `open` none, `half-open` a few trials; the others are set by hand. */
export type CircuitState = 'closed' | 'open' | 'half-open' | 'forced-open' | 'disabled' | 'metrics-only';

/** How a circuit is run: by its rules (`auto`), or by hand. */
export type CircuitMode = 'auto' | 'forced-open' | 'disabled' | 'metrics-only';

/** A change of state. Events of one circuit come in order, each from the state that the last led to. */
export interface CircuitBreakerEvent {
  readonly type: 'state-change';
  readonly name: string;
  readonly from: CircuitState;
  readonly to: CircuitState;
  /** Reading of the clock. */
  readonly atMs: number;
  /** What led to it, in words, for logs. */
  readonly reason: string;
}

/** How a half-open circuit finds out whether the dependency is back. */
export interface HalfOpenOptions {
  /** Trials at once; further calls are rejected, never queued. @defaultValue 1 */
  readonly maxConcurrent?: number | undefined;
  /** Successful trials that close the circuit. @defaultValue 1 */
  readonly successThreshold?: number | undefined;
  /** Failed trials that open it again. @defaultValue 1 */
  readonly failureThreshold?: number | undefined;
  /**
   * A trial older than this, in milliseconds, counts as failed and gives its slot back, so that a
   * trial that hangs cannot block the recovery.
   *
   * @defaultValue 30000
   */
  readonly trialTimeoutMs?: number | undefined;
}

/** Lets calls through little by little after a recovery, so that it is not ended by the rush. */
export interface RampUpOptions {
  /** How long until all calls are let through, in milliseconds. */
  readonly durationMs: number;
  /** Share of the calls let through at first, above 0 and up to 1. @defaultValue 0.1 */
  readonly initialRatio?: number | undefined;
}

/** Options of {@link createCircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** Shown in errors and events. @defaultValue '' */
  readonly name?: string | undefined;
  /** When the circuit opens: one rule, or several of which any does. `stats()` shows the first. */
  readonly trip: TripRule | readonly TripRule[];
  /**
   * How long the circuit stays open before it lets a trial through, in milliseconds; a function is
   * given how many times it has opened since it was last closed (1, 2, ...) and the last duration.
   */
  readonly openDurationMs: number | Backoff;
  readonly halfOpen?: HalfOpenOptions | undefined;
  /** @defaultValue none: all calls at once */
  readonly rampUp?: RampUpOptions | undefined;
  /**
   * Whether an error is the dependency's failure; otherwise it counts as success.
   *
   * @defaultValue every error, timeouts included
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
  /**
   * Whether an error says nothing about the dependency, so that it counts nowhere.
   *
   * @defaultValue this library's own rejections (`isRejection`). A call that its caller aborted never counts.
   */
  readonly isIgnored?: ((error: unknown) => boolean) | undefined;
  /** Whether a returned value is a failure. @defaultValue none is */
  readonly isFailureResult?: ((value: unknown) => boolean) | undefined;
  /**
   * How long the server asks to be left alone, in milliseconds, read from the failure that opens the
   * circuit; it then replaces `openDurationMs`, up to `maxOpenHintMs`.
   */
  readonly openHintMs?: (error: unknown) => number | undefined;
  /** The longest hint that is obeyed, in milliseconds; a longer one counts as this. @defaultValue 300000 */
  readonly maxOpenHintMs?: number | undefined;
  /** Told of each change of state. */
  readonly onEvent?: ((event: CircuitBreakerEvent) => void) | undefined;
  /** Whether rejections carry a stack trace. @defaultValue false: taking one costs more than all the rest */
  readonly captureStack?: boolean | undefined;
  /** The state to go on from, as `snapshot()` gave it. Needs the same rules in the same order. */
  readonly snapshot?: BreakerSnapshot | undefined;
  /** Only its `now` is read. @defaultValue the system's clock */
  readonly clock?: Pick<Clock, 'now'> | undefined;
}

/** A call that was let through. The first settling counts; disposing an unsettled permit ignores it. */
export interface Permit extends Disposable {
  /** The call succeeded. */
  success(): void;
  /** The call failed; `error` is for `openHintMs`. */
  failure(error?: unknown): void;
  /** The call says nothing about the dependency. */
  ignore(): void;
}

/** Holds the circuit open until disposed. */
export interface Isolation extends Disposable {
  /** Lets go. Further calls do nothing. */
  dispose(): void;
}

/** Counts of a circuit at one moment; those of a window belong to the first trip rule. */
export interface CircuitBreakerStats {
  readonly state: CircuitState;
  /** Calls recorded in the window; for `consecutiveFailures`, since the circuit closed. */
  readonly calls: number;
  /** Failures in the window; for `consecutiveFailures`, in a row. */
  readonly failures: number;
  readonly slowCalls: number;
  /** Failures by calls, 0 without calls. */
  readonly failureRate: number;
  /** Slow calls by calls, 0 without calls. */
  readonly slowCallRate: number;
  /** Calls let through and not settled, of all generations. */
  readonly inFlight: number;
  /** Calls turned away, since construction. */
  readonly notPermitted: number;
  /** Results that came after the state had changed and did not count, since construction. */
  readonly late: number;
}

/**
 * Stops calling a dependency that fails, and finds out when it is back.
 *
 * It has no timers: what time brings about happens at the next call of any member. Every operation
 * is O(1), whatever the size of a window.
 */
export interface CircuitBreaker extends Policy {
  readonly name: string;
  readonly state: CircuitState;
  readonly mode: CircuitMode;
  /** Milliseconds until a trial is let through: 0 unless open, Infinity when forced open. */
  readonly retryAfterMs: number;
  /** Closed with no failure counted and nothing in flight: nothing is lost by forgetting it. */
  readonly isIdle: boolean;
  /**
   * Asked before each trial of a half-open circuit; while it answers `false`, calls are turned away. For
   * whoever decides about trials from outside, as `shareCircuit` does. One that throws means `false`.
   */
  trialGate?: (() => boolean) | undefined;
  /** Asks to make a call without a wrapper. `null` when it may not be made; settle the permit otherwise. */
  tryAcquire(): Permit | null;
  /** Counts at this moment. */
  stats(): CircuitBreakerStats;
  /** Opens now, for `ms` or `openDurationMs`; recovers by itself. Does nothing under another mode than `auto`. */
  trip(ms?: number): void;
  /** Closes now, with empty windows, in mode `auto`; an isolation still holds. */
  reset(): void;
  /** Runs the circuit by hand, or by its rules again: closed, with empty windows. */
  setMode(mode: CircuitMode): void;
  /** Holds the circuit open, whatever its mode, until every such handle has been disposed. */
  isolate(): Isolation;
  /** Adds a listener; the answer removes it. */
  onEvent(listener: (event: CircuitBreakerEvent) => void): () => void;
  /** The state as JSON data, durations relative to now; calls in flight are not part of it. */
  snapshot(): BreakerSnapshot;
}

/**
 * Creates a {@link CircuitBreaker}.
 *
 * @example
 * ```ts
 * import { createCircuitBreaker, timeWindow } from 'holdfast/circuit-breaker';
 *
 * const circuit = createCircuitBreaker({
 *   name: 'payments',
 *   trip: timeWindow({ durationMs: 10_000, failureRateThreshold: 0.5, minimumThroughput: 20 }),
 *   openDurationMs: 5_000,
 * });
 * const receipt = await circuit.run(async () => 'receipt'); // rejects with CircuitOpenError while open
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  return new Breaker(options);
}
