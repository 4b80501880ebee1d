import { Waiter } from '../../src/core/wait-queue.ts';

/** A waiter that writes the end of its wait into a log the test shares among all. */
export class RecordingWaiter extends Waiter {
  readonly id: number;
  readonly #log: string[];
  readonly #then: () => void;

  constructor(id: number, log: string[], then: () => void = () => {}) {
    super();
    this.id = id;
    this.#log = log;
    this.#then = then;
  }

  override onExpire(): void {
    this.#log.push(`${this.id} expired`);
    this.#then();
  }

  override onGiveUp(reason: unknown): void {
    this.#log.push(`${this.id} gave up: ${String(reason)}`);
    this.#then();
  }
}
