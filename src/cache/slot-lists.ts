import { FIRST_SLOT } from './eviction-policy.ts';

export const WINDOW = 0;
export const PROBATION = 1;
export const PROTECTED = 2;
/** Entries without weight: to drop one frees nothing, so no list that is searched for victims has them. */
export const PINNED = 3;

/** Uses of a slot that are counted. */
export const MOST_USES = 15;
/** Set in the uses of a slot that is watched: its key is in the sample of the shadow caches. */
export const WATCHED = 128;

/** Lists of slots, most recently used first, with the weight of each. Their heads are the slots below {@link FIRST_SLOT}. */
export class SlotLists {
  readonly weights: Float64Array = new Float64Array(FIRST_SLOT);
  list: Uint8Array;
  hashes: Int32Array;
  /** How often each was used since it was looked at last, up to {@link MOST_USES}; more in slots that are watched. */
  uses: Uint8Array;
  #next: Int32Array;
  #previous: Int32Array;
  #own: Float64Array | undefined;

  constructor(isWeighted: boolean, slots: number = FIRST_SLOT) {
    this.list = new Uint8Array(slots);
    this.hashes = new Int32Array(slots);
    this.uses = new Uint8Array(slots);
    this.#next = new Int32Array(slots);
    this.#previous = new Int32Array(slots);
    if (isWeighted) this.#own = new Float64Array(slots);
    for (let head = 0; head < FIRST_SLOT; head++) this.#next[head] = this.#previous[head] = head;
  }

  get weight(): number {
    return this.weights[WINDOW]! + this.weights[PROBATION]! + this.weights[PROTECTED]!;
  }

  grow(slots: number): void {
    this.list = enlarged(this.list, new Uint8Array(slots));
    this.hashes = enlarged(this.hashes, new Int32Array(slots));
    this.uses = enlarged(this.uses, new Uint8Array(slots));
    this.#next = enlarged(this.#next, new Int32Array(slots));
    this.#previous = enlarged(this.#previous, new Int32Array(slots));
    if (this.#own) this.#own = enlarged(this.#own, new Float64Array(slots));
  }

  weightOf(slot: number): number {
    return this.#own ? this.#own[slot]! : 1;
  }

  /** The one that was used longest ago; a number below {@link FIRST_SLOT} when there is none. */
  last(list: number): number {
    return this.#previous[list]!;
  }

  /** A new one, in front of the window. */
  insert(slot: number, weight: number): void {
    if (this.#own) this.#own[slot] = weight;
    this.#link(slot, weight > 0 ? WINDOW : PINNED, weight);
  }

  reweigh(slot: number, weight: number): void {
    if (!this.#own || this.#own[slot] === weight) return;
    const list = this.list[slot]!;
    this.cut(slot);
    this.#own[slot] = weight;
    this.#link(slot, weight > 0 ? list % PINNED : PINNED, weight);
  }

  /** To the front of `list`. */
  move(slot: number, list: number): void {
    this.cut(slot);
    this.#link(slot, list, this.weightOf(slot));
  }

  #link(slot: number, list: number, weight: number): void {
    const next = this.#next;
    const previous = this.#previous;
    const first = next[list]!;
    this.weights[list]! += weight;
    this.list[slot] = list;
    next[slot] = first;
    previous[slot] = list;
    next[list] = slot;
    previous[first] = slot;
  }

  cut(slot: number): void {
    const next = this.#next;
    const previous = this.#previous;
    const after = next[slot]!;
    const before = previous[slot]!;
    this.weights[this.list[slot]!]! -= this.weightOf(slot);
    next[before] = after;
    previous[after] = before;
  }
}

/** A copy in a longer array. */
export function enlarged<A extends Uint8Array | Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
