import { FIRST_SLOT } from './eviction-policy.ts';
import type { FrequencySketch } from './frequency-sketch.ts';
import type { SegmentedLists } from './segmented-lists.ts';
import { MOST_USES, PROBATION, PROTECTED, WINDOW } from './segmented-lists.ts';

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
  readonly lists: SegmentedLists;
  readonly #maxWeight: number;
  sketch: FrequencySketch;
  readonly #random: () => number;
  #windowMax = 0;
  #protectedMax = 0;
  /** The one that left the window last, while it has not been judged. */
  #candidate = 0;

  constructor(lists: SegmentedLists, maxWeight: number, sketch: FrequencySketch, random: () => number) {
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
    lists.insert(slot, WINDOW, weight);
    this.#candidate = 0;
    for (let moves = 0; moves < MOVES && lists.weights[WINDOW] > this.#windowMax; moves++) {
      const last = this.#lastUnused(WINDOW);
      lists.move(last, PROBATION);
      if (lists.weightOf(last) > 0) this.#candidate = last;
    }
  }

  /** Notes that an entry was used; what {@link SegmentedLists.uses} counts is noted later, when the entry is about to go. */
  touch(slot: number): void {
    const from = this.lists.segment[slot]!;
    this.lists.move(slot, from === WINDOW ? WINDOW : PROTECTED);
    if (from === PROBATION) this.#demote();
  }

  #demote(): void {
    const { lists } = this;
    for (let moves = 0; moves < MOVES && lists.weights[PROTECTED] > this.#protectedMax; moves++)
      lists.move(this.#lastUnused(PROTECTED), PROBATION);
  }

  /** The last of `list` that was not used since it got there, as in a clock; those that were are moved. */
  #lastUnused(list: number): number {
    const { lists, sketch } = this;
    let last = lists.last(list);
    for (let looks = 0; looks < LOOKS; looks++) {
      const uses = lists.uses[last]! & MOST_USES;
      if (uses === 0 || last < FIRST_SLOT) break;
      sketch.add(lists.hashes[last]!, uses);
      lists.uses[last]! -= uses;
      if (list === PROBATION) this.touch(last);
      else lists.move(last, list);
      last = lists.last(list);
    }
    return last;
  }

  remove(slot: number): void {
    if (slot === this.#candidate) this.#candidate = 0;
    this.lists.unlink(slot);
  }

  victim(): number {
    const { lists } = this;
    const candidate = this.#candidate;
    this.#candidate = 0;
    this.#demote();
    for (const list of [PROBATION, PROTECTED, WINDOW]) {
      this.#lastUnused(list);
      const last = lists.lastWeighty(list);
      if (!last) continue;
      return list === PROBATION && candidate && candidate !== last && !this.#admits(candidate, last) ? candidate : last;
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
