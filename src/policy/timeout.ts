import type { Sink, Step } from '../core/call.ts';
import { ComposablePolicy } from '../core/call.ts';
import { amount, oneOf, optionalFunction } from '../core/check.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive, systemClock } from '../core/clock.ts';
import { emit } from '../core/errors.ts';
import type { Policy } from '../core/policy.ts';
import type { Scope } from '../core/scope.ts';
import { BranchScope } from '../core/scope.ts';
import { TimeoutError } from './errors.ts';

/** What a {@link timeout} policy tells its listener. */
export interface TimeoutEvent {
  /** The limit has passed and the signal of the operation has aborted. */
  readonly type: 'timeout';
  /** The limit, in milliseconds. */
  readonly ms: number;
}

/** Options of {@link timeout}. */
export interface TimeoutOptions {
  /** The limit, in milliseconds: at least 1, of any length, Infinity included. */
  readonly ms: number;
  /**
   * `cooperative` aborts the operation's signal and rejects when the operation has ended, so that
   * nothing runs on unseen. `aggressive` aborts it and rejects at once, for operations that ignore
   * their signal; what they do afterwards is nobody's.
   *
   * @defaultValue 'cooperative'
   */
  readonly strategy?: 'cooperative' | 'aggressive';
  /**
   * When the timer itself comes more than 50 ms late, the event loop was blocked, and answers may
   * lie unread in the sockets: the loop then gets one turn to read them before calls time out.
   *
   * @defaultValue true
   */
  readonly lagGrace?: boolean;
  /** Told of each call that timed out. */
  readonly onEvent?: (event: TimeoutEvent) => void;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

/** A timer this late says that the event loop stood still, not that the answer is slow. */
const LAG_MS = 50;

/**
 * Creates a policy that bounds how long a call may take.
 *
 * A call that passes the limit rejects with {@link TimeoutError}, even if the operation answers after
 * all; the same object is the reason of the signal that the operation was given. It never fires
 * early. All calls of one policy share one timer: starting and ending a call is O(1).
 *
 * @example
 * ```ts
 * import { timeout } from 'holdfast/policy';
 *
 * const twoSeconds = timeout({ ms: 2_000 });
 * await twoSeconds.run(async ({ signal }) => {
 *   signal.throwIfAborted(); // hand it on: fetch(url, { signal })
 * });
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function timeout(options: TimeoutOptions): Policy {
  return new TimeoutPolicy(options);
}

/*
 * Every call has the same limit, so the calls in flight are sorted by deadline as they come: a list
 * through the calls themselves, and one timer for the oldest. A call that ends does not touch the
 * timer; it fires for nobody at most once per limit.
 *
 * A clock that reads no later when the timer fires than when it was set stands still or was set back.
 * Then the timer is the clock: it ends those whose limit it was set for, and the others start afresh.
 */
class TimeoutPolicy extends ComposablePolicy {
  readonly ms: number;
  readonly isAggressive: boolean;
  readonly onEvent: ((event: TimeoutEvent) => void) | undefined;
  readonly #lagGrace: boolean;
  readonly #clock: Clock;
  #oldest: TimeoutRun | undefined;
  #newest: TimeoutRun | undefined;
  #timer: TimerHandle;
  #hasTimer = false;
  #isGraceTurn = false;
  #armings = 0;
  #armedAtMs = 0;
  #dueMs = 0;

  constructor(options: TimeoutOptions) {
    super();
    const { ms, strategy = 'cooperative', lagGrace = true, onEvent, clock = systemClock } = options;
    this.ms = amount('ms', ms, 1);
    this.isAggressive = oneOf('strategy', strategy, ['cooperative', 'aggressive']) === 'aggressive';
    this.onEvent = optionalFunction('onEvent', onEvent);
    this.#lagGrace = lagGrace;
    this.#clock = clock;
  }

  override bind(inner: Step): Step {
    return {
      enter: (scope, sink) => {
        const run = new TimeoutRun(this, scope, sink);
        if (this.ms < Infinity) this.#add(run);
        inner.enter(run, run);
      },
    };
  }

