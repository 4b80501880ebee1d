import { BitFilter, createBitFilter } from './bit-filter.ts';
import type { BloomFilter } from './bloom-filter.ts';
import type { Header } from './header.ts';

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
  const theirs = settingsOf(b.header);
  for (const [setting, value] of Object.entries(settingsOf(a.header))) {
    if (value !== theirs[setting]) refusePair(`${setting}, got ${value} and ${theirs[setting]}`);
  }
  if (a.header.hasher.id !== b.header.hasher.id) refusePair('seed or secret');
  const union = createBitFilter(a.header, false);
  for (let at = 0; at < union.words.length; at++) union.words[at] = a.words[at]! | b.words[at]!;
  return union;
}

function settingsOf({ bits, hashes, isBlocked }: Header): Record<string, number | string> {
  return { bits, hashes, layout: isBlocked ? 'blocked' : 'standard' };
}

function refusePair(setting: string): never {
  throw new RangeError(`a and b must have the same ${setting}`);
}
