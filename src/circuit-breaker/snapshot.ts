import type { CircuitMode } from './circuit-breaker.ts';
import type { RuleSnapshot } from './trip-rule.ts';

/** The state of a circuit breaker as JSON data. Durations are relative to the moment it was taken. */
export interface BreakerSnapshot {
  /** Version of this form. */
  readonly version: 1;
  readonly mode: CircuitMode;
  /** The state under mode `auto`; `closed` otherwise. */
  readonly state: 'closed' | 'open' | 'half-open';
  /** How long an open circuit stays open from here; `null` is Infinity. */
  readonly openForMs: number | null;
  /** The duration it was opened for; `null` is Infinity. */
  readonly openDurationMs: number | null;
  /** How many times it has opened since it was last closed. */
  readonly openings: number;
  /** Trials that have succeeded and failed, while half-open. */
  readonly trials: readonly [successes: number, failures: number];
  /** How long admission has been ramping up, or `null` when it is not. */
  readonly rampUpForMs: number | null;
  /** Share of a call that the ramp has saved up. */
  readonly rampUpCredit: number;
  /** The memory of each trip rule, in the order of `trip`. */
  readonly rules: readonly RuleSnapshot[];
}
