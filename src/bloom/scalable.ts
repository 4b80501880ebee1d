import { amount, integer, refuse } from '../core/check.ts';
import { HoldfastError } from '../core/errors.ts';
import type { BloomFilter } from './bloom-filter.ts';
import { createBloomFilter } from './bloom-filter.ts';
import { ByHash } from './by-hash.ts';
import type { BloomHashOptions, BloomKey, KeyHash } from './key.ts';
import type { BloomLayout, BloomSizeOptions } from './size.ts';
import { bloomSize, checkWholeRate, floorOf } from './size.ts';

/** Options of {@link createScalableBloom}. */
export interface ScalableBloomOptions extends BloomHashOptions {
  /** Distinct keys that the first stage holds. */
  readonly initialCapacity: number;
  /** Share of absent keys that may be reported, however many keys come; from 1e-12 up to below 1. */
  readonly falsePositiveRate: number;
  /**
   * How many times more keys than the one before each stage holds; from above 1 to 16.
   *
   * @defaultValue 2
   */
  readonly growth?: number | undefined;
  /**
   * How the share of false positives of each stage relates to that of the one before, so that all
   * together keep the rate; from 0.1 to 0.99.
   *
   * @defaultValue 0.85, which takes the least memory at a thousand times the initial capacity
   */
  readonly tightening?: number | undefined;
  /**
   * Memory that all stages may take.
   *
   * @defaultValue Infinity
   */
  readonly maxBytes?: number | undefined;
  /** @defaultValue 'blocked' */
  readonly layout?: BloomLayout | undefined;
}

/** What {@link GrowingFilter.stats} answers. */
export interface GrowingStats {
  /** Adds that were told the key was new. */
  readonly count: number;
  readonly stages: number;
  /** Memory of all stages. */
  readonly byteLength: number;
  /** Share of absent keys that are reported as present now. */
  readonly estimatedFalsePositiveRate: number;
}

/** A Bloom filter that grows with its keys. */
export interface GrowingFilter {
  /**
   * Adds a key; whether it was new, that is `!has(key)` just before. Throws a `HoldfastError` of code
   * ERR_BLOOM_FULL, and adds nothing, when the next stage would exceed `maxBytes`, or need more than 2^32 bits.
   */
  add(key: BloomKey): boolean;
  /** True for every key that was added, and for a small share of those that were not. */
  has(key: BloomKey): boolean;
  /** Adds keys; how many were new. Throws as {@link add}, with the keys before the one too many added. */
  addAll(keys: Iterable<BloomKey>): number;
  /** {@link add} for a key hashed by `hashKey`. */
  addHash(hash: KeyHash): boolean;
  /** {@link has} for a key hashed by `hashKey`. */
  hasHash(hash: KeyHash): boolean;
  /** Forgets all keys and gives the memory of all stages but the first back. */
  clear(): void;
  /** O(bits). */
  stats(): GrowingStats;
}

/**
 * Creates a {@link GrowingFilter}, for when nobody knows how many keys will come. After Almeida and
 * others, "Scalable Bloom Filters" (2007): each stage has a tighter rate, so that their sum stays below
 * the one asked for.
 *
 * @example
 * ```ts
 * import { createScalableBloom } from 'holdfast/bloom';
 *
 * const visited = createScalableBloom({ initialCapacity: 10_000, falsePositiveRate: 0.001 });
 * visited.add('https://example.com/');
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function createScalableBloom(options: ScalableBloomOptions): GrowingFilter {
  return new StagedFilter(options);
}

/** A rate below it is no filter's; the few stages that would want one exceed their share by less than it. */
const LEAST_STAGE_RATE = 1e-15;

class StagedFilter extends ByHash implements GrowingFilter {
  readonly #options: ScalableBloomOptions;
  readonly #growth: number;
  readonly #tightening: number;
  readonly #maxBytes: number;
  /** The newest last. */
  #stages: BloomFilter[] = [];
  /** Keys the newest stage has room for. */
  #room = 0;
  #count = 0;
  #bytes = 0;

  constructor(options: ScalableBloomOptions) {
    super(options);
    const { initialCapacity, falsePositiveRate, growth = 2, tightening = 0.85, maxBytes = Infinity } = options;
    integer('initialCapacity', initialCapacity, 1);
    checkWholeRate(falsePositiveRate);
    this.#options = { ...options };
    this.#growth = growth > 1 ? amount('growth', growth, 1, 16) : refuse('growth', 'a number above 1', growth);
    this.#tightening = amount('tightening', tightening, 0.1, 0.99);
    this.#maxBytes = amount('maxBytes', maxBytes, 1);
    this.clear();
  }

  addHash(hash: KeyHash): boolean {
    if (this.hasHash(hash)) return false;
    if (this.#room === 0) this.#grow();
    this.#stages.at(-1)!.addHash(hash);
    this.#room--;
    this.#count++;
    return true;
  }

  hasHash(hash: KeyHash): boolean {
    for (let at = this.#stages.length - 1; at >= 0; at--) if (this.#stages[at]!.hasHash(hash)) return true;
    return false;
  }

  clear(): void {
    this.#stages = [];
    this.#bytes = this.#count = 0;
    this.#grow();
  }

  stats(): GrowingStats {
    let kept = 1;
    for (const stage of this.#stages) kept *= 1 - stage.stats().estimatedFalsePositiveRate;
    return {
      count: this.#count,
      stages: this.#stages.length,
      byteLength: this.#bytes,
      estimatedFalsePositiveRate: 1 - kept,
    };
  }

  #grow(): void {
    const { initialCapacity, falsePositiveRate, layout = 'blocked', seed, secret } = this.#options;
    const stage = this.#stages.length;
    const share = (1 - this.#tightening) * this.#tightening ** stage;
    const capacity = Math.ceil(initialCapacity * this.#growth ** stage);
    const least = secret ? floorOf(capacity) : LEAST_STAGE_RATE;
    const settings = {
      capacity,
      falsePositiveRate: Math.max(falsePositiveRate * share, least, LEAST_STAGE_RATE),
      layout,
    };
    const bytes = this.#bytes + this.#bytesOf(settings);
    if (bytes > this.#maxBytes) {
      throw full(`a filter of ${bytes} bytes would exceed maxBytes of ${this.#maxBytes}`);
    }
    this.#stages.push(createBloomFilter({ ...settings, seed, secret }));
    this.#bytes = bytes;
    this.#room = settings.capacity;
  }

  #bytesOf(settings: BloomSizeOptions): number {
    try {
      return bloomSize(settings).bytes;
    } catch (error) {
      // The options are good, or there were no first stage.
      throw this.#stages.length ? full((error as Error).message) : error;
    }
  }
}

function full(message: string): HoldfastError {
  return new HoldfastError('ERR_BLOOM_FULL', message);
}
