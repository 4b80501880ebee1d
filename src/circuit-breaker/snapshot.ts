import type { CircuitMode, CircuitState } from './circuit-breaker.ts';
import type { RuleSnapshot } from './trip-rule.ts';

/** The state of a circuit breaker as JSON data. Durations are relative to the moment it was taken. */
export interface BreakerSnapshot {
  /** Version of this form. */
  readonly version: 1;
  readonly mode: CircuitMode;
  /** Without isolations, which belong to those who hold them. */
  readonly state: CircuitState;
  /** How long an open circuit stays open from here; `null` is Infinity. */
  readonly openForMs: number | null;
  /** The duration it was opened for; `null` is Infinity. */
  readonly openDurationMs: number | null;
  /** How many times it has opened since it was last closed. */
  readonly openings: number;
  /** Trials that have succeeded and failed, while half-open. */
  readonly trials: readonly [successes: number, failures: number];
  /** How long admission has been ramping up and the share of a call it has saved, while it does. */
  readonly rampUp: readonly [forMs: number, credit: number] | null;
  /** The memory of each trip rule, in the order of `trip`. */
  readonly rules: readonly RuleSnapshot[];
}

const AUTO: readonly string[] = ['closed', 'open', 'half-open'];
export const MODES: readonly CircuitMode[] = ['auto', 'forced-open', 'disabled', 'metrics-only'];

/** Whether a value from outside, as a file, can be gone on from by a circuit with `ruleCount` rules. */
export function isSnapshot(from: BreakerSnapshot, ruleCount: number): boolean {
  const { version, mode, state, openForMs, openDurationMs, openings, trials, rampUp, rules } = from;
  return (
    version === 1 &&
    (mode === 'auto' ? AUTO.includes(state) : MODES.includes(mode)) &&
    trials?.length === 2 &&
    rules?.length === ruleCount &&
    [openForMs, openDurationMs, openings, trials, rampUp, rules].flat(2).every((count) => count! >= 0)
  );
}

/** JSON has no Infinity. */
export function toJson(ms: number): number | null {
  return ms < Infinity ? ms : null;
}
