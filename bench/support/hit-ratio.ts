import type { EvictionPolicy } from '../../src/cache/index.ts';
import { createCache } from '../../src/cache/index.ts';
import { createSeededRandom } from '../../src/testing/index.ts';
import type { Trace } from './traces.ts';

/** Share of the accesses that a cache of `maxEntries` would have answered. */
export function hitRate(keys: Uint32Array, maxEntries: number, policy: EvictionPolicy, seed = 1): number {
  const cache = createCache<number, true>({ maxEntries, policy, random: createSeededRandom(seed) });
  for (const key of keys) if (cache.get(key) === undefined) cache.set(key, true);
  const { hits, misses } = cache.stats();
  return hits / (hits + misses);
}

/**
 * The most that any cache could answer: it knows the future, drops what is asked for again last (Belady 1966), and lets
 * a key pass that would be that.
 */
export function optimum(keys: Uint32Array, maxEntries: number): number {
  const next = nextUses(keys);
  const kept = new Map<number, number>();
  const queue = new LatestFirst();
  let hits = 0;
  for (const [at, key] of keys.entries()) {
    if (kept.has(key)) hits++;
    kept.set(key, next[at]!);
    queue.push(next[at]!, key);
    // What was asked for meanwhile is in the queue twice; the older time is no longer that of the key.
    while (kept.size > maxEntries) {
      const last = queue.pop();
      if (kept.get(last.key) === last.time) kept.delete(last.key);
    }
  }
  return hits / keys.length;
}

/** For each access, when its key is asked for next. */
function nextUses(keys: Uint32Array): Uint32Array {
  const next = new Uint32Array(keys.length);
  const seen = new Map<number, number>();
  for (let at = keys.length - 1; at >= 0; at--) {
    next[at] = seen.get(keys[at]!) ?? keys.length + 1;
    seen.set(keys[at]!, at);
  }
  return next;
}

interface Timed {
  readonly time: number;
  readonly key: number;
}

/** A binary heap, the latest time on top. */
class LatestFirst {
  readonly #heap: Timed[] = [];

  push(time: number, key: number): void {
    const heap = this.#heap;
    let at = heap.push({ time, key }) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.time >= time) break;
      [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
      at = parent;
    }
  }

  pop(): Timed {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    heap[0] = last;
    for (let at = 0; ;) {
      let child = 2 * at + 1;
      if (child >= heap.length) return top;
      if (child + 1 < heap.length && heap[child + 1]!.time > heap[child]!.time) child++;
      if (heap[at]!.time >= heap[child]!.time) return top;
      [heap[at], heap[child]] = [heap[child]!, heap[at]!];
      at = child;
    }
  }
}

/** One trace in one size of cache: what each policy answers, by name, and the optimum. */
export interface Cell {
  readonly name: string;
  readonly size: number;
  readonly rates: readonly number[];
  readonly optimum: number;
}

export function cellsOf(traces: readonly Trace[], policies: readonly EvictionPolicy[]): Cell[] {
  return traces.flatMap(({ name, keys, sizes }) =>
    sizes.map((size) => ({
      name,
      size,
      rates: policies.map((policy) => hitRate(keys, size, policy)),
      optimum: optimum(keys, size),
    })),
  );
}

export const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
