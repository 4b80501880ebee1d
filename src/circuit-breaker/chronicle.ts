import { refuse } from '../core/check.ts';
import { emit } from '../core/errors.ts';
import { BindablePolicy } from '../core/step.ts';
import type { CircuitBreakerEvent } from './circuit-breaker.ts';

/** Tells of the moves of a circuit. */
export abstract class Chronicle extends BindablePolicy {
  /** Replaced when it changes, so that who is being told stays the same for one event. */
  #listeners: readonly ((event: CircuitBreakerEvent) => void)[] = [];
  readonly #events: CircuitBreakerEvent[] = [];

  /** Tells in order, also when a listener moves the state again. */
  protected tell(event: CircuitBreakerEvent): void {
    if (this.#events.push(event) > 1) return;
    for (const next of this.#events) for (const listener of this.#listeners) emit(listener, next);
    this.#events.length = 0;
  }

  onEvent(listener: (event: CircuitBreakerEvent) => void): () => void {
    if (typeof listener !== 'function') refuse('onEvent', 'a function', listener);
    const own = (event: CircuitBreakerEvent): void => listener(event);
    this.#listeners = [...this.#listeners, own];
    return () => void (this.#listeners = this.#listeners.filter((other) => other !== own));
  }
}
