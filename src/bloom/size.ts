import { integer, oneOf, refuse } from '../core/check.ts';

/** Where the bits of a key stand: all in one 512-bit block, which is one cache line, or anywhere. */
export type BloomLayout = 'blocked' | 'standard';

/** What {@link bloomSize} computes from. */
export interface BloomSizeOptions {
  /** Distinct keys that the filter is to hold. */
  readonly capacity: number;
  /** Share of absent keys that may be reported as present once `capacity` keys are in, from 1e-15 up to below 1. */
  readonly falsePositiveRate: number;
  /**
   * `blocked` reads one cache line per key and takes more memory for the same rate: 5 % at 1e-2,
   * 9 % at 1e-3, 36 % at 1e-6. `standard` takes the least.
   *
   * @defaultValue 'blocked'
   */
  readonly layout?: BloomLayout | undefined;
}

/** What a filter takes. */
export interface BloomSize {
  readonly bits: number;
  /** Bits tested per key. */
  readonly hashes: number;
  /** Memory, which is also the size of `toBytes()`. */
  readonly bytes: number;
  /** Share of absent keys reported as present once `capacity` keys are in. */
  readonly expectedRate: number;
}

/** Bits of a block. */
export const BLOCK = 512;

/**
 * Bytes before the bits, which say what they mean. Not 64: glibc puts large memory 16 bytes after the start of a page,
 * so that this way, on most servers, a block is one cache line and not parts of two.
 */
export const HEADER = 48;

/** Bytes after the bits: their checksum. */
export const TRAILER = 16;

/** Positions are 32-bit numbers. */
const MOST_BITS = 2 ** 32;

/** What is kept in hand, because the bits that a set of keys happens to hit are a little more or fewer than expected. */
const MARGIN = 0.97;

/** Memory that blocked filters, which are there for speed, spend on testing a bit or two less per key. */
const SLACK = 1.005;

/** A rate below what 96 bits of hash can keep at the largest size is refused long before. */
const LEAST_RATE = 1e-15;

/**
 * The smallest filter that keeps a rate, from the exact occupancy of its bits instead of the usual
 * approximation, so that tiny filters keep theirs too. Same options, same result, on every engine.
 *
 * @throws RangeError when an option is out of its bounds, or together they need more than 2^32 bits.
 */
export function bloomSize(options: BloomSizeOptions): BloomSize {
  const { capacity, falsePositiveRate, layout = 'blocked' } = options;
  integer('capacity', capacity, 1);
  checkRate(falsePositiveRate);
  const isBlocked = oneOf('layout', layout, ['blocked', 'standard']) === 'blocked';
  // A filter without blocks is one block of all its bits.
  const target = falsePositiveRate * MARGIN;
  let size = smallest(32, 1, 1, (bits, hashes) => rateOf(capacity, 1, bits, hashes), target);
  if (isBlocked && size) {
    // No blocked filter is smaller than the standard one.
    const from = Math.max(1, Math.floor(size.bits / BLOCK));
    const rate = (bits: number, hashes: number): number => rateOf(capacity, bits / BLOCK, BLOCK, hashes);
    size = smallest(BLOCK, from, size.hashes, rate, target);
  }
  return size ?? refuse('capacity', `small enough for 2^32 bits at a rate of ${falsePositiveRate}`, capacity);
}

/** A rate that filters can keep. */
export function checkRate(rate: number): number {
  return typeof rate === 'number' && rate >= LEAST_RATE && rate < 1
    ? rate
    : refuse('falsePositiveRate', `a number of at least ${LEAST_RATE} and below 1`, rate);
}

/** A rate that filters made of several filters can keep, where each has a part of it. */
export function checkWholeRate(rate: number): number {
  return checkRate(rate) < 1e-12 ? refuse('falsePositiveRate', 'a number of at least 1e-12', rate) : rate;
}

/** What 64 bits of keyed hash can keep: two keys in `capacity` that share all of them add less than a hundredth to it. */
export function floorOf(capacity: number): number {
  return capacity / 2 ** 57;
}

export function checkFloor(rate: number, capacity: number): void {
  const floor = floorOf(capacity);
  if (rate < floor) refuse('falsePositiveRate', `at least ${floor} for so many keys with a secret`, rate);
}

/** The least multiple of `unit` bits, from `from` units on, that keeps `target` with the best number of hashes. */
function smallest(
  unit: number,
  from: number,
  hashes: number,
  rate: (bits: number, hashes: number) => number,
  target: number,
): BloomSize | undefined {
  const most = MOST_BITS / unit;
  const rateAt = (units: number): number => {
    let best = rate(units * unit, hashes);
    for (const step of [1, -1]) {
      for (let next = rate(units * unit, hashes + step); next < best; next = rate(units * unit, hashes + step)) {
        best = next;
        hashes += step;
      }
    }
    return best;
  };
  let low = from;
  let high = from;
  while (rateAt(high) > target) {
    if (high === most) return undefined;
    low = high;
    high = Math.min(high * 2, most);
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (rateAt(middle) > target) low = middle;
    else high = middle;
  }
  // Fewer bits per key are quicker to test: as few as still keep the rate.
  if (unit === BLOCK) high = Math.min(Math.floor(high * SLACK), most);
  rateAt(high);
  while (rate(high * unit, hashes - 1) <= target) hashes--;
  const expectedRate = rate(high * unit, hashes);
  return { bits: high * unit, hashes, bytes: HEADER + (high * unit) / 8 + TRAILER, expectedRate };
}

/**
 * The share of absent keys that `blocks` blocks of `size` bits report as present after `keys` keys of
 * `hashes` bits: the mean over the binomial number of keys in a block. Only operations that IEEE 754
 * fixes to the bit, so no `Math.exp` or `Math.pow`.
 */
function rateOf(keys: number, blocks: number, size: number, hashes: number): number {
  // A filter that tests nothing reports everything.
  if (hashes < 1) return 1;
  const clear = power(1 - 1 / size, hashes);
  const clearPair = power(1 - 2 / size, hashes);
  const rateWith = (load: number): number => reported(power(clear, load), power(clearPair, load), size, hashes);
  if (blocks === 1) return rateWith(keys);
  const mode = Math.floor((keys + 1) / blocks);
  const odds = 1 / (blocks - 1);
  let weights = 0;
  let sum = 0;
  for (const step of [1, -1]) {
    let weight = 1;
    // Beyond no key and all of them the weight is 0.
    for (let load = mode; weight > 1e-17; load += step) {
      // The mode belongs to the way up.
      if (step > 0 || load < mode) {
        weights += weight;
        sum += weight * rateWith(load);
      }
      weight *= step > 0 ? ((keys - load) / (load + 1)) * odds : load / ((keys - load + 1) * odds);
    }
  }
  return sum / weights;
}

/**
 * The mean of fill^hashes when the share `none` of single bits and the share `neither` of pairs of
 * bits is expected to be clear: the power of the mean, corrected for the variance of the fill.
 */
function reported(none: number, neither: number, size: number, hashes: number): number {
  const fill = 1 - none;
  if (fill <= 0) return 0;
  const variance = Math.max(0, (1 - 1 / size) * neither + none / size - none * none);
  const excess = (((hashes * (hashes - 1)) / 2) * variance) / (fill * fill);
  return power(fill, hashes) * power(1 + excess / 64, 64);
}

/** `base` to a whole power, by squaring. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (; exponent > 0; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2 === 1) result *= base;
    base *= base;
  }
  return result;
}
