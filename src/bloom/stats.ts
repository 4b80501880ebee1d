import type { BloomStats } from './bloom-filter.ts';
import type { Header } from './header.ts';
import { BLOCK } from './size.ts';

/** Bits set in a word. */
function ones(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Reads off the bits how many keys are in, and what a test of an absent key would find. */
export function measure(words: Int32Array, { bits, hashes, isBlocked, capacity }: Header): BloomStats {
  // A filter without blocks is one block of all its bits.
  const size = isBlocked ? BLOCK : bits;
  const blocks = bits / size;
  let bitsSet = 0;
  let rates = 0;
  for (let at = 0; at < words.length;) {
    let inBlock = 0;
    for (const end = at + size / 32; at < end; at++) inBlock += ones(words[at]!);
    bitsSet += inBlock;
    rates += (inBlock / size) ** hashes;
  }
  // A key leaves a given bit clear unless it falls into the bit's block and one of its hashes on the bit. Where no bit
  // is clear any more, half of one is taken to be.
  const clear = (bits - bitsSet || 0.5) / bits;
  const hit = -Math.expm1(hashes * Math.log1p(-1 / size)) / blocks;
  const estimatedCount = Math.log(clear) / Math.log1p(-hit);
  return {
    bitsSet,
    fillRatio: bitsSet / bits,
    estimatedCount: estimatedCount || 0,
    estimatedFalsePositiveRate: rates / blocks,
    saturated: estimatedCount > capacity,
  };
}
