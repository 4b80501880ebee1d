import { StepPolicy } from '../core/call.ts';
import { amount, integer, optionalFunction } from '../core/check.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { emit, guarded, HoldfastError } from '../core/errors.ts';
import type { Policy } from '../core/policy.ts';
import type { AbortListener } from '../core/scope.ts';
import { Scope } from '../core/scope.ts';
import type { RetryBudget } from './retry-budget.ts';
import { deposit, optionalBudget, record, withdraw } from './retry-budget.ts';

/** What a {@link hedge} policy tells its listener. */
export interface HedgeEvent {
  /** Another attempt starts beside those running; `attempt` is its number, from 2. */
  readonly type: 'hedge';
  readonly attempt: number;
}

/** Options of {@link hedge}. */
export interface HedgeOptions {
  /**
   * How long to wait for an answer before starting another attempt, in milliseconds; a function is
   * given the number of the hedge, from 1. A good value is the p95 of the calls.
   */
  readonly delayMs: number | ((hedge: number) => number);
  /**
   * Attempts beside the first, 1000 at most.
   *
   * @defaultValue 1
   */
  readonly maxHedges?: number | undefined;
  /**
   * Failures that end the call at once.
   *
   * @defaultValue none
   */
  readonly isFatal?: ((error: unknown) => boolean) | undefined;
  /** Bounds the hedges of all calls together. When it is spent, no new hedge starts; those running go on. */
  readonly budget?: RetryBudget | undefined;
  /** Told of each hedge that starts. */
  readonly onEvent?: ((event: HedgeEvent) => void) | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/**
 * Creates a policy that starts another attempt beside a slow one and takes the first success. For
 * operations that may run twice.
 *
 * One attempt starts per `delayMs`, the next at once when one has failed. The losers' signals abort.
 * When all fail, the last error comes through. Rejects at once on abort.
 *
 * @example
 * ```ts
 * import { hedge } from 'holdfast/policy';
 *
 * const lookup = hedge({ delayMs: 30, maxHedges: 1 });
 * const answer = await lookup.run(async ({ attempt }) => `answer of attempt ${attempt}`);
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function hedge(options: HedgeOptions): Policy {
  const { delayMs, maxHedges = 1, isFatal = () => false, budget, onEvent, clock = systemClock } = options;
  if (typeof delayMs !== 'function') amount('delayMs', delayMs, 0);
  integer('maxHedges', maxHedges, 1, 1000);
  optionalFunction('isFatal', isFatal);
  optionalFunction('onEvent', onEvent);
  optionalBudget('budget', budget);
  const delayOf = (started: number): number =>
    typeof delayMs === 'function' ? guarded(Infinity, delayMs, started) : delayMs;

  return new StepPolicy((inner) => (call, scope, done) => {
    const running = new Set<Scope>();
    let started = 0;
    let isOver = false;
    let timer: TimerHandle;

    /** Ends the call for all that still run. */
    const finish = (isOk: boolean, result: unknown): void => {
      if (isOver) return;
      isOver = true;
      clock.clearTimeout(timer);
      scope.unlisten(listener);
      if (running.size > 0) {
        const reason = scope.aborted ? scope.reason : superseded();
        for (const loser of running) loser.abort(reason);
      }
      done(isOk, result);
    };

    const listener: AbortListener = { onAbort: (reason) => finish(false, reason) };

    const launch = (): void => {
      const attempt = new Scope(scope, ++started);
      running.add(attempt);
      inner(call, attempt, (isOk, result) => {
        running.delete(attempt);
        attempt.end();
        if (isOver) return;
        record(budget, isOk);
        const isLast = isOk || scope.aborted || guarded(false, isFatal, result);
        if (isLast || !(next() || running.size > 0)) finish(isOk, result);
      });
      clock.clearTimeout(timer);
      if (isOver || started > maxHedges) return;
      const waitMs = delayOf(started);
      if (waitMs < Infinity) timer = clock.setTimeout(next, Math.max(0, waitMs));
    };

    /** Starts one more attempt, if there may be one. */
    const next = (): boolean => {
      if (started > maxHedges || !withdraw(budget)) return false;
      emit(onEvent, { type: 'hedge', attempt: started + 1 });
      if (!isOver) launch();
      return true;
    };

    call.mayAdopt = false;
    deposit(budget);
    scope.listen(listener);
    launch();
  });
}

function superseded(): HoldfastError {
  return new HoldfastError('ERR_HEDGE_SUPERSEDED', 'another attempt of the call has ended it', { captureStack: false });
}
