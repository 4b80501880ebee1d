import type { Backoff } from '../core/backoff.ts';
import { amount, integer, oneOf, optionalFunction, refuse, share } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { isRejection } from '../core/errors.ts';
import type { CircuitBreakerOptions, HalfOpenOptions } from './circuit-breaker.ts';
import type { BreakerSnapshot } from './snapshot.ts';
import type { TripRule } from './trip-rule.ts';

/** Checked options of a circuit breaker, defaults filled in. */
export interface BreakerSettings {
  readonly name: string;
  readonly trip: readonly TripRule[];
  readonly openDurationMs: Backoff;
  readonly halfOpen: Required<HalfOpenOptions>;
  /** 0 without a ramp. */
  readonly rampUpMs: number;
  readonly rampUpRatio: number;
  readonly isFailure: ((error: unknown) => boolean) | undefined;
  readonly isIgnored: (error: unknown) => boolean;
  readonly isFailureResult: ((value: unknown) => boolean) | undefined;
  readonly openHintMs: ((error: unknown) => number | undefined) | undefined;
  readonly maxOpenHintMs: number;
  readonly captureStack: boolean;
  readonly snapshot: BreakerSnapshot | undefined;
  readonly clock: Clock;
}

/** Checks the options of a circuit breaker. */
export function checkBreaker(options: CircuitBreakerOptions): BreakerSettings {
  const { name = '', openDurationMs, halfOpen = {}, rampUp, isIgnored = isRejection, snapshot } = options;
  const { maxConcurrent = 1, successThreshold = 1, failureThreshold = 1, trialTimeoutMs = 30_000 } = halfOpen;
  const { maxOpenHintMs = 300_000, captureStack = false, clock = systemClock } = options;
  const trip = ([] as TripRule[]).concat(options.trip);
  if (!trip.length || trip.some((rule) => typeof rule?.start !== 'function')) {
    refuse('trip', 'a trip rule or a list of them', options.trip);
  }
  if (snapshot) checkSnapshot(snapshot, trip.length);
  if (typeof openDurationMs !== 'function') amount('openDurationMs', openDurationMs, 1);
  optionalFunction('onEvent', options.onEvent);
  return {
    name,
    trip,
    openDurationMs: typeof openDurationMs === 'function' ? openDurationMs : () => openDurationMs,
    halfOpen: {
      maxConcurrent: integer('halfOpen.maxConcurrent', maxConcurrent, 1),
      successThreshold: integer('halfOpen.successThreshold', successThreshold, 1),
      failureThreshold: integer('halfOpen.failureThreshold', failureThreshold, 1),
      trialTimeoutMs: amount('halfOpen.trialTimeoutMs', trialTimeoutMs, 1),
    },
    rampUpMs: rampUp ? amount('rampUp.durationMs', rampUp.durationMs, 1) : 0,
    rampUpRatio: share('rampUp.initialRatio', rampUp?.initialRatio ?? 0.1),
    isFailure: optionalFunction('isFailure', options.isFailure),
    isIgnored: optionalFunction('isIgnored', isIgnored),
    isFailureResult: optionalFunction('isFailureResult', options.isFailureResult),
    openHintMs: optionalFunction('openHintMs', options.openHintMs),
    maxOpenHintMs: amount('maxOpenHintMs', maxOpenHintMs, 0),
    captureStack,
    snapshot,
    clock,
  };
}

function checkSnapshot(snapshot: BreakerSnapshot, rules: number): void {
  if (snapshot.version !== 1) refuse('snapshot.version', '1', snapshot.version);
  if (snapshot.rules.length !== rules) refuse('snapshot.rules', `of ${rules} trip rules, as trip is`, snapshot.rules.length);
  oneOf('snapshot.mode', snapshot.mode, ['auto', 'forced-open', 'disabled', 'metrics-only']);
  oneOf('snapshot.state', snapshot.state, ['closed', 'open', 'half-open']);
}
