import type { Call } from '../core/call.ts';
import { invoke, StepPolicy } from '../core/call.ts';
import { integer, refuse } from '../core/check.ts';
import { guarded } from '../core/errors.ts';
import type { Policy } from '../core/policy.ts';
import type { AbortListener, Scope } from '../core/scope.ts';
import type { Done, Step } from '../core/step.ts';
import type { AdaptiveThrottle } from './adaptive-throttle.ts';
import { RateLimitError } from './errors.ts';
import type { RateLimitDecision, RateLimiter, StoredRateLimiter } from './rate-limit-policy.ts';

/** Options of {@link asPolicy} for a limiter. */
export interface LimiterPolicyOptions {
  /**
   * The key that calls are counted under, or a function that says it for each call.
   *
   * @defaultValue the limiter's own
   */
  readonly key?: (string | (() => string)) | undefined;
  /**
   * Units that a call takes, or a function that says it for each call.
   *
   * @defaultValue 1
   */
  readonly cost?: (number | (() => number)) | undefined;
}

/** Options of {@link asPolicy} for a throttle. */
export interface ThrottlePolicyOptions {
  /**
   * Whether a call that failed was accepted all the same: the dependency answered, and not that it is overloaded.
   *
   * @defaultValue no failed call was
   */
  readonly isAccepted?: ((error: unknown) => boolean) | undefined;
}

/**
 * Turns a limiter or a throttle into a policy for `pipeline`.
 *
 * A call that is refused rejects with a {@link RateLimitError}, and its operation is not started: `ERR_RATE_LIMITED`
 * with the time to wait in `retryAfterMs` (NaN for a throttle, which cannot tell), or `ERR_RATE_LIMIT_COST` where no wait
 * helps. What a limiter over a store rejects with comes through unchanged. The units of a call stay taken
 * whatever becomes of it; so do those of a call that is aborted while a store is asked.
 *
 * @example
 * ```ts
 * import { asPolicy, createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 * import { pipeline, timeout } from 'holdfast/policy';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 50, periodMs: 1000 }));
 * const search = pipeline(timeout({ ms: 2000 }), asPolicy(limiter, { key: 'search' }));
 * const answer = await search.run(async () => 'found');
 * ```
 *
 * @throws TypeError or RangeError when `limiter` is neither, or an option is of the wrong kind.
 */
export function asPolicy(limiter: RateLimiter | StoredRateLimiter, options?: LimiterPolicyOptions): Policy;
export function asPolicy(throttle: AdaptiveThrottle, options?: ThrottlePolicyOptions): Policy;
export function asPolicy(
  limiter: RateLimiter | StoredRateLimiter | AdaptiveThrottle,
  options: LimiterPolicyOptions & ThrottlePolicyOptions = {},
): Policy {
  const { key, cost, isAccepted = () => false } = options;
  if (Object(limiter) !== limiter) refuse('limiter', 'a rate limiter or a throttle', limiter);
  if (typeof isAccepted !== 'function') refuse('isAccepted', 'a function', isAccepted);
  if ('tryStart' in limiter) return new StepPolicy((inner) => throttled(limiter, isAccepted, inner));
  if (typeof limiter.consume !== 'function') refuse('limiter', 'a rate limiter or a throttle', limiter);
  if (!['undefined', 'string', 'function'].includes(typeof key)) refuse('key', 'a text or a function', key);
  if (cost !== undefined && typeof cost !== 'function') integer('cost', cost, 0);
  const keyOf = typeof key === 'function' ? key : () => key;
  const costOf = typeof cost === 'function' ? cost : () => cost;
  return new StepPolicy((inner) => (call, scope, done) => {
    const decide = (): unknown =>
      'tryAcquire' in limiter ? decideHere(limiter, keyOf(), costOf()) : limiter.consume(keyOf(), costOf());
    ask(decide, call, scope, done, () => inner(call, scope, done));
  });
}

/** Undefined for yes, which costs no decision. */
function decideHere(limiter: RateLimiter, key?: string, cost?: number): RateLimitDecision | undefined {
  if (limiter.tryAcquire(key, cost)) return undefined;
  const decision = limiter.peek(key, cost);
  // Units that have come back between the two questions have to be taken, or the call would go on for nothing.
  return decision.allowed ? limiter.consume(key, cost) : decision;
}

/** Asks once, now or over a while in which the call can be aborted, and goes on with `resume` or ends the call. */
function ask(decide: () => unknown, call: Call, scope: Scope, done: Done, resume: () => void): void {
  // The answer is not the operation's: its promise must not become the call's.
  const { mayAdopt } = call;
  call.mayAdopt = false;
  let isAsking = true;
  const listener: AbortListener = {
    onAbort: (reason) => {
      isAsking = false;
      done(false, reason);
    },
  };
  let isSync = true;
  invoke(decide, call, scope, (isOk, result) => {
    if (!isAsking) return;
    isAsking = false;
    if (isSync) call.mayAdopt = mayAdopt;
    else scope.unlisten(listener);
    const refused = isOk ? refusalOf(result as RateLimitDecision | undefined) : result;
    if (isOk && !refused) resume();
    else done(false, refused);
  });
  isSync = false;
  if (isAsking) scope.listen(listener);
}

function refusalOf(decision: RateLimitDecision | undefined): RateLimitError | undefined {
  if (!decision || decision.allowed) return undefined;
  const { retryAfterMs, policy } = decision;
  if (retryAfterMs < Infinity)
    return new RateLimitError('ERR_RATE_LIMITED', `rate limit ${policy} reached`, retryAfterMs);
  return new RateLimitError('ERR_RATE_LIMIT_COST', `costs more than rate limit ${policy} ever allows`, retryAfterMs);
}

function throttled(throttle: AdaptiveThrottle, isAccepted: (error: unknown) => boolean, inner: Step): Step {
  return (call, scope, done) => {
    if (!throttle.tryStart()) {
      return done(false, new RateLimitError('ERR_RATE_LIMITED', 'held back: the dependency is overloaded', Number.NaN));
    }
    inner(call, scope, (isOk, result) => {
      if (isOk || guarded(false, isAccepted, result)) throttle.accepted();
      done(isOk, result);
    });
  };
}
