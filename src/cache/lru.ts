import type { Bounds, EvictionPolicy, Evictor } from './eviction-policy.ts';
import { FIRST_SLOT } from './eviction-policy.ts';
import { PINNED, SlotLists, WINDOW } from './slot-lists.ts';

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
  readonly #lists: SlotLists;

  constructor({ isWeighted }: Bounds) {
    this.#lists = new SlotLists(isWeighted);
  }

  get weight(): number {
    return this.#lists.weight;
  }

  grow(slots: number): void {
    this.#lists.grow(slots);
  }

  add(slot: number, _hash: number, weight: number): void {
    this.#lists.insert(slot, weight);
  }

  hit(slot: number): void {
    this.#lists.move(slot, this.#lists.list[slot]!);
  }

  remove(slot: number): void {
    this.#lists.cut(slot);
  }

  reweigh(slot: number, weight: number): void {
    this.#lists.reweigh(slot, weight);
  }

  victim(): number {
    const last = this.#lists.last(WINDOW);
    return last < FIRST_SLOT ? this.#lists.last(PINNED) : last;
  }
}
