import type { Lane, Waiter, WaitOptions } from './wait-queue.ts';
import { WaitQueue } from './wait-queue.ts';

/** A lane in the ring of those that are served in turn. */
interface TurnLane extends Lane {
  readonly name: string;
  before: TurnLane;
  behind: TurnLane;
}

/*
 * A wait queue with named lanes that are served in turn, one waiter each; a lane that is new comes last. First
 * come, first served where there is but one. Priorities are not used. Everything is as cheap as in a
 * `WaitQueue`: the lanes are a ring through themselves, found by name.
 */
export class TurnQueue<W extends Waiter> extends WaitQueue<W> {
  readonly #lanes = new Map<string, TurnLane>();
  #turn: TurnLane | undefined;

  override shift(): W | undefined {
    const lane = this.#turn;
    const waiter = super.shift();
    // Where the lane was left empty, the turn has passed on already.
    if (lane && this.#turn === lane) this.#turn = lane.behind;
    return waiter;
  }

  /** Those who would be served before one who came now and waited in the lane `name`, in their order. */
  *ahead(name: string): Generator<W, void> {
    const places: (Waiter | undefined)[] = [];
    let own = this.#lanes.size;
    for (let lane = this.#turn, at = 0; lane && at < this.#lanes.size; lane = lane.behind, at++) {
      places.push(lane.head);
      if (lane.name === name) own = at;
    }
    for (let at = 0; at !== own || places[at]; at = at < Math.max(own, places.length - 1) ? at + 1 : 0) {
      const waiter = places[at];
      if (!waiter) continue;
      places[at] = waiter.behind;
      yield waiter as W;
    }
  }

  protected override firstLane(): Lane | undefined {
    return this.#turn;
  }

  protected override openLane({ lane: name = '' }: WaitOptions): Lane {
    const turn = this.#turn;
    const known = turn?.name === name ? turn : this.#lanes.get(name);
    if (known) return known;
    const lane = { name, priority: 0, head: undefined, tail: undefined } as Partial<TurnLane> as TurnLane;
    lane.behind = turn ?? lane;
    lane.before = turn?.before ?? lane;
    lane.before.behind = lane.behind.before = lane;
    this.#lanes.set(name, lane);
    this.#turn ??= lane;
    return lane;
  }

  protected override dropLane(lane: TurnLane): void {
    this.#lanes.delete(lane.name);
    lane.before.behind = lane.behind;
    lane.behind.before = lane.before;
    if (this.#turn === lane) this.#turn = lane.behind === lane ? undefined : lane.behind;
  }
}
