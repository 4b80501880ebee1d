import type { Backoff } from '../core/backoff.ts';
import type { Filled } from '../core/check.ts';
import { amount, integer, refuse, share } from '../core/check.ts';
import { systemTime } from '../core/clock.ts';
import { guarded, isRejection } from '../core/errors.ts';
import type { CircuitBreakerOptions, HalfOpenOptions } from './circuit-breaker.ts';
import { isSnapshot } from './snapshot.ts';
import type { RuleState, TripRule } from './trip-rule.ts';

/** Checked options of a circuit breaker, defaults filled in. */
export interface BreakerSettings extends Filled<HalfOpenOptions> {
  readonly name: string;
  readonly rules: readonly RuleState[];
  readonly openDurationMs: number | Backoff;
  /** 0 without a ramp. */
  readonly rampUpMs: number;
  readonly initialRatio: number;
  readonly isFailure: CircuitBreakerOptions['isFailure'] | undefined;
  readonly isIgnored: (error: unknown) => boolean;
  readonly isFailureResult: CircuitBreakerOptions['isFailureResult'] | undefined;
  readonly openHintMs: CircuitBreakerOptions['openHintMs'] | undefined;
  readonly captureStack: boolean | undefined;
  readonly maxOpenHintMs: number;
  readonly clock: NonNullable<CircuitBreakerOptions['clock']>;
}

/** What an option must be where it is given; the others are numbers or lists, and checked as such. */
const KINDS = {
  name: 'a string',
  halfOpen: 'an object',
  rampUp: 'an object',
  isFailure: 'a function',
  isIgnored: 'a function',
  isFailureResult: 'a function',
  openHintMs: 'a function',
  onEvent: 'a function',
  captureStack: 'a boolean',
  snapshot: 'an object',
  clock: 'an object',
} as const;

/** Checks the options of a circuit breaker. */
export function checkBreaker(options: CircuitBreakerOptions): BreakerSettings {
  for (const [option, kind] of Object.entries(KINDS)) {
    const value = options[option as keyof typeof KINDS];
    if (value === null || (value !== undefined && !kind.endsWith(typeof value))) refuse(option, kind, value);
  }
  const { name = '', openDurationMs, halfOpen = {}, rampUp, isIgnored = isRejection, snapshot } = options;
  const { maxConcurrent = 1, successThreshold = 1, failureThreshold = 1, trialTimeoutMs = 30_000 } = halfOpen;
  const { maxOpenHintMs = 300_000, clock = systemTime } = options;
  const trip = ([] as TripRule[]).concat(options.trip);
  if (!trip.length || trip.some((rule) => !rule?.start)) refuse('trip', 'a trip rule or a list of them', options.trip);
  if (snapshot && !isSnapshot(snapshot, trip.length)) {
    refuse('snapshot', 'one of version 1 with as many rules as trip', snapshot);
  }
  if (typeof openDurationMs !== 'function') amount('openDurationMs', openDurationMs, 1);
  const { isFailure, isFailureResult, openHintMs, captureStack } = options;
  return {
    name,
    rules: trip.map((rule) => rule.start()),
    isFailure,
    isFailureResult,
    openHintMs,
    captureStack,
    openDurationMs,
    maxConcurrent: integer('halfOpen.maxConcurrent', maxConcurrent, 1),
    successThreshold: integer('halfOpen.successThreshold', successThreshold, 1),
    failureThreshold: integer('halfOpen.failureThreshold', failureThreshold, 1),
    trialTimeoutMs: amount('halfOpen.trialTimeoutMs', trialTimeoutMs, 1),
    rampUpMs: rampUp ? amount('rampUp.durationMs', rampUp.durationMs, 1) : 0,
    initialRatio: share('rampUp.initialRatio', rampUp?.initialRatio === undefined ? 0.1 : rampUp.initialRatio),
    isIgnored,
    maxOpenHintMs: amount('maxOpenHintMs', maxOpenHintMs, 0),
    clock,
  };
}

/** For how long a circuit opens: by the hint of what made it fail, or by its option, which may go by the last time. */
export function openDurationOf(
  { openDurationMs, openHintMs, maxOpenHintMs }: BreakerSettings,
  failure: unknown,
  openings: number,
  lastMs: number,
): number {
  const hintMs = openHintMs && failure !== undefined ? guarded(undefined, openHintMs, failure) : undefined;
  if (typeof hintMs === 'number' && hintMs >= 0) return Math.min(hintMs, maxOpenHintMs);
  if (typeof openDurationMs === 'number') return openDurationMs;
  const chosenMs = guarded(lastMs, openDurationMs, openings, lastMs);
  return chosenMs > 0 ? chosenMs : 0;
}
