import type { Sink, Step } from '../core/call.ts';
import { ComposablePolicy } from '../core/call.ts';
import { amount, integer, optionalFunction } from '../core/check.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { emit, guarded, HoldfastError } from '../core/errors.ts';
import type { Policy } from '../core/policy.ts';
import type { AbortListener, Scope } from '../core/scope.ts';
import { BranchScope } from '../core/scope.ts';
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
  readonly maxHedges?: number;
  /**
   * Failures that end the call at once.
   *
   * @defaultValue none
   */
  readonly isFatal?: (error: unknown) => boolean;
  /** Bounds the hedges of all calls together. When it is spent, no new hedge starts; those running go on. */
  readonly budget?: RetryBudget;
  /** Told of each hedge that starts. */
  readonly onEvent?: (event: HedgeEvent) => void;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
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
  return new HedgePolicy(options);
}

class HedgePolicy extends ComposablePolicy {
  readonly delayMs: (hedge: number) => number;
  readonly maxHedges: number;
  readonly isFatal: (error: unknown) => boolean;
  readonly budget: RetryBudget | undefined;
  readonly onEvent: ((event: HedgeEvent) => void) | undefined;
  readonly clock: Clock;

  constructor(options: HedgeOptions) {
    super();
    const { delayMs, maxHedges = 1, isFatal = () => false, budget, onEvent, clock = systemClock } = options;
    if (typeof delayMs !== 'function') amount('delayMs', delayMs, 0);
    this.delayMs = typeof delayMs === 'function' ? delayMs : () => delayMs;
    this.maxHedges = integer('maxHedges', maxHedges, 1, 1000);
    this.isFatal = optionalFunction('isFatal', isFatal);
    this.onEvent = optionalFunction('onEvent', onEvent);
    this.budget = optionalBudget('budget', budget);
    this.clock = clock;
  }

  override bind(inner: Step): Step {
    return {
      enter: (scope, sink) => {
        scope.root.mayAdopt = false;
        deposit(this.budget);
        new HedgeRun(this, inner, scope, sink).start();
      },
    };
  }
}

/** One call under a hedge policy. */
class HedgeRun implements AbortListener {
  readonly #policy: HedgePolicy;
  readonly #inner: Step;
  readonly #scope: Scope;
  readonly #sink: Sink;
  readonly #running = new Set<HedgeAttempt>();
  #started = 0;
  #timer: TimerHandle;
  #isOver = false;

  constructor(policy: HedgePolicy, inner: Step, scope: Scope, sink: Sink) {
    this.#policy = policy;
    this.#inner = inner;
    this.#scope = scope;
    this.#sink = sink;
  }

  start(): void {
    this.#scope.listen(this);
    this.#launch();
  }

  #launch(): void {
    const attempt = new HedgeAttempt(this, this.#scope, ++this.#started);
    this.#running.add(attempt);
    this.#inner.enter(attempt, attempt);
    if (!this.#isOver) this.#schedule();
  }

  #schedule(): void {
    const { clock, delayMs, maxHedges } = this.#policy;
    clock.clearTimeout(this.#timer);
    if (this.#started > maxHedges) return;
    const waitMs = guarded(Infinity, delayMs, this.#started);
    if (waitMs < Infinity) this.#timer = clock.setTimeout(() => this.#next(), Math.max(0, waitMs));
  }

  /** Starts one more attempt, if there may be one. */
  #next(): boolean {
    const { budget, maxHedges, onEvent } = this.#policy;
    if (this.#isOver || this.#started > maxHedges) return false;
    if (!withdraw(budget)) return false;
    emit(onEvent, { type: 'hedge', attempt: this.#started + 1 });
    if (!this.#isOver) this.#launch();
    return true;
  }

  onSuccess(attempt: HedgeAttempt, value: unknown): void {
    record(this.#policy.budget, true);
    if (this.#finish(attempt)) this.#sink.succeed(value);
  }

  onFailure(attempt: HedgeAttempt, error: unknown): void {
    this.#running.delete(attempt);
    if (this.#isOver) return;
    record(this.#policy.budget, false);
    const isFatal = this.#scope.isAborted || guarded(false, this.#policy.isFatal, error);
    if (!isFatal && (this.#next() || this.#running.size > 0)) return;
    if (this.#finish(attempt)) this.#sink.fail(error);
  }

  onAbort(reason: unknown): void {
    if (this.#finish(undefined)) this.#sink.fail(reason);
  }

  /** Ends the call for all but `winner`. True the first time. */
  #finish(winner: HedgeAttempt | undefined): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#policy.clock.clearTimeout(this.#timer);
    this.#scope.unlisten(this);
    this.#running.delete(winner as HedgeAttempt);
    if (this.#running.size === 0) return true;
    const reason = this.#scope.isAborted ? this.#scope.reason : superseded();
    for (const loser of this.#running) loser.abort(reason);
    return true;
  }
}

function superseded(): HoldfastError {
  return new HoldfastError('ERR_HEDGE_SUPERSEDED', 'another attempt of the call has ended it', { captureStack: false });
}

/** One of the attempts: the scope of what runs inside, and the sink of its result. */
class HedgeAttempt extends BranchScope implements Sink {
  readonly #run: HedgeRun;

  constructor(run: HedgeRun, scope: Scope, attempt: number) {
    super(scope, attempt);
    this.#run = run;
  }

  succeed(value: unknown): void {
    this.end();
    this.#run.onSuccess(this, value);
  }

  fail(error: unknown): void {
    this.end();
    this.#run.onFailure(this, error);
  }
}
