import type { Call } from './call.ts';
import type { Scope } from './scope.ts';
import type { Done, Step } from './step.ts';
import { Waiter } from './wait-queue.ts';

/** What calls wait for a place of. */
export interface Places {
  /** Takes a place that is free. */
  take(): void;
  /** Gives back one in which nothing was begun. */
  giveBack(): void;
  /** Goes on inside a place that was taken, and gives it back at the end. */
  start(inner: Step, call: Call, scope: Scope, done: Done): void;
  /** The error for a call whose deadline has passed. */
  expired?(): unknown;
}

/*
 * A call that waits for a place: what becomes of it when its wait ends.
 *
 * Whoever frees a place hands it on from its own stack, where the next call must not run: it would see the
 * AsyncLocalStorage values and the trace of another. Engines give a reaction of a promise the context in which it was
 * registered, so a promise made when the call joins the queue carries its context, without any API of one runtime. The
 * call begins a microtask after it got its place, and may have been aborted by then.
 */
export class QueuedCall extends Waiter {
  readonly #places: Places;
  readonly #done: Done;
  #enter!: () => void;

  constructor(places: Places, inner: Step, call: Call, scope: Scope, done: Done) {
    super();
    this.#places = places;
    this.#done = done;
    void new Promise<void>((resolve) => (this.#enter = resolve)).then(() => {
      if (!scope.aborted) return places.start(inner, call, scope, done);
      places.giveBack();
      done(false, scope.reason);
    });
  }

  serve(): void {
    this.#places.take();
    this.#enter();
  }

  override onExpire(): void {
    this.#done(false, this.#places.expired?.());
  }

  override onGiveUp(reason: unknown): void {
    this.#done(false, reason);
  }
}
