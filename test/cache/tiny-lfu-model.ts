import { FrequencySketch } from '../../src/cache/frequency-sketch.ts';
import type { Bounds, EvictionPolicy, Evictor } from '../../src/cache/index.ts';

type Section = 'window' | 'probation' | 'protected' | 'pinned';

interface Item {
  readonly slot: number;
  readonly hash: number;
  weight: number;
  section: Section;
  /** Uses since it was looked at last. */
  uses: number;
  isWatched: boolean;
}

/** W-TinyLFU in one list of items, newest first. Every decision looks at all of them. */
class Sections {
  items: Item[] = [];
  sketch: FrequencySketch;
  readonly #maxWeight: number;
  readonly #random: () => number;
  #windowMax = 0;
  #newest: Item | undefined;

  constructor(maxWeight: number, share: number, sketch: FrequencySketch, random: () => number) {
    this.#maxWeight = maxWeight;
    this.sketch = sketch;
    this.#random = random;
    this.resize(share);
  }

  resize(share: number): void {
    this.#windowMax = Math.max(1, this.#maxWeight * share);
  }

  weight(section?: Section): number {
    const counted = this.items.filter((item) => !section || item.section === section);
    return counted.reduce((sum, { weight }) => sum + weight, 0);
  }

  move(item: Item, section: Section): void {
    this.items = [item, ...this.items.filter((other) => other !== item)];
    item.section = section;
  }

  add(slot: number, hash: number, weight: number): Item {
    const item: Item = { slot, hash, weight, section: 'window', uses: 0, isWatched: false };
    this.move(item, weight > 0 ? 'window' : 'pinned');
    this.#newest = item;
    if (this.weight('window') > this.#windowMax && this.weight() <= this.#maxWeight) {
      const last = this.#lastUnused('window')!;
      if (this.#fits(last)) this.move(last, 'probation');
    }
    return item;
  }

  #fits({ weight }: Item): boolean {
    return this.weight('probation') + this.weight('protected') + weight < this.#maxWeight - this.#windowMax + 1;
  }

  touch(item: Item): void {
    const wasOnProbation = item.section === 'probation';
    this.move(item, wasOnProbation ? 'protected' : item.section);
    if (wasOnProbation) this.#demote();
  }

