import type { Clock, TimerHandle } from '../core/clock.ts';

/** Told the one result of a user's function: a value, or an error. */
export type Done = (isOk: boolean, result: unknown) => void;

/** A user's function that runs and may never settle. */
class Operation<R> {
  readonly #running: Set<Operation<never>>;
  readonly #done: Done;
  readonly #onLate: ((result: R) => void) | undefined;
  readonly #timedOut: () => unknown;
  readonly #clock: Clock;
  #timer: TimerHandle;
  #isOver = false;

  constructor(
    running: Set<Operation<never>>,
    clock: Clock,
    done: Done,
    timedOut: () => unknown,
    onLate: ((result: R) => void) | undefined,
  ) {
    this.#running = running;
    this.#clock = clock;
    this.#done = done;
    this.#timedOut = timedOut;
    this.#onLate = onLate;
    running.add(this as unknown as Operation<never>);
  }

  arm(ms: number): void {
    if (!this.#isOver && ms < Infinity) this.#timer = this.#clock.setTimeout(() => this.expire(), ms);
  }

  expire(): void {
    if (this.#end()) this.#done(false, this.#timedOut());
  }

  settle(isOk: boolean, result: unknown): void {
    if (this.#end()) this.#done(isOk, result);
    else if (isOk) this.#onLate?.(result as R);
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#running.delete(this as unknown as Operation<never>);
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    return true;
  }
}

/**
 * Runs users' functions, each bounded in time. One that answers at once, or with a promise that is as good as
 * settled, sets no timer.
 */
export class Operations {
  readonly #clock: Clock;
  readonly #runInContext: (<R>(fn: () => R) => R) | undefined;
  readonly #running = new Set<Operation<never>>();

  constructor(clock: Clock, runInContext: (<R>(fn: () => R) => R) | undefined) {
    this.#clock = clock;
    this.#runInContext = runInContext;
  }

  /** Calls `fn` in the context of the options. */
  call<R>(fn: () => R): R {
    return this.#runInContext ? this.#runInContext(fn) : fn();
  }

  /** Runs `fn`; `done` comes once, on this stack or later. A value that comes after its time goes to `onLate`. */
  run<R>(
    fn: () => R | PromiseLike<R>,
    ms: number,
    done: Done,
    timedOut: () => unknown,
    onLate?: (result: R) => void,
  ): void {
    let promise: Promise<R> | undefined;
    let result: unknown;
    let isOk = true;
    try {
      result = this.call(fn);
      const isThenable = typeof (result as { then?: unknown } | null | undefined)?.then === 'function';
      if (isThenable) promise = Promise.resolve(result as PromiseLike<R>);
    } catch (error) {
      isOk = false;
      result = error;
    }
    if (!promise) return done(isOk, result);
    const operation = new Operation<R>(this.#running, this.#clock, done, timedOut, onLate);
    promise.then(
      (value) => operation.settle(true, value),
      (error: unknown) => operation.settle(false, error),
    );
    // Behind the result of a promise that is settled already.
    void Promise.resolve().then(() => operation.arm(ms));
  }

  /** Gives up all that runs now, and nothing that begins meanwhile. */
  expireAll(): void {
    const running = [...this.#running];
    for (const operation of running) operation.expire();
  }
}
