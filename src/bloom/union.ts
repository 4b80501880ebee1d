import { BitFilter, createBitFilter } from './bit-filter.ts';
import type { BloomFilter } from './bloom-filter.ts';

/**
 * The filter of all keys of `a` and `b`, bit for bit as if they had been added to one. It has the
 * capacity of `a`; its `stats()` tell whether it is saturated. There is no intersection, because nobody
 * knows the rate of one.
 *
 * @example
 * ```ts
 * import { createBloomFilter, unionBloom } from 'holdfast/bloom';
 *
 * const options = { capacity: 1000, falsePositiveRate: 0.01 };
 * const monday = createBloomFilter(options);
 * const tuesday = createBloomFilter(options);
 * const both = unionBloom(monday, tuesday);
 * ```
 *
 * @throws RangeError when they differ in bits, hashes, layout, seed or secret; TypeError when one is no filter.
 */
export function unionBloom(a: BloomFilter, b: BloomFilter): BloomFilter {
  if (!(a instanceof BitFilter && b instanceof BitFilter)) {
    throw new TypeError('a and b must be filters that createBloomFilter, loadBloomFilter or attachBloomFilter made');
  }
  const left = a.header;
  const right = b.header;
  for (const setting of ['bits', 'hashes', 'isBlocked'] as const) {
    if (left[setting] !== right[setting]) refusePair(setting, left[setting], right[setting]);
  }
  if (left.hasher.id !== right.hasher.id) refusePair('seed or secret');
  const union = createBitFilter(left, false);
  for (let at = 0; at < union.words.length; at++) union.words[at] = a.words[at]! | b.words[at]!;
  return union;
}

function refusePair(setting: string, left?: string | number | boolean, right?: string | number | boolean): never {
  const got = left === undefined ? '' : `, got ${left} and ${right}`;
  throw new RangeError(`a and b must have the same ${setting}${got}`);
}
