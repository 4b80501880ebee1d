import { FIRST_SLOT } from './eviction-policy.ts';

export const WINDOW = 0;
export const PROBATION = 1;
export const PROTECTED = 2;
/** The segment of a slot that holds nothing. */
export const FREE = 3;

/** Uses of a slot that are counted. */
export const MOST_USES = 15;
/** Set in the uses of a slot that is watched: its key is in the sample of the shadow caches. */
export const WATCHED = 128;

/** Three lists of slots, most recently used first, with the weight of each. */
export class SegmentedLists {
  readonly weights: [number, number, number] = [0, 0, 0];
  segment: Uint8Array;
  hashes: Int32Array;
  /** How often each was used since it was looked at last, up to {@link MOST_USES}; more in slots that are watched. */
  uses: Uint8Array;
  #next: Uint32Array;
  #previous: Uint32Array;
  #weight: Float64Array | undefined;

  constructor(isWeighted: boolean, slots: number = FIRST_SLOT) {
    this.segment = new Uint8Array(slots).fill(FREE);
    this.hashes = new Int32Array(slots);
    this.uses = new Uint8Array(slots);
    this.#next = new Uint32Array(slots);
    this.#previous = new Uint32Array(slots);
    if (isWeighted) this.#weight = new Float64Array(slots);
    for (let list = 0; list < FIRST_SLOT; list++) this.#next[list] = this.#previous[list] = list;
  }

  get weight(): number {
    return this.weights[WINDOW] + this.weights[PROBATION] + this.weights[PROTECTED];
  }

  grow(slots: number): void {
    const from = this.segment.length;
    this.segment = enlarged(this.segment, new Uint8Array(slots));
    this.segment.fill(FREE, from);
    this.hashes = enlarged(this.hashes, new Int32Array(slots));
    this.uses = enlarged(this.uses, new Uint8Array(slots));
    this.#next = enlarged(this.#next, new Uint32Array(slots));
    this.#previous = enlarged(this.#previous, new Uint32Array(slots));
    if (this.#weight) this.#weight = enlarged(this.#weight, new Float64Array(slots));
  }

  weightOf(slot: number): number {
    return this.#weight ? this.#weight[slot]! : 1;
  }

  /** The one that was used longest ago; a number below {@link FIRST_SLOT} when there is none. */
  last(list: number): number {
    return this.#previous[list]!;
  }

  /** Like {@link last}, but of those with a weight: to drop one without frees nothing, so it goes to the front. */
  lastWeighty(list: number): number {
    const first = this.last(list);
    let slot = first;
    while (slot >= FIRST_SLOT && this.weightOf(slot) === 0) {
      this.move(slot, list);
      slot = this.last(list);
      if (slot === first) return 0;
    }
    return slot < FIRST_SLOT ? 0 : slot;
  }

  insert(slot: number, list: number, weight: number): void {
    if (this.#weight) this.#weight[slot] = weight;
    this.weights[list]! += weight;
    this.#link(slot, list);
  }

  unlink(slot: number): void {
    this.weights[this.segment[slot]!]! -= this.weightOf(slot);
    this.#cut(slot);
    this.segment[slot] = FREE;
  }

  reweigh(slot: number, weight: number): void {
    this.weights[this.segment[slot]!]! += weight - this.weightOf(slot);
    if (this.#weight) this.#weight[slot] = weight;
  }

  /** To the front of `list`. */
  move(slot: number, list: number): void {
    const from = this.segment[slot]!;
    if (from !== list) {
      const weight = this.weightOf(slot);
      this.weights[from]! -= weight;
      this.weights[list]! += weight;
    }
    this.#cut(slot);
    this.#link(slot, list);
  }

  #link(slot: number, list: number): void {
    const first = this.#next[list]!;
    this.segment[slot] = list;
    this.#next[slot] = first;
    this.#previous[slot] = list;
    this.#next[list] = slot;
    this.#previous[first] = slot;
  }

  #cut(slot: number): void {
    const next = this.#next[slot]!;
    const previous = this.#previous[slot]!;
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }
}

function enlarged<A extends Uint8Array | Int32Array | Uint32Array | Float64Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
