import type { TimerHandle } from '../core/clock.ts';
import type { Floor } from './floor.ts';
import type { PoolCloseOptions } from './pool-types.ts';

/** The end of a pool: who waits, then what is idle, then what is on loan; by force when a grace is over. */
export class Closing<T> {
  readonly #floor: Floor<T>;
  readonly closed: Promise<void>;
  #resolve: (() => void) | undefined;
  #graceTimer: TimerHandle;
  #hasGrace = false;

  constructor(floor: Floor<T>) {
    this.#floor = floor;
    this.closed = new Promise((resolve) => (this.#resolve = resolve));
  }

  begin({ drain = false, graceMs = Infinity }: PoolCloseOptions): void {
    const floor = this.#floor;
    if (!drain) this.#turnAway();
    floor.warmers.fail(floor.closedError());
    if (graceMs < Infinity) {
      if (this.#hasGrace) floor.settings.clock.clearTimeout(this.#graceTimer);
      this.#hasGrace = true;
      this.#graceTimer = floor.settings.clock.setTimeout(() => this.#force(), graceMs);
    }
  }

  /** Under every key, as all close together: what ends under one would be made room of for another. */
  #turnAway(): void {
    const floor = this.#floor;
    floor.rejectAll('closed', () => floor.closedError(), floor.share?.floors());
  }

  #force(): void {
    const floor = this.#floor;
    this.#turnAway();
    floor.workshop.expireAll();
    for (let entry = floor.lent.oldest; entry; entry = floor.lent.oldest) floor.seize(entry, entry.lease!, 'forced');
    floor.pump();
  }

  /** What is to be done now that nobody waits. */
  windUp(): void {
    const { idle, workshop, supply, upkeep } = this.#floor;
    workshop.abortCreates(this.#floor.closedError());
    this.#floor.discard(idle.length, 'close');
    supply.stop();
    upkeep.stop();
  }

  /** Nothing is left. */
  finish(): void {
    if (this.#hasGrace) this.#floor.settings.clock.clearTimeout(this.#graceTimer);
    this.#resolve?.();
    this.#resolve = undefined;
  }
}
