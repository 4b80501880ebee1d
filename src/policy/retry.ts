import type { Backoff } from '../core/backoff.ts';
import { exponentialBackoff } from '../core/backoff.ts';
import type { Sink, Step } from '../core/call.ts';
import { ComposablePolicy } from '../core/call.ts';
import { amount, integer, optionalFunction } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { emit, guarded, isRejection } from '../core/errors.ts';
import { Pause } from '../core/pause.ts';
import type { Policy } from '../core/policy.ts';
import type { Scope } from '../core/scope.ts';
import { AttemptScope } from '../core/scope.ts';
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
      readonly reason: 'max-attempts' | 'retry-after' | 'budget';
    };

/** Options of {@link retry}. */
export interface RetryOptions {
  /**
   * Attempts in all, the first included. Infinity is allowed.
   *
   * @defaultValue 3
   */
  readonly maxAttempts?: number;
  /**
   * The wait before each retry.
   *
   * @defaultValue `exponentialBackoff()`: 50 ms doubling to 20 s, full jitter
   */
  readonly backoff?: Backoff;
  /**
   * Whether a failure is worth another attempt.
   *
   * @defaultValue everything but this library's own rejections (`isRejection`): an open circuit or a
   * full bulkhead does not get better by asking again at once
   */
  readonly isRetryable?: (error: unknown, attempt: number) => boolean;
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
  readonly maxRetryAfterMs?: number;
  /** Bounds the retries of all calls together. Share one between the policies of one dependency. */
  readonly budget?: RetryBudget;
  /** Told of each retry and of each failure that is given up. */
  readonly onEvent?: (event: RetryEvent) => void;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
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
  return new RetryPolicy(options);
}

class RetryPolicy extends ComposablePolicy {
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly isRetryable: (error: unknown, attempt: number) => boolean;
  readonly retryAfterMs: (error: unknown) => number | undefined;
  readonly maxRetryAfterMs: number;
  readonly budget: RetryBudget | undefined;
  readonly onEvent: ((event: RetryEvent) => void) | undefined;
  readonly clock: Clock;

  constructor(options: RetryOptions) {
    super();
    const { maxAttempts = 3, backoff = exponentialBackoff(), maxRetryAfterMs = 60_000 } = options;
    const { isRetryable = (error) => !isRejection(error), retryAfterMs = hintOf, clock = systemClock } = options;
    this.maxAttempts = maxAttempts === Infinity ? maxAttempts : integer('maxAttempts', maxAttempts, 1);
    this.backoff = optionalFunction('backoff', backoff);
    this.isRetryable = optionalFunction('isRetryable', isRetryable);
    this.retryAfterMs = optionalFunction('retryAfterMs', retryAfterMs);
    this.maxRetryAfterMs = amount('maxRetryAfterMs', maxRetryAfterMs, 0);
    this.onEvent = optionalFunction('onEvent', options.onEvent);
    this.budget = optionalBudget('budget', options.budget);
    this.clock = clock;
  }

  override bind(inner: Step): Step {
    return {
      enter: (scope, sink) => {
        deposit(this.budget);
        const run = new RetryRun(this, inner, scope, sink);
        inner.enter(scope.attempt === 1 ? scope : new AttemptScope(scope, 1), run);
      },
    };
  }
}

/** One call under a retry policy: takes the result of each attempt. */
class RetryRun implements Sink {
  readonly #policy: RetryPolicy;
  readonly #inner: Step;
  readonly #scope: Scope;
  readonly #sink: Sink;
  #attempt = 1;
  #backoffMs = 0;

  constructor(policy: RetryPolicy, inner: Step, scope: Scope, sink: Sink) {
    this.#policy = policy;
    this.#inner = inner;
    this.#scope = scope;
    this.#sink = sink;
  }

  succeed(value: unknown): void {
    record(this.#policy.budget, true);
    this.#sink.succeed(value);
  }

  fail(error: unknown): void {
    const { budget, isRetryable, onEvent } = this.#policy;
    const attempt = this.#attempt;
    if (this.#scope.isAborted || !guarded(false, isRetryable, error, attempt)) return this.#sink.fail(error);
    record(budget, false);
    const delayMs = this.#delay(error);
    if (typeof delayMs === 'string') {
      emit(onEvent, { type: 'give-up', attempt, error, reason: delayMs });
      return this.#sink.fail(error);
    }
    emit(onEvent, { type: 'retry', attempt, delayMs, error });
    if (this.#scope.isAborted) this.#sink.fail(error);
    else if (delayMs === 0) queueMicrotask(() => this.#again());
    else new Pause(this.#policy.clock, delayMs, this.#scope, this.#sink, () => this.#again());
  }

  /** The wait before the next attempt, or why there is none. */
  #delay(error: unknown): number | 'max-attempts' | 'retry-after' | 'budget' {
    const { backoff, budget, maxAttempts, maxRetryAfterMs, retryAfterMs } = this.#policy;
    if (this.#attempt >= maxAttempts) return 'max-attempts';
    const hintMs = guarded(undefined, retryAfterMs, error);
    const isHinted = typeof hintMs === 'number' && hintMs >= 0;
    if (isHinted && hintMs > maxRetryAfterMs) return 'retry-after';
    if (!withdraw(budget)) return 'budget';
    if (isHinted) return Math.min(hintMs, LONGEST_DELAY_MS);
    const delayMs = guarded(this.#backoffMs, backoff, this.#attempt, this.#backoffMs);
    this.#backoffMs = delayMs > 0 ? Math.min(delayMs, LONGEST_DELAY_MS) : 0;
    return this.#backoffMs;
  }

  #again(): void {
    if (this.#scope.isAborted) return this.#sink.fail(this.#scope.reason);
    this.#attempt++;
    this.#inner.enter(new AttemptScope(this.#scope, this.#attempt), this);
  }
}
