import type { AbortListener, AbortSource } from './scope.ts';
import { Waiter } from './wait-queue.ts';

/**
 * A waiter with a promise at its end, that a signal can call away. It is its own abort source: nothing is
 * made for it but itself and its promise.
 */
export abstract class PromiseWaiter<T> extends Waiter implements AbortSource {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  readonly #signal: AbortSignal | undefined;

  constructor(resolve: (value: T) => void, reject: (reason: unknown) => void, signal: AbortSignal | undefined) {
    super();
    this.resolve = resolve;
    this.reject = reject;
    this.#signal = signal;
  }

  listen(): void {
    this.#signal?.addEventListener('abort', this);
  }

  unlisten(): void {
    this.#signal?.removeEventListener('abort', this);
  }

  handleEvent(): void {
    (this as AbortListener).onAbort(this.#signal?.reason);
  }

  override onGiveUp(reason: unknown): void {
    this.reject(reason);
  }
}
