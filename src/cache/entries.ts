import type { Evictor } from './eviction-policy.ts';
import { FIRST_SLOT } from './eviction-policy.ts';
import { KeyHasher } from './hash-key.ts';
import { enlarged } from './slot-lists.ts';

/** Times of an entry, in the order in which they are kept. Most caches need the first only. */
export const FRESH_UNTIL = 0;
export const WRITTEN_AT = 1;
export const USED_AT = 2;
export const RETRY_AT = 3;
export const LOAD_MS = 4;
export const ALL_TIMES = 5;

/*
 * The entries of a cache: a Map from key to slot, and what is known of a slot in arrays, so that an entry costs
 * no object. Tags lead back to their slots, which makes dropping a tag linear in what it drops.
 */
export class Entries<K, V> {
  readonly slots: Map<K, number> = new Map();
  values: (V | undefined)[] = [];
  keys: (K | undefined)[] = [];
  readonly evictor: Evictor;
  /** How many times are kept for each entry. */
  readonly stride: number;
  /** The times of all entries; none as long as no entry ever gets out of date. */
  times: Float64Array | undefined;
  /** The first slot that was never used. */
  next: number = FIRST_SLOT;
  readonly #hasher = new KeyHasher();
  readonly #vacant: number[] = [];
  /** One more vacant slot: a list that goes from empty to one and back would be allocated anew each time. */
  #spare = 0;
  readonly #mostSlots: number;
  #room = FIRST_SLOT;
  #tagged: Map<string, Set<number>> | undefined;
  #tags: (readonly string[] | undefined)[] | undefined;

  constructor(evictor: Evictor, maxEntries: number, stride: number) {
    this.evictor = evictor;
    this.stride = stride;
    this.#mostSlots = FIRST_SLOT + maxEntries + 1;
  }

  insert(key: K, value: V | undefined, weight: number): number {
    const { evictor } = this;
    const slot = this.#spare || (this.#vacant.pop() ?? this.#grown());
    this.#spare = 0;
    this.slots.set(key, slot);
    this.keys[slot] = key;
    this.values[slot] = value;
    evictor.add(slot, evictor.usesHash ? this.#hasher.hash(key) : 0, weight);
    return slot;
  }

  #grown(): number {
    if (this.next === this.#room) {
      this.#room = Math.min(this.#mostSlots, 2 * this.#room + 8);
      this.evictor.grow(this.#room);
      this.keys = longer(this.keys, this.#room);
      this.values = longer(this.values, this.#room);
      if (this.times) this.keepTimes();
    }
    return this.next++;
  }

  /** Makes room for times. What had none stays fresh for ever. */
  keepTimes(): void {
    const times = new Float64Array(this.#room * this.stride).fill(Infinity);
    this.times = this.times ? enlarged(this.times, times) : times;
  }

  remove(slot: number): void {
    this.slots.delete(this.keys[slot] as K);
    this.keys[slot] = this.values[slot] = undefined;
    if (this.#tags?.[slot]) this.tag(slot, undefined);
    this.evictor.remove(slot);
    if (this.#spare) this.#vacant.push(this.#spare);
    this.#spare = slot;
  }

  /** Whether there is an entry in this slot. */
  holds(slot: number): boolean {
    return this.slots.get(this.keys[slot] as K) === slot;
  }

  time(slot: number, which: number): number {
    return this.times ? this.times[slot * this.stride + which]! : Infinity;
  }

  setTime(slot: number, which: number, ms: number): void {
    this.times![slot * this.stride + which] = ms;
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

/** A copy with room for `length`: a list that grows by itself reserves half as much again. */
function longer<T>(from: readonly T[], length: number): T[] {
  const to = new Array<T>(length);
  for (let at = 0; at < from.length; at++) to[at] = from[at]!;
  return to;
}