  #add(run: TimeoutRun): void {
    const nowMs = this.#clock.now();
    run.deadlineMs = nowMs + this.ms;
    run.arming = this.#armings;
    run.older = this.#newest;
    if (this.#newest) this.#newest.newer = run;
    else this.#oldest = run;
    this.#newest = run;
    if (!this.#hasTimer) this.#arm(nowMs, this.ms);
    else if (this.#oldest === run) keepAlive(this.#timer, true);
  }

  remove(run: TimeoutRun): void {
    if (run.older) run.older.newer = run.newer;
    else if (this.#oldest === run) this.#oldest = run.newer;
    else return;
    if (run.newer) run.newer.older = run.older;
    else this.#newest = run.older;
    run.older = run.newer = undefined;
    if (!this.#oldest && this.#hasTimer) keepAlive(this.#timer, false);
  }

  #arm(nowMs: number, ms: number): void {
    this.#hasTimer = true;
    this.#armings++;
    this.#armedAtMs = nowMs;
    this.#dueMs = nowMs + ms;
    this.#timer = this.#clock.setTimeout(() => this.#expire(), Math.ceil(ms));
  }

  #expire(): void {
    this.#hasTimer = false;
    const nowMs = this.#clock.now();
    const isLate = this.#oldest !== undefined && nowMs - this.#oldest.deadlineMs > LAG_MS;
    if (isLate && this.#lagGrace && !this.#isGraceTurn) {
      this.#isGraceTurn = true;
      return this.#arm(nowMs, 0);
    }
    this.#isGraceTurn = false;
    const isClockStill = nowMs <= this.#armedAtMs;
    const dueMs = isClockStill ? this.#dueMs : nowMs;
    const armings = this.#armings;
    for (let run = this.#oldest; run && run.deadlineMs <= dueMs; run = this.#oldest) {
      if (isClockStill && run.arming === armings) break;
      this.remove(run);
      run.expire();
    }
    for (let run = isClockStill && this.#oldest; run; run = run.newer) {
      run.deadlineMs = Math.min(run.deadlineMs, nowMs + this.ms);
    }
    if (this.#oldest && !this.#hasTimer) this.#arm(nowMs, Math.max(0, this.#oldest.deadlineMs - nowMs));
  }
}

/** One call under a timeout: the scope of what runs inside, and the sink of its result. */
class TimeoutRun extends BranchScope implements Sink {
  deadlineMs = Infinity;
  arming = 0;
  older: TimeoutRun | undefined;
  newer: TimeoutRun | undefined;
  readonly #policy: TimeoutPolicy;
  readonly #sink: Sink;
  #hasSettled = false;
  #error: TimeoutError | undefined;

  constructor(policy: TimeoutPolicy, scope: Scope, sink: Sink) {
    super(scope, scope.attempt);
    this.#policy = policy;
    this.#sink = sink;
    if (policy.isAggressive) {
      scope.root.mayAdopt = false;
      this.link();
    }
  }

  succeed(value: unknown): void {
    if (this.#leave()) this.#sink.succeed(value);
  }

  fail(error: unknown): void {
    if (this.#leave()) this.#sink.fail(error);
  }

  expire(): void {
    const { ms, isAggressive, onEvent } = this.#policy;
    this.#error = new TimeoutError(ms);
    this.abort(this.#error);
    emit(onEvent, { type: 'timeout', ms });
    if (isAggressive) this.fail(this.#error);
  }

  override onAbort(reason: unknown): void {
    super.onAbort(reason);
    if (this.#policy.isAggressive) this.fail(reason);
  }

  /** True for the result that counts; after the limit, that is the timeout. */
  #leave(): boolean {
    if (this.#hasSettled) return false;
    this.#hasSettled = true;
    this.end();
    if (!this.#error) {
      this.#policy.remove(this);
      return true;
    }
    this.#sink.fail(this.#error);
    return false;
  }
}
