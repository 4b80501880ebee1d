import { HostList, Seat } from './host-list.ts';
import type { Host, Picker, PickerOptions } from './picker.ts';

/**
 * Hosts in turn. Weights and slow start play no part.
 *
 * O(1) a pick, and one step more for each host that is passed over.
 *
 * @example
 * ```ts
 * import { createRoundRobin } from 'holdfast/balance';
 *
 * const hosts = createRoundRobin([{ id: 'a' }, { id: 'b' }]);
 * using first = hosts.pick()!;
 * using second = hosts.pick()!;
 * console.log(first.id, second.id); // a b
 * ```
 *
 * @throws RangeError or TypeError for bad hosts or options.
 */
export function createRoundRobin<H extends Host>(hosts: readonly H[], options: PickerOptions<H> = {}): Picker<H> {
  return new RoundRobin<H>(options).filled(hosts);
}

class RoundRobin<H extends Host> extends HostList<H> {
  #next = 0;

  protected override seat(host: H, at: number, sinceMs: number): Seat<H> {
    return new Seat(host, at, sinceMs);
  }

  protected override choose(isOpen: (seat: Seat<H>) => boolean): Seat<H> | undefined {
    const { seats } = this;
    for (let looks = 0; looks < seats.length; looks++) {
      const seat = seats[this.#next++ % seats.length]!;
      if (isOpen(seat)) {
        this.#next = seat.at + 1;
        return seat;
      }
    }
    return undefined;
  }

  protected override removed(seat: Seat<H>): void {
    if (seat.at < this.#next) this.#next--;
  }
}
