import { FIRST_SLOT } from './eviction-policy.ts';
import type { FrequencySketch } from './frequency-sketch.ts';
import type { SlotLists } from './slot-lists.ts';
import { MOST_USES, PINNED, PROBATION, PROTECTED, WINDOW } from './slot-lists.ts';

/** Share of the main space for entries that were asked for again, as in Caffeine. */
const PROTECTED_SHARE = 0.8;

/** Moves that one insertion makes at most, so that a new size of the window costs nobody a stall. */
const MOVES = 4;

/** Used entries that are moved on while an unused one is looked for. */
const LOOKS = 16;

/*
 * Newcomers go through a window, least recently used first out; who leaves it gets into the main space only
 * if it was asked for more often than the one that would have to go. The main space is a segmented LRU. After
 * Einziger, Friedman and Manes, "TinyLFU" (2017).
 */
export class WindowTinyLfu {
  readonly lists: SlotLists;
  sketch: FrequencySketch;
  readonly #maxWeight: number;
  readonly #random: () => number;
  #windowMax = 0;
  #protectedMax = 0;
  /** Who came last had no time to be used, and is more recent than the uses that are noted now. */
  #newest = 0;

  constructor(lists: SlotLists, maxWeight: number, sketch: FrequencySketch, random: () => number) {
    this.lists = lists;
    this.#maxWeight = maxWeight;
    this.sketch = sketch;
    this.#random = random;
  }

  /** Sets the size of the window, 0 to 1 of the whole. It takes effect with the entries that come. */
  resize(share: number): void {
    this.#windowMax = Math.max(1, this.#maxWeight * share);
    this.#protectedMax = (this.#maxWeight - this.#windowMax) * PROTECTED_SHARE;
  }

  add(slot: number, hash: number, weight: number): void {
    const { lists } = this;
    lists.hashes[slot] = hash;
    lists.uses[slot] = 0;
    this.#newest = slot;
    lists.insert(slot, weight);
    // While there is room, who leaves the window need not be judged.
    if (lists.weights[WINDOW]! <= this.#windowMax || lists.weight > this.#maxWeight) return;
    const last = this.#lastUnused(WINDOW);
    if (this.#fits(last)) lists.move(last, PROBATION);
  }

  /** Whether the main space has room of its own for one that leaves the window, so that it need not be judged. */
  #fits(slot: number): boolean {
    const { lists } = this;
    const main = lists.weights[PROBATION]! + lists.weights[PROTECTED]!;
    // Less than one over its share is within it: what is counted in entries has no fractions.
    return main + lists.weightOf(slot) < this.#maxWeight - this.#windowMax + 1;
  }

  /** Notes that an entry was used; uses that lists only count are noted when it is about to go. */
  touch(slot: number): void {
    const { lists } = this;
    const from = lists.list[slot]!;
    lists.move(slot, from === PROBATION ? PROTECTED : from);
    if (from === PROBATION) this.#demote();
  }

  #demote(): void {
    const { lists } = this;
    for (let moves = 0; moves < MOVES && lists.weights[PROTECTED]! > this.#protectedMax; moves++)
      lists.move(this.#lastUnused(PROTECTED), PROBATION);
  }

  /** The last of `list` that was not used since it got there, as in a clock; those that were are moved. */
  #lastUnused(list: number): number {
    const { lists, sketch } = this;
    let last = lists.last(list);
    for (let looks = 0; looks < LOOKS; looks++) {
      // The head of an empty list has none.
      const uses = lists.uses[last]! & MOST_USES;
      if (uses === 0 && (looks === 0 || last !== this.#newest)) break;
      sketch.add(lists.hashes[last]!, uses);
      lists.uses[last]! -= uses;
      this.touch(last);
      last = lists.last(list);
    }
    return last;
  }

  victim(): number {
    const { lists } = this;
    this.#demote();
    const candidate = this.#candidate();
    let last = this.#lastUnused(PROBATION);
    if (candidate) {
      if (last < FIRST_SLOT || !this.#admits(candidate, last)) return candidate;
      lists.move(candidate, PROBATION);
    }
    if (last < FIRST_SLOT) last = this.#lastUnused(PROTECTED);
    if (last < FIRST_SLOT) last = this.#lastUnused(WINDOW);
    return last < FIRST_SLOT ? lists.last(PINNED) : last;
  }

  /** The one that has to leave the window, or 0. Where several have to, after a resize, most need not be judged. */
  #candidate(): number {
    const { lists } = this;
    for (let moves = 1; lists.weights[WINDOW]! > this.#windowMax; moves++) {
      const last = this.#lastUnused(WINDOW);
      if (moves === MOVES || !this.#fits(last) || lists.weights[WINDOW]! - lists.weightOf(last) <= this.#windowMax)
        return last;
      lists.move(last, PROBATION);
    }
    return 0;
  }

  #admits(candidate: number, last: number): boolean {
    const { hashes } = this.lists;
    const frequency = this.sketch.estimate(hashes[candidate]!);
    if (frequency > this.sketch.estimate(hashes[last]!)) return true;
    // A key of few uses is not let in; a popular one sometimes, or who knows the hash could keep others out for good.
    return frequency > 5 && this.#random() < 1 / 128;
  }
}
