import type { Clock, TimerHandle } from './clock.ts';
import type { Sink } from './call.ts';
import type { AbortListener, Scope } from './scope.ts';

/**
 * Waits inside a call, then goes on with `resume`; an abort ends the wait at once and fails the
 * call with its reason. Leaves no timer and no listener behind.
 */
export class Pause implements AbortListener {
  readonly #clock: Clock;
  readonly #scope: Scope;
  readonly #sink: Sink;
  readonly #timer: TimerHandle;

  constructor(clock: Clock, ms: number, scope: Scope, sink: Sink, resume: () => void) {
    this.#clock = clock;
    this.#scope = scope;
    this.#sink = sink;
    scope.listen(this);
    this.#timer = clock.setTimeout(() => {
      scope.unlisten(this);
      resume();
    }, ms);
  }

  onAbort(reason: unknown): void {
    this.cancel();
    this.#sink.fail(reason);
  }

  /** Ends the wait without going on. */
  cancel(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#scope.unlisten(this);
  }
}