  #demote(): void {
    const most = (this.#maxWeight - this.#windowMax) * 0.8;
    for (let moves = 0; moves < 4 && this.weight('protected') > most; moves++)
      this.move(this.#lastUnused('protected')!, 'probation');
  }

  last(section: Section): Item | undefined {
    return this.items.filter((item) => item.section === section).at(-1);
  }

  #lastUnused(section: Section): Item | undefined {
    for (let looks = 0; looks < 16; looks++) {
      const last = this.last(section);
      if (!last || (last.uses === 0 && (last !== this.#newest || looks === 0))) return last;
      this.sketch.add(last.hash, last.uses);
      last.uses = 0;
      this.touch(last);
    }
    return this.last(section);
  }

  victim(): Item {
    this.#demote();
    const candidate = this.#leaver();
    const last = this.#lastUnused('probation');
    if (candidate && !(last && this.#admits(candidate, last))) return candidate;
    if (candidate) this.move(candidate, 'probation');
    return last ?? this.#lastUnused('protected') ?? this.#lastUnused('window') ?? this.last('pinned')!;
  }

  #leaver(): Item | undefined {
    for (let moves = 1; this.weight('window') > this.#windowMax; moves++) {
      const last = this.#lastUnused('window')!;
      if (moves === 4 || !this.#fits(last) || this.weight('window') - last.weight <= this.#windowMax) return last;
      this.move(last, 'probation');
    }
    return undefined;
  }

  #admits(candidate: Item, last: Item): boolean {
    const frequency = this.sketch.estimate(candidate.hash);
    return frequency > this.sketch.estimate(last.hash) || (frequency > 5 && this.#random() < 1 / 128);
  }
}

const SHARES = [0.01, 0.25, 0.7, 1];

/** What each size of the window would hit in a sample of the keys. */
class Sample {
  readonly #share: number;
  readonly #capacity: number;
  readonly #sketch: FrequencySketch;
  readonly #caches: readonly Sections[];
  #hits = SHARES.map(() => 0);
  #scores = SHARES.map(() => 0);
  #accesses = 0;
  #best = 0;

  constructor(entries: number, random: () => number) {
    const shares = Array.from({ length: 40 }, (_, halvings) => 0.5 ** halvings);
    this.#share = shares.find((share) => entries * share <= (share > 1 / 8 ? 16 : 64))!;
    this.#capacity = Math.max(1, Math.round(entries * this.#share));
    this.#sketch = new FrequencySketch(this.#capacity);
    this.#caches = SHARES.map((share) => new Sections(this.#capacity, share, this.#sketch, random));
  }

  has(hash: number): boolean {
    return Math.imul(hash, 0x9e3779b1) >>> 0 < this.#share * 2 ** 32;
  }

  access(hash: number): number | undefined {
    this.#sketch.add(hash, 1);
    for (const [at, cache] of this.#caches.entries()) {
      const found = cache.items.find((item) => item.hash === hash);
      if (found) {
        this.#hits[at]!++;
        cache.touch(found);
        continue;
      }
      cache.add(0, hash, 1);
      if (cache.items.length <= this.#capacity) continue;
      const victim = cache.victim();
      cache.items = cache.items.filter((item) => item !== victim);
    }
    if (++this.#accesses % Math.max(64, 4 * this.#capacity) !== 0) return undefined;
    this.#scores = this.#scores.map((score, at) => score * 0.75 + this.#hits[at]!);
    this.#hits = SHARES.map(() => 0);
    const most = Math.max(...this.#scores);
    if (this.#scores[this.#best]! < most) this.#best = this.#scores.indexOf(most);
    return SHARES[this.#best];
  }
}

/** What `tinyLfu()` decides, by the plainest means. */
export class PlainTinyLfu implements Evictor {
  readonly usesHash: boolean = true;
  readonly #bounds: Bounds;
  readonly #sections: Sections;
  #sample: Sample | undefined;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#sections = new Sections(bounds.maxWeight, 0.01, new FrequencySketch(1), bounds.random);
  }

  get weight(): number {
    return this.#sections.weight();
  }

  grow(slots: number): void {
    this.#sections.sketch = new FrequencySketch(slots);
  }

  #item(slot: number): Item {
    return this.#sections.items.find((item) => item.slot === slot)!;
  }

  #note(item: Item): void {
    const share = item.isWatched ? this.#sample!.access(item.hash) : undefined;
    if (share) this.#sections.resize(share);
  }

  add(slot: number, hash: number, weight: number): void {
    this.#sections.sketch.add(hash, 1);
    const item = this.#sections.add(slot, hash, weight);
    item.isWatched = this.#sample?.has(hash) === true;
    this.#note(item);
  }

  hit(slot: number): void {
    const item = this.#item(slot);
    item.uses = Math.min(15, item.uses + 1);
    this.#note(item);
  }

  remove(slot: number): void {
    this.#sections.items = this.#sections.items.filter((item) => item.slot !== slot);
  }

  reweigh(slot: number, weight: number): void {
    const item = this.#item(slot);
    if (!this.#bounds.isWeighted || item.weight === weight) return;
    item.weight = weight;
    const section = item.section === 'pinned' ? 'window' : item.section;
    this.#sections.move(item, weight > 0 ? section : 'pinned');
  }

  victim(): number {
    if (!this.#sample) {
      const { items } = this.#sections;
      this.#sample = new Sample(items.length - 1, this.#bounds.random);
      for (const item of items) item.isWatched = this.#sample.has(item.hash);
    }
    return this.#sections.victim().slot;
  }
}

export const plainTinyLfu: EvictionPolicy = { name: 'plain', create: (bounds) => new PlainTinyLfu(bounds) };
