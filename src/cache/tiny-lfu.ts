import type { Bounds, EvictionPolicy, Evictor } from './eviction-policy.ts';
import { FrequencySketch } from './frequency-sketch.ts';
import { MOST_USES, SlotLists, WATCHED } from './slot-lists.ts';
import { ShadowCaches } from './shadow-caches.ts';
import { WindowTinyLfu } from './window-tiny-lfu.ts';

/**
 * Keeps what is asked for often or was asked for lately, whichever pays more: W-TinyLFU (Einziger, Friedman and Manes
 * 2017) whose window is chosen while it runs. The default.
 *
 * A hit costs a byte read and a byte written, a new entry a hash of its key and two looks into a sketch of counters.
 *
 * @example
 * ```ts
 * import { createCache, tinyLfu } from 'holdfast/cache';
 *
 * const cache = createCache<number, number>({ maxEntries: 100, policy: tinyLfu() });
 * for (let key = 0; key < 10_000; key++) if (cache.get(key % 200) === undefined) cache.set(key % 200, key);
 * console.log(cache.stats().hits > 0); // true: lru() would never hit in this loop
 * ```
 */
export function tinyLfu(): EvictionPolicy {
  return { name: 'tiny-lfu', create: (bounds) => new TinyLfu(bounds) };
}

class TinyLfu implements Evictor {
  readonly usesHash: boolean = true;
  readonly #bounds: Bounds;
  readonly #lists: SlotLists;
  /** Those of the lists, at hand for every hit. */
  #uses: Uint8Array;
  readonly #main: WindowTinyLfu;
  #sketch: FrequencySketch;
  #shadows: ShadowCaches | undefined;
  #entries = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#lists = new SlotLists(bounds.isWeighted);
    this.#uses = this.#lists.uses;
    this.#sketch = new FrequencySketch(1);
    this.#main = new WindowTinyLfu(this.#lists, bounds.maxWeight, this.#sketch, bounds.random);
    this.#main.resize(0.01);
  }

  get weight(): number {
    return this.#lists.weight;
  }

  grow(slots: number): void {
    this.#lists.grow(slots);
    this.#uses = this.#lists.uses;
    // What was counted until now is forgotten: a cache that still grows has no need of it.
    this.#sketch = new FrequencySketch(slots);
    this.#main.sketch = this.#sketch;
  }

  add(slot: number, hash: number, weight: number): void {
    this.#entries++;
    this.#sketch.add(hash, 1);
    this.#main.add(slot, hash, weight);
    if (this.#shadows?.samples(hash)) {
      this.#uses[slot] = WATCHED;
      this.#shadow(hash);
    }
  }

  /** One byte to read and one to write; what follows from it is done when something has to go. */
  hit(slot: number): void {
    const uses = this.#uses;
    const count = uses[slot]!;
    if (count < MOST_USES) uses[slot] = count + 1;
    else if (count >= WATCHED) this.#watched(slot, count);
  }

  #watched(slot: number, count: number): void {
    if (count < WATCHED + MOST_USES) this.#uses[slot] = count + 1;
    this.#shadow(this.#lists.hashes[slot]!);
  }

  #shadow(hash: number): void {
    const share = this.#shadows!.access(hash);
    if (share) this.#main.resize(share);
  }

  remove(slot: number): void {
    this.#entries--;
    this.#lists.cut(slot);
  }

  reweigh(slot: number, weight: number): void {
    this.#lists.reweigh(slot, weight);
  }

  victim(): number {
    if (!this.#shadows) this.#watch();
    return this.#main.victim();
  }

  #watch(): void {
    const { hashes, uses } = this.#lists;
    // The newcomer is one more than there is room for.
    this.#shadows = new ShadowCaches(this.#entries - 1, this.#bounds.random);
    // Slots that hold nothing included: whoever gets one is judged anew.
    for (const [slot, hash] of hashes.entries()) if (this.#shadows.samples(hash)) uses[slot]! |= WATCHED;
  }
}
