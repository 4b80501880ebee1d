import { amount, integer } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemTime } from '../core/clock.ts';
import type { BloomFilter } from './bloom-filter.ts';
import { createBloomFilter } from './bloom-filter.ts';
import { ByHash } from './by-hash.ts';
import type { BloomHashOptions, BloomKey, KeyHash } from './key.ts';
import type { BloomSizeOptions } from './size.ts';
import { checkFloor, checkWholeRate } from './size.ts';

/** Options of {@link createRotatingBloom}. */
export interface RotatingBloomOptions extends BloomSizeOptions, BloomHashOptions {
  /** Distinct keys added in any `windowMs`. */
  readonly capacity: number;
  /**
   * Share of absent keys that may be reported, all generations together; from 1e-12 up to below 1, with a
   * secret at least `(generations + 1) * capacity / 2^57`.
   */
  readonly falsePositiveRate: number;
  /** How long a key is remembered at the least after its last add. */
  readonly windowMs: number;
  /**
   * Steps in which the window moves, 1 to 64: a key is forgotten after `windowMs * (1 + 1 / generations)`
   * at the latest. Memory is that of `generations + 1` filters.
   *
   * @defaultValue 2
   */
  readonly generations?: number | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Pick<Clock, 'now'> | undefined;
}

/** What {@link TimedFilter.stats} answers. */
export interface TimedStats {
  /** Keys estimated to be in, of each generation, the newest first. */
  readonly estimatedCounts: readonly number[];
  /** Share of absent keys that are reported as present now. */
  readonly estimatedFalsePositiveRate: number;
  /** Whether by its estimate a generation holds more keys than the filter was made for. */
  readonly saturated: boolean;
}

/** A Bloom filter that forgets keys by time. */
export interface TimedFilter {
  /** Memory of all generations. */
  readonly byteLength: number;
  /** Adds a key, or remembers it anew; whether it was new, that is `!has(key)` just before. */
  add(key: BloomKey): boolean;
  /** True for every key added in the last `windowMs`, and for a small share of others. */
  has(key: BloomKey): boolean;
  /** Adds keys; how many were new. */
  addAll(keys: Iterable<BloomKey>): number;
  /** {@link add} for a key hashed by `hashKey`. */
  addHash(hash: KeyHash): boolean;
  /** {@link has} for a key hashed by `hashKey`. */
  hasHash(hash: KeyHash): boolean;
  /** Forgets all keys. */
  clear(): void;
  /** O(bits). */
  stats(): TimedStats;
}

/**
 * Creates a {@link TimedFilter}: deduplication, replay guards and negative caches that forget by
 * themselves. No timer: time is looked at with each call, and the call that finds a generation
 * outlived clears it, O(bits).
 *
 * @example
 * ```ts
 * import { createRotatingBloom } from 'holdfast/bloom';
 *
 * const deliveries = createRotatingBloom({ capacity: 100_000, falsePositiveRate: 1e-6, windowMs: 3_600_000 });
 * const isFirst = deliveries.add('webhook:8f14e45f');
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function createRotatingBloom(options: RotatingBloomOptions): TimedFilter {
  return new GenerationFilter(options);
}

class GenerationFilter extends ByHash implements TimedFilter {
  /** A ring: generation n is at n modulo their number. */
  readonly #filters: readonly BloomFilter[];
  readonly #clock: Pick<Clock, 'now'>;
  readonly #periodMs: number;
  /** Time that has passed since the first call; a reading below the one before adds none. */
  #elapsedMs = 0;
  #lastMs: number | undefined;
  #generation = 0;

  constructor(options: RotatingBloomOptions) {
    super(options);
    const { windowMs, generations = 2, clock = systemTime, falsePositiveRate, ...rest } = options;
    this.#clock = clock;
    this.#periodMs =
      amount('windowMs', windowMs, 1, Number.MAX_SAFE_INTEGER) / integer('generations', generations, 1, 64);
    const length = generations + 1;
    const settings = { ...rest, falsePositiveRate: checkWholeRate(falsePositiveRate) / length };
    if (rest.secret) checkFloor(falsePositiveRate, rest.capacity * length);
    this.#filters = Array.from({ length }, () => createBloomFilter(settings));
  }

  get byteLength(): number {
    return this.#filters.length * this.#filters[0]!.byteLength;
  }

  addHash(hash: KeyHash): boolean {
    const isNew = !this.hasHash(hash);
    this.#filters[this.#generation % this.#filters.length]!.addHash(hash);
    return isNew;
  }

  hasHash(hash: KeyHash): boolean {
    this.#roll();
    for (const filter of this.#filters) if (filter.hasHash(hash)) return true;
    return false;
  }

  clear(): void {
    for (const filter of this.#filters) filter.clear();
  }

  stats(): TimedStats {
    this.#roll();
    const { length } = this.#filters;
    const all = this.#filters.map((_, age) => this.#filters[(this.#generation + length - age) % length]!.stats());
    return {
      estimatedCounts: all.map((each) => each.estimatedCount),
      estimatedFalsePositiveRate: 1 - all.reduce((kept, each) => kept * (1 - each.estimatedFalsePositiveRate), 1),
      saturated: all.some((each) => each.saturated),
    };
  }

  /** Clears the generations that have been outlived. */
  #roll(): void {
    const now = this.#clock.now();
    if (now > (this.#lastMs ?? now)) this.#elapsedMs += now - this.#lastMs!;
    this.#lastMs = now;
    const due = Math.floor(this.#elapsedMs / this.#periodMs);
    const { length } = this.#filters;
    if (due - this.#generation < length) {
      while (this.#generation < due) this.#filters[++this.#generation % length]!.clear();
    } else {
      // Nothing is left to be told apart by time, and no leap of a clock is too long to count from.
      this.clear();
      this.#elapsedMs = this.#generation = 0;
    }
  }
}
