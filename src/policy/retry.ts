import type { Backoff } from '../core/backoff.ts';
import { exponentialBackoff } from '../core/backoff.ts';
import { StepPolicy } from '../core/call.ts';
import { amount, integer, optionalFunction } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { emit, guarded, isRejection } from '../core/errors.ts';
import { pause } from '../core/pause.ts';
import type { Policy } from '../core/policy.ts';
import { Scope } from '../core/scope.ts';
import type { Done } from '../core/step.ts';
import type { RetryBudget } from './retry-budget.ts';
import { deposit, optionalBudget, record, withdraw } from './retry-budget.ts';

/** What a {@link retry} policy tells its listener. */
export type RetryEvent =
  /** Another attempt follows in `delayMs`; `attempt` is the one that failed. */
  | { readonly type: 'retry'; readonly attempt: number; readonly delayMs: number; readonly error: unknown }
  /** A retryable failure is not retried, and why; the error goes to the caller. */
  | {
      readonly type: 'give-up';
      readonly attempt: number;
      readonly error: unknown;
      readonly reason: GiveUpReason;
    };

/** Why a retryable failure is not retried: attempts used up, a server that asks for too long a wait, a spent budget. */
export type GiveUpReason = 'max-attempts' | 'retry-after' | 'budget';

/** Options of {@link retry}. */
export interface RetryOptions {
  /**
   * Attempts in all, the first included. Infinity is allowed.
   *
   * @defaultValue 3
   */
  readonly maxAttempts?: number | undefined;
  /**
   * The wait before each retry.
   *
   * @defaultValue `exponentialBackoff()`: 50 ms doubling to 20 s, full jitter
   */
  readonly backoff?: Backoff | undefined;
  /**
   * Whether a failure is worth another attempt.
   *
   * @defaultValue everything but this library's own rejections (`isRejection`): an open circuit or a
   * full bulkhead does not get better by asking again at once
   */
  readonly isRetryable?: ((error: unknown, attempt: number) => boolean) | undefined;
  /**
   * The wait that the server asked for, in milliseconds, if it did. Obeyed exactly, 0 included.
   *
   * @defaultValue the `retryAfterMs` of the error, where that is a number
   */
  readonly retryAfterMs?: (error: unknown) => number | undefined;
  /**
   * The longest wait a server may ask for, in milliseconds; asked for more, the call gives up at once.
   *
   * @defaultValue 60000
   */
  readonly maxRetryAfterMs?: number | undefined;
  /** Bounds the retries of all calls together. Share one between the policies of one dependency. */
  readonly budget?: RetryBudget | undefined;
  /** Told of each retry and of each failure that is given up. */
  readonly onEvent?: ((event: RetryEvent) => void) | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/** The longest wait that every runtime's timer keeps. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

function hintOf(error: unknown): number | undefined {
  const hint = (error as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  return typeof hint === 'number' ? hint : undefined;
}

/**
 * Creates a policy that tries again when an attempt fails.
 *
 * When it gives up, the last error comes through unchanged. An abort ends a wait at once; no attempt
 * starts after it. A callback of yours that throws is reported, and the failure then not retried.
 *
 * @example
 * ```ts
 * import { createRetryBudget, exponentialBackoff, retry } from 'holdfast/policy';
 *
 * const policy = retry({
 *   maxAttempts: 4,
 *   backoff: exponentialBackoff({ baseMs: 10, jitter: 'equal' }),
 *   budget: createRetryBudget({ ratio: 0.1 }),
 * });
 * let calls = 0;
 * await policy.run(() => {
 *   if (++calls < 3) throw new Error('not yet');
 *   return 'done at the third attempt';
 * });
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function retry(options: RetryOptions = {}): Policy {
  const { maxAttempts = 3, backoff = exponentialBackoff(), maxRetryAfterMs = 60_000, budget, onEvent } = options;
  const { isRetryable = (error) => !isRejection(error), retryAfterMs = hintOf, clock = systemClock } = options;
  integer('maxAttempts', maxAttempts, 1, Infinity);
  amount('maxRetryAfterMs', maxRetryAfterMs, 0);
  optionalFunction('backoff', backoff);
  optionalFunction('isRetryable', isRetryable);
  optionalFunction('retryAfterMs', retryAfterMs);
  optionalFunction('onEvent', onEvent);
  optionalBudget('budget', budget);

  const whyNot = (attempt: number, hintMs: number): GiveUpReason | undefined => {
    if (attempt >= maxAttempts) return 'max-attempts';
    // A wait that never ends is none: whoever asks for it is never to be asked again.
    if (hintMs > maxRetryAfterMs || hintMs === Infinity) return 'retry-after';
    return withdraw(budget) ? undefined : 'budget';
  };

  return new StepPolicy((inner) => (call, scope, done) => {
    let attempt = 1;
    let backoffMs = 0;

    const again = (): void => {
      if (scope.aborted) return done(false, scope.reason);
      attempt++;
      const inside = new Scope(scope, attempt, false);
      inner(call, inside, (isOk, result) => {
        inside.end();
        settle(isOk, result);
      });
    };

    const settle: Done = (isOk, error) => {
      const isOver = isOk || scope.aborted || !guarded(false, isRetryable, error, attempt);
      if (isOk || !isOver) record(budget, isOk);
      if (isOver) return done(isOk, error);
      const hint: unknown = guarded(undefined, retryAfterMs, error);
      const hintMs = typeof hint === 'number' && hint >= 0 ? hint : -1;
      const reason = whyNot(attempt, hintMs);
      if (reason) {
        emit(onEvent, { type: 'give-up', attempt, error, reason });
        return done(false, error);
      }
      if (hintMs < 0) backoffMs = inBounds(guarded(backoffMs, backoff, attempt, backoffMs));
      const delayMs = hintMs < 0 ? backoffMs : inBounds(hintMs);
      emit(onEvent, { type: 'retry', attempt, delayMs, error });
      if (scope.aborted) done(false, error);
      else if (delayMs) pause(clock, delayMs, scope, done, again);
      else queueMicrotask(again);
    };

    deposit(budget);
    inner(call, scope.attempt === 1 ? scope : new Scope(scope, 1, false), settle);
  });
}

function inBounds(ms: number): number {
  return ms > 0 ? Math.min(ms, LONGEST_DELAY_MS) : 0;
}
