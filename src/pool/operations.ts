import type { Clock, TimerHandle } from '../core/clock.ts';
import type { Due, Soon } from './soon.ts';

/** What the operations of one pool share. */
export interface Crew {
  readonly clock: Clock;
  readonly runInContext: (<R>(fn: () => R) => R) | undefined;
  /** Those that did not answer at once, in no order. */
  readonly running: Operation[];
  readonly soon: Soon;
}

/**
 * One call of a user's function, which may never settle: it ends by its time. One that answers at once, or
 * with a promise that is as good as settled, sets no timer.
 */
export abstract class Operation implements Due {
  readonly #crew: Crew;
  #timer: TimerHandle;
  #isOver = false;
  /** Its place among those that run. */
  #at = 0;

  constructor(crew: Crew) {
    this.#crew = crew;
  }

  /** How long it may take. */
  abstract limitMs(): number;
  /** Calls the user's function. */
  abstract call(): unknown;
  /** The one result: a value, or an error. */
  abstract done(isOk: boolean, result: unknown): void;
  /** Its time is over. Answers the error that is then its result. */
  abstract timedOut(): unknown;
  /** A value came after its time. */
  late?(value: unknown): void;

  run(): void {
    const { runInContext } = this.#crew;
    let promise: Promise<unknown> | undefined;
    let result: unknown;
    let isOk = true;
    try {
      result = runInContext ? runInContext(() => this.call()) : this.call();
      const isThenable = typeof (result as { then?: unknown } | null | undefined)?.then === 'function';
      if (isThenable) promise = Promise.resolve(result);
    } catch (error) {
      isOk = false;
      result = error;
    }
    if (!promise) return this.done(isOk, result);
    this.#at = this.#crew.running.push(this) - 1;
    promise.then(
      (value) => this.#settle(true, value),
      (error: unknown) => this.#settle(false, error),
    );
    this.#crew.soon.add(this);
  }

  /** Sets its timer, unless it has ended. */
  due(): void {
    if (this.#isOver) return;
    const ms = this.limitMs();
    if (ms < Infinity) this.#timer = this.#crew.clock.setTimeout(() => this.expire(), ms);
  }

  expire(): void {
    if (this.#end()) this.done(false, this.timedOut());
  }

  #settle(isOk: boolean, result: unknown): void {
    if (this.#end()) this.done(isOk, result);
    else if (isOk) this.late?.(result);
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    const { running, clock } = this.#crew;
    const last = running.pop()!;
    if (last !== this) running[(last.#at = this.#at)] = last;
    if (this.#timer !== undefined) clock.clearTimeout(this.#timer);
    return true;
  }
}
