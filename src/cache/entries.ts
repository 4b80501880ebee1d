import type { Evictor } from './eviction-policy.ts';
import { FIRST_SLOT } from './eviction-policy.ts';
import { KeyHasher } from './hash-key.ts';

/** Columns of times, made when the first time is written into them. */
export const FRESH_UNTIL = 0;
export const USED_AT = 1;
export const WRITTEN_AT = 2;
export const REFRESH_AT = 3;
export const RETRY_AT = 4;
export const LOAD_MS = 5;

/*
 * The entries of a cache: a Map from key to slot, and what is known of a slot in arrays, so that an entry costs
 * no object. Tags lead back to their slots, which makes dropping a tag linear in what it drops.
 */
export class Entries<K, V> {
  readonly slots: Map<K, number> = new Map();
  readonly values: (V | undefined)[] = [];
  readonly keys: (K | undefined)[] = [];
  readonly times: (Float64Array | undefined)[] = [];
  readonly evictor: Evictor;
  readonly #hasher = new KeyHasher();
  readonly #vacant: number[] = [];
  readonly #mostSlots: number;
  /** The first slot that was never used. */
  next: number = FIRST_SLOT;
  #room = FIRST_SLOT;
  #tagged: Map<string, Set<number>> | undefined;
  #tags: (readonly string[] | undefined)[] | undefined;

  constructor(evictor: Evictor, maxEntries: number) {
    this.evictor = evictor;
    this.#mostSlots = FIRST_SLOT + maxEntries + 1;
  }

  insert(key: K, value: V | undefined, weight: number): number {
    const slot = this.#vacant.pop() ?? this.#grown();
    this.slots.set(key, slot);
    this.keys[slot] = key;
    this.values[slot] = value;
    this.evictor.add(slot, this.evictor.usesHash ? this.#hasher.hash(key) : 0, weight);
    return slot;
  }

  #grown(): number {
    if (this.next === this.#room) {
      this.#room = Math.min(this.#mostSlots, 2 * this.#room + 10);
      this.evictor.grow(this.#room);
      for (const [column, times] of this.times.entries()) if (times) this.#makeTimes(column).set(times);
    }
    return this.next++;
  }

  #makeTimes(column: number): Float64Array {
    return (this.times[column] = new Float64Array(this.#room).fill(column === FRESH_UNTIL ? Infinity : 0));
  }

  remove(slot: number): void {
    this.slots.delete(this.keys[slot] as K);
    this.keys[slot] = this.values[slot] = undefined;
    if (this.#tags?.[slot]) this.tag(slot, undefined);
    for (let column = 0; column < this.times.length; column++) {
      const times = this.times[column];
      if (times) times[slot] = column === FRESH_UNTIL ? Infinity : 0;
    }
    this.evictor.remove(slot);
    this.#vacant.push(slot);
  }

  time(column: number, slot: number): number {
    const times = this.times[column];
    if (times) return times[slot]!;
    return column === FRESH_UNTIL ? Infinity : 0;
  }

  setTime(column: number, slot: number, ms: number): void {
    if (ms !== this.time(column, slot)) (this.times[column] ?? this.#makeTimes(column))[slot] = ms;
  }

  /** Slots with this tag. */
  tagged(tag: string): Iterable<number> {
    return this.#tagged?.get(tag) ?? [];
  }

  /** Replaces the tags of a slot. */
  tag(slot: number, tags: readonly string[] | undefined): void {
    const before = this.#tags?.[slot];
    if (!before && !tags?.length) return;
    const tagged = (this.#tagged ??= new Map());
    for (const tag of before ?? []) {
      const slots = tagged.get(tag)!;
      slots.delete(slot);
      if (slots.size === 0) tagged.delete(tag);
    }
    const own = tags?.length ? [...new Set(tags)] : undefined;
    for (const tag of own ?? []) {
      const slots = tagged.get(tag);
      if (slots) slots.add(slot);
      else tagged.set(tag, new Set([slot]));
    }
    (this.#tags ??= [])[slot] = own;
  }
}
