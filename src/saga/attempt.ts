import { refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { guarded } from '../core/errors.ts';
import { pause } from '../core/pause.ts';
import type { Random } from '../core/random.ts';
import { Scope } from '../core/scope.ts';
import { isAmbiguousError, isRefusal } from './ambiguity.ts';
import type { RetryPolicy } from './definition.ts';
import { SerializationError, StepTimeoutError } from './errors.ts';
import type { StepRun } from './step-run.ts';
import type { Spans } from './tracing.ts';

/** What an execution takes from outside. */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly abandonMs: number;
  /** Told of what settled after it was left behind. */
  readonly onLate?: ((step: string, isOk: boolean, result: unknown) => void) | undefined;
  readonly spans?: Spans | undefined;
}

/**
 * Calls a step once. Settles when the call has settled, so that nothing of it goes on unseen; after an abort it has
 * `abandonMs` for that. One that passes its time limit rejects with {@link StepTimeoutError}, whatever it answers after.
 */
export function attempt(
  { clock, abandonMs, onLate }: World,
  run: StepRun,
  outer: Scope | undefined,
  timeoutMs: number | undefined,
  call: (run: StepRun) => unknown,
): Promise<unknown> {
  const scope = (run.scope = new Scope(outer, 1, true));
  return new Promise((resolve, reject) => {
    let timer: unknown;
    let isOver = false;
    const settle = (isOk: boolean, result: unknown): void => {
      if (isOver) return onLate?.(run.step, isOk, result);
      isOver = true;
      clock.clearTimeout(timer);
      scope.end();
      const isLate = scope.reason instanceof StepTimeoutError;
      if (isOk && !isLate) resolve(result);
      else reject(isLate ? scope.reason : result);
    };
    const onAbort = (reason: unknown): void => {
      clock.clearTimeout(timer);
      // After the loss of the lease there is nothing to wait for: the next owner calls the step without asking.
      if (run.owner.isStopped) settle(false, reason);
      else timer = clock.setTimeout(() => settle(false, reason), abandonMs);
    };
    scope.listen({ onAbort });
    if (timeoutMs !== undefined) {
      timer = clock.setTimeout(() => scope.abort(new StepTimeoutError(run.step, timeoutMs)), timeoutMs);
    }
    new Promise((answer) => answer(call(run))).then(
      (value) => settle(true, value),
      (error: unknown) => settle(false, error),
    );
  });
}

/** Whether an attempt that ended with `error` may have done something. */
export function leavesOpen({ scope, def, frame }: StepRun, error: unknown): boolean {
  // The reason of an abort, passed on, may be a refusal: that of a sibling, or of whoever cancels.
  if (error instanceof SerializationError || scope?.aborted) return error === scope?.reason || !isRefusal(error);
  return guarded(true, def.isAmbiguous ?? frame.isAmbiguous ?? isAmbiguousError, error);
}

/** Waits, or less when `scope` is aborted. */
export function rest(clock: Clock, ms: number, scope: Scope | undefined): Promise<unknown> {
  return new Promise<unknown>((resolve) => {
    if (scope?.aborted) resolve(0);
    else pause(clock, ms, scope ?? new Scope(undefined, 1, false), resolve, resolve as () => void);
  });
}

/** The wait after attempt `n`. */
export function delayOf(policy: RetryPolicy, n: number, random: Random): number {
  const { baseDelayMs = 100, factor = 2, maxDelayMs = 30_000, jitter = 'full' } = policy;
  const capMs = Math.min(maxDelayMs, baseDelayMs * factor ** (n - 1));
  return jitter === 'none' ? capMs : random() * capMs;
}

/** The wait that a function of the definition asks for; what lies in the past is none. */
export function checkWait(what: string, ms: number): number {
  return Number.isFinite(ms) ? ms : refuse(what, 'a number', ms);
}
