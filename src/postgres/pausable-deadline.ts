import type { Clock, TimerHandle } from '../core/clock.ts';
import { HoldfastError } from '../core/errors.ts';

/** A deadline for work that has parts which may take as long as they like. */
export class PausableDeadline {
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  #expire: () => void = () => {};
  #timer: TimerHandle;
  #isOver = false;

  constructor(timeoutMs: number, clock: Clock) {
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** Settles as `work` does, or rejects when it ran out of time. Once. */
  watch<T>(work: () => PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#expire = () => {
        this.#isOver = true;
        reject(timeoutError(this.#timeoutMs));
      };
      this.resume();
      // Called inside a promise, so that what it throws at once is a rejection as well.
      void Promise.resolve()
        .then(work)
        .finally(() => this.#clock.clearTimeout(this.#timer))
        .then(resolve, reject);
    });
  }

  /** Throws when it is over: whoever waits has been told so. */
  pause(): void {
    if (this.#isOver) throw timeoutError(this.#timeoutMs);
    this.#clock.clearTimeout(this.#timer);
  }

  /** Begins anew. */
  resume(): void {
    this.#timer = this.#clock.setTimeout(this.#expire, this.#timeoutMs);
  }
}

function timeoutError(timeoutMs: number): HoldfastError {
  return new HoldfastError('ERR_STORE_TIMEOUT', `PostgreSQL did not answer within ${timeoutMs} ms`);
}
