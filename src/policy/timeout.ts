import { StepPolicy } from '../core/call.ts';
import { amount, oneOf, optionalFunction } from '../core/check.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive, systemClock } from '../core/clock.ts';
import { emit } from '../core/errors.ts';
import type { Policy } from '../core/policy.ts';
import { Scope } from '../core/scope.ts';
import type { Done } from '../core/step.ts';
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
  readonly strategy?: 'cooperative' | 'aggressive' | undefined;
  /**
   * When the timer itself comes more than 50 ms late, the event loop was blocked, and answers may
   * lie unread in the sockets: the loop then gets one turn to read them before calls time out.
   *
   * @defaultValue true
   */
  readonly lagGrace?: boolean | undefined;
  /** Told of each call that timed out. */
  readonly onEvent?: ((event: TimeoutEvent) => void) | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
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
  const { ms, strategy = 'cooperative', lagGrace = true, onEvent, clock = systemClock } = options;
  amount('ms', ms, 1);
  optionalFunction('onEvent', onEvent);
  const isAggressive = oneOf('strategy', strategy, ['cooperative', 'aggressive']) === 'aggressive';
  const deadlines = new Deadlines(clock, ms, lagGrace);

  return new StepPolicy((inner) => (call, scope, done) => {
    let error: TimeoutError | undefined;
    let isOver = false;
    const settle: Done = (isOk, result) => {
      if (isOver) return;
      isOver = true;
      deadlines.remove(run);
      run.end();
      done(isOk && !error, error ?? result);
    };
    const run = new TimedScope(scope, () => {
      error = new TimeoutError(ms);
      emit(onEvent, { type: 'timeout', ms });
      run.abort(error);
    });
    if (isAggressive) {
      call.mayAdopt = false;
      run.listen({ onAbort: (reason) => settle(false, reason) });
    }
    deadlines.add(run);
    inner(call, run, settle);
  });
}

/** What runs under the limit. */
class TimedScope extends Scope {
  readonly expire: () => void;
  deadlineMs = Infinity;
  arming = 0;
  older: TimedScope | undefined;
  newer: TimedScope | undefined;

  constructor(outer: Scope, expire: () => void) {
    super(outer, outer.attempt);
    this.expire = expire;
  }
}

/*
 * Every call of a policy has the same limit, so the calls in flight are sorted by deadline as they
 * come: a list through the calls themselves, and one timer for the oldest. A call that ends does not
 * touch the timer; it fires for nobody at most once per limit.
 *
 * A clock that reads no later when the timer fires than when it was set stands still or was set back.
 * Then the timer is the clock: it ends those whose limit it was set for, and the others start afresh.
 */
class Deadlines {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #lagGrace: boolean;
  #oldest: TimedScope | undefined;
  #newest: TimedScope | undefined;
  #timer: TimerHandle;
  #isGraceTurn = false;
  #armings = 0;
  #armedAtMs = 0;
  #dueMs = 0;

  constructor(clock: Clock, ms: number, lagGrace: boolean) {
    this.#clock = clock;
    this.#ms = ms;
    this.#lagGrace = lagGrace;
  }

  add(run: TimedScope): void {
    if (this.#ms === Infinity) return;
    const nowMs = this.#clock.now();
    run.deadlineMs = nowMs + this.#ms;
    run.arming = this.#armings;
    run.older = this.#newest;
    if (this.#newest) this.#newest.newer = run;
    else this.#oldest = run;
    this.#newest = run;
    if (this.#timer === undefined) this.#arm(nowMs, this.#ms);
    else if (this.#oldest === run) keepAlive(this.#timer, true);
  }

  /** Forgets a call. One that is not in the list is none. */
  remove(run: TimedScope): void {
    const { older, newer } = run;
    if (older) older.newer = newer;
    else if (this.#oldest === run) this.#oldest = newer;
    else return;
    if (newer) newer.older = older;
    else this.#newest = older;
    run.older = run.newer = undefined;
    if (!this.#oldest) keepAlive(this.#timer, false);
  }

  #arm(nowMs: number, ms: number): void {
    this.#armings++;
    this.#armedAtMs = nowMs;
    this.#dueMs = nowMs + ms;
    this.#timer = this.#clock.setTimeout(() => this.#expire(), Math.ceil(ms));
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    const isLate = this.#oldest !== undefined && nowMs - this.#oldest.deadlineMs > LAG_MS;
    this.#isGraceTurn = isLate && this.#lagGrace && !this.#isGraceTurn;
    if (this.#isGraceTurn) return this.#arm(nowMs, 0);
    const isClockStill = nowMs <= this.#armedAtMs;
    const dueMs = isClockStill ? this.#dueMs : nowMs;
    const armings = this.#armings;
    for (let run = this.#oldest; run && run.deadlineMs <= dueMs; run = this.#oldest) {
      if (isClockStill && run.arming === armings) break;
      this.remove(run);
      run.expire();
    }
    for (let run = isClockStill && this.#oldest; run; run = run.newer) {
      run.deadlineMs = Math.min(run.deadlineMs, nowMs + this.#ms);
    }
    if (this.#oldest && this.#timer === undefined) this.#arm(nowMs, Math.max(0, this.#oldest.deadlineMs - nowMs));
  }
}
