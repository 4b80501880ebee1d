import { HostList, Seat } from './host-list.ts';
import type { Host, Picker, PickerOptions } from './picker.ts';

/**
 * The host with the fewest calls in flight for its weight; those that are equal take turns.
 *
 * O(log hosts) a pick and a release, and one step more for each better host that is passed over.
 *
 * @example
 * ```ts
 * import { createLeastConnections } from 'holdfast/balance';
 *
 * const hosts = createLeastConnections([{ id: 'a' }, { id: 'b' }]);
 * const slow = hosts.pick()!; // a
 * hosts.pick()!.release(); // b, quickly done
 * console.log(slow.id, hosts.pick()!.id); // a b
 * ```
 *
 * @throws RangeError or TypeError for bad hosts or options.
 */
export function createLeastConnections<H extends Host>(hosts: readonly H[], options: PickerOptions<H> = {}): Picker<H> {
  return new LeastConnections<H>(options).filled(hosts);
}

class RankedSeat<H extends Host> extends Seat<H> {
  /** Position in the heap. */
  rank: number = -1;
  /** Calls in flight for each unit of weight. */
  load: number = 0;
  /** Number of the last pick, which makes equals take turns. */
  turn: number = 0;
}

/** A heap of hosts, the next one first. */
class LeastConnections<H extends Host> extends HostList<H, RankedSeat<H>> {
  readonly #heap: RankedSeat<H>[] = [];
  /** Those whose weight still grows. */
  readonly #starting = new Set<RankedSeat<H>>();
  #turn = 0;

  protected override seat(host: H, at: number, sinceMs: number): RankedSeat<H> {
    return new RankedSeat(host, at, sinceMs);
  }

  protected override added(seat: RankedSeat<H>): void {
    const heap = this.#heap;
    if (seat.sinceMs > -Infinity) this.#starting.add(seat);
    seat.rank = heap.push(seat) - 1;
    this.#weigh(seat, seat.sinceMs);
  }

  protected override removed(seat: RankedSeat<H>): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    this.#starting.delete(seat);
    if (last !== seat) {
      heap[seat.rank] = last;
      last.rank = seat.rank;
      this.#settle(last);
    }
    seat.rank = -1;
  }

  protected override choose(isOpen: (seat: RankedSeat<H>) => boolean, nowMs: number): RankedSeat<H> | undefined {
    for (const seat of this.#starting) {
      this.#weigh(seat, nowMs);
      if (nowMs - seat.sinceMs >= this.slowStartMs) this.#starting.delete(seat);
    }
    const seat = this.#first(isOpen);
    if (seat) seat.turn = ++this.#turn;
    return seat;
  }

  /** The best that is open: best first through the heap. */
  #first(isOpen: (seat: RankedSeat<H>) => boolean): RankedSeat<H> | undefined {
    const heap = this.#heap;
    const border = heap[0] ? [heap[0]] : [];
    while (border.length > 0) {
      let best = 0;
      for (let at = 1; at < border.length; at++) if (goesFirst(border[at]!, border[best]!)) best = at;
      const [seat] = border.splice(best, 1);
      if (isOpen(seat!)) return seat;
      for (const below of [heap[2 * seat!.rank + 1], heap[2 * seat!.rank + 2]]) if (below) border.push(below);
    }
    return undefined;
  }

  protected override changed(seat: RankedSeat<H>, nowMs: number): void {
    if (seat.rank >= 0) this.#weigh(seat, nowMs);
  }

  #weigh(seat: RankedSeat<H>, nowMs: number): void {
    seat.load = seat.inFlight / this.weightOf(seat, nowMs);
    this.#settle(seat);
  }

  /** Moves a host up or down to where it belongs. */
  #settle(seat: RankedSeat<H>): void {
    const heap = this.#heap;
    let at = seat.rank;
    for (let up = (at - 1) >> 1; at > 0 && goesFirst(seat, heap[up]!); up = (at - 1) >> 1) {
      this.#place(heap[up]!, at);
      at = up;
    }
    for (let down = 2 * at + 1; down < heap.length; down = 2 * at + 1) {
      if (down + 1 < heap.length && goesFirst(heap[down + 1]!, heap[down]!)) down++;
      if (!goesFirst(heap[down]!, seat)) break;
      this.#place(heap[down]!, at);
      at = down;
    }
    this.#place(seat, at);
  }

  #place(seat: RankedSeat<H>, at: number): void {
    this.#heap[at] = seat;
    seat.rank = at;
  }
}

function goesFirst<H extends Host>(a: RankedSeat<H>, b: RankedSeat<H>): boolean {
  return (a.load - b.load || a.turn - b.turn || a.at - b.at) < 0;
}
