import type { Bounds, EvictionPolicy, Evictor } from './eviction-policy.ts';
import { FrequencySketch } from './frequency-sketch.ts';
import { FREE, MOST_USES, SlotLists, WATCHED } from './slot-lists.ts';
import { ShadowCaches } from './shadow-caches.ts';
import { WindowTinyLfu } from './window-tiny-lfu.ts';

export function tinyLfu(): EvictionPolicy {
  return { name: 'tiny-lfu', create: (bounds) => new TinyLfu(bounds) };
}

class TinyLfu implements Evictor {
  readonly usesHash: boolean = true;
  readonly #bounds: Bounds;
  readonly #lists: SlotLists;
  readonly #main: WindowTinyLfu;
  #sketch: FrequencySketch;
  #shadows: ShadowCaches | undefined;
  #entries = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#lists = new SlotLists(bounds.isWeighted);
    this.#sketch = new FrequencySketch(1);
    this.#main = new WindowTinyLfu(this.#lists, bounds.maxWeight, this.#sketch, bounds.random);
    this.#main.resize(0.01);
  }

  get weight(): number {
    return this.#lists.weight;
  }

  grow(slots: number): void {
    this.#lists.grow(slots);
    // What was counted until now is forgotten: a cache that still grows has no need of it.
    this.#sketch = new FrequencySketch(slots);
    this.#main.sketch = this.#sketch;
  }

  add(slot: number, hash: number, weight: number): void {
    this.#entries++;
    this.#sketch.add(hash, 1);
    this.#main.add(slot, hash, weight);
    const { uses } = this.#lists;
    if (this.#shadows?.samples(hash)) {
      uses[slot] = WATCHED;
      this.#shadow(hash);
    }
  }

  /** One byte to read and one to write; what follows from it is done when something has to go. */
  hit(slot: number): void {
    const { uses, hashes } = this.#lists;
    const count = uses[slot]!;
    if (count < MOST_USES) uses[slot] = count + 1;
    else if (count >= WATCHED) {
      if (count < WATCHED + MOST_USES) uses[slot] = count + 1;
      this.#shadow(hashes[slot]!);
    }
  }

  #shadow(hash: number): void {
    const share = this.#shadows!.access(hash);
    if (share) this.#main.resize(share);
  }

  remove(slot: number): void {
    this.#entries--;
    this.#lists.unlink(slot);
  }

  reweigh(slot: number, weight: number): void {
    this.#lists.reweigh(slot, weight);
  }

  victim(): number {
    if (!this.#shadows) this.#watch();
    return this.#main.victim();
  }

  #watch(): void {
    const { hashes, list, uses } = this.#lists;
    this.#shadows = new ShadowCaches(this.#entries, this.#bounds.random);
    for (let slot = 0; slot < uses.length; slot++)
      if (list[slot] !== FREE && this.#shadows.samples(hashes[slot]!)) uses[slot]! |= WATCHED;
  }
}
