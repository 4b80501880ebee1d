import { HostList, Seat } from './host-list.ts';
import type { Host, Picker, PickerOptions } from './picker.ts';

/**
 * Hosts in turn in proportion to their weights, spread out: weights 5, 1, 1 give a a b a c a a, not five in a row.
 *
 * O(hosts) a pick. nginx's smooth weighted round robin.
 *
 * @example
 * ```ts
 * import { createWeightedRoundRobin } from 'holdfast/balance';
 *
 * const hosts = createWeightedRoundRobin([{ id: 'big', weight: 2 }, { id: 'small' }]);
 * const ids = Array.from({ length: 3 }, () => hosts.pick()!.id);
 * console.log(ids); // [ 'big', 'small', 'big' ]
 * ```
 *
 * @throws RangeError or TypeError for bad hosts or options.
 */
export function createWeightedRoundRobin<H extends Host>(
  hosts: readonly H[],
  options: PickerOptions<H> = {},
): Picker<H> {
  return new SmoothRoundRobin<H>(options).filled(hosts);
}

class WeightedSeat<H extends Host> extends Seat<H> {
  credit: number = 0;
}

class SmoothRoundRobin<H extends Host> extends HostList<H, WeightedSeat<H>> {
  protected override seat(host: H, at: number, sinceMs: number): WeightedSeat<H> {
    return new WeightedSeat(host, at, sinceMs);
  }

  /** Each usable host earns its weight; the richest is taken and pays what all have earned. */
  protected override choose(isOpen: (seat: WeightedSeat<H>) => boolean, nowMs: number): WeightedSeat<H> | undefined {
    let best: WeightedSeat<H> | undefined;
    let total = 0;
    for (const seat of this.seats) {
      if (!isOpen(seat)) continue;
      const weight = this.weightOf(seat, nowMs);
      seat.credit += weight;
      total += weight;
      if (!best || seat.credit > best.credit) best = seat;
    }
    if (best) best.credit -= total;
    return best;
  }
}
