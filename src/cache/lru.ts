import type { Bounds, EvictionPolicy, Evictor } from './eviction-policy.ts';
import { FREE, SegmentedLists, WINDOW } from './segmented-lists.ts';

/**
 * Keeps what was used last. Smaller than {@link tinyLfu}, and right where old entries are never asked for again;
 * one scan of many keys throws everything else out.
 *
 * @example
 * ```ts
 * import { createCache, lru } from 'holdfast/cache';
 *
 * const cache = createCache<string, number>({ maxEntries: 2, policy: lru() });
 * for (const key of ['a', 'b', 'a', 'c']) cache.set(key, 1);
 * console.log(cache.has('a'), cache.has('b')); // true false
 * ```
 */
export function lru(): EvictionPolicy {
  return { name: 'lru', create: (bounds) => new Lru(bounds) };
}

class Lru implements Evictor {
  readonly usesHash: boolean = false;
  readonly #lists: SegmentedLists;

  constructor({ isWeighted }: Bounds) {
    this.#lists = new SegmentedLists(isWeighted);
  }

  get weight(): number {
    return this.#lists.weight;
  }

  grow(slots: number): void {
    this.#lists.grow(slots);
  }

  add(slot: number, _hash: number, weight: number): void {
    this.#lists.insert(slot, WINDOW, weight);
  }

  hit(slot: number): void {
    if (this.#lists.segment[slot] !== FREE) this.#lists.move(slot, WINDOW);
  }

  remove(slot: number): void {
    this.#lists.unlink(slot);
  }

  reweigh(slot: number, weight: number): void {
    this.#lists.reweigh(slot, weight);
  }

  victim(): number {
    return this.#lists.lastWeighty(WINDOW);
  }
}
