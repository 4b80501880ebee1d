import { FIRST_SLOT } from './eviction-policy.ts';
import { FrequencySketch } from './frequency-sketch.ts';
import { SlotLists } from './slot-lists.ts';
import { WindowTinyLfu } from './window-tiny-lfu.ts';

/** Sizes of the window that are tried, as shares of the whole: from all frequency to all recency. */
const SHARES: readonly number[] = [0.01, 0.25, 0.7, 1];
/** A shadow has this many entries at most. */
const MOST_ENTRIES = 64;
/** More than one key in eight is sampled only where a shadow would have fewer entries than this. */
const FEW_ENTRIES = 16;
const USUAL_RATE = 0.125;
/** Accesses for each entry of a shadow after which the shares are compared again. */
const EPOCH = 4;
/** Fewer accesses would tell chance from merit too seldom. */
const LEAST_EPOCH = 64;
/** What hits of the epoch before still count. */
const DECAY = 0.75;

/** A small cache of hashes, which only counts how often it would have hit. */
class Shadow {
  readonly #slots = new Map<number, number>();
  readonly #cache: WindowTinyLfu;
  readonly #lists: SlotLists;
  readonly #capacity: number;
  /** The slot of the last victim. */
  #vacant = 0;
  hits: number = 0;

  constructor(capacity: number, share: number, sketch: FrequencySketch, random: () => number) {
    this.#capacity = capacity;
    this.#lists = new SlotLists(false, capacity + 1 + FIRST_SLOT);
    this.#cache = new WindowTinyLfu(this.#lists, capacity, sketch, random);
    this.#cache.resize(share);
  }

  access(hash: number): void {
    const found = this.#slots.get(hash);
    if (found !== undefined) {
      this.hits++;
      this.#cache.touch(found);
      return;
    }
    const { size } = this.#slots;
    const slot = this.#vacant || FIRST_SLOT + size;
    this.#vacant = 0;
    this.#slots.set(hash, slot);
    this.#cache.add(slot, hash, 1);
    if (size < this.#capacity) return;
    const victim = this.#cache.victim();
    this.#slots.delete(this.#lists.hashes[victim]!);
    this.#lists.cut(victim);
    this.#vacant = victim;
  }
}

/*
 * What hit ratio each size of the window would have: small caches that see a sample of the keys, as a big cache sees all
 * (Waldspurger et al., "Cache modeling and optimization using miniature simulations", 2017).
 */
export class ShadowCaches {
  readonly #shadows: readonly Shadow[];
  readonly #sketch: FrequencySketch;
  /** Hashes below this are in the sample. */
  readonly #sampleBelow: number;
  readonly #epoch: number;
  readonly #scores: number[] = SHARES.map(() => 0);
  #accesses = 0;
  #chosen = 0;

  constructor(entries: number, random: () => number) {
    let rate = 1;
    while (entries * rate > (rate > USUAL_RATE ? FEW_ENTRIES : MOST_ENTRIES)) rate /= 2;
    const capacity = Math.max(1, Math.round(entries * rate));
    this.#sampleBelow = rate * 2 ** 32;
    this.#epoch = Math.max(LEAST_EPOCH, EPOCH * capacity);
    this.#sketch = new FrequencySketch(capacity);
    this.#shadows = SHARES.map((share) => new Shadow(capacity, share, this.#sketch, random));
  }

  /** Whether keys of this hash are in the sample. */
  samples(hash: number): boolean {
    return Math.imul(hash, 0x9e3779b1) >>> 0 < this.#sampleBelow;
  }

  /** A key of the sample was asked for. Answers the share to be used from now on, when that changes. */
  access(hash: number): number | undefined {
    this.#sketch.add(hash, 1);
    for (const shadow of this.#shadows) shadow.access(hash);
    if (++this.#accesses < this.#epoch) return undefined;
    this.#accesses = 0;
    let best = this.#chosen;
    for (const [k, shadow] of this.#shadows.entries()) {
      this.#scores[k] = this.#scores[k]! * DECAY + shadow.hits;
      shadow.hits = 0;
    }
    for (let k = 0; k < this.#scores.length; k++) if (this.#scores[k]! > this.#scores[best]!) best = k;
    this.#chosen = best;
    return SHARES[best];
  }
}
