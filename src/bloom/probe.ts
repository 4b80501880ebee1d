import type { Hash128 } from '../core/hash.ts';

/*
 * Where the bits of a key stand; fixed by version 1 of the byte format (docs/formats/bloom.md).
 *
 * All positions come from a generator x <- x * GOLDEN + step on 32 bits, whose upper bits are used. Blocked: the first
 * word of the hash picks the block, the second starts x, the third is the step. Standard: the words are x, the step,
 * and what the step grows by. So 96 bits of hash, or 64 with a secret, tell two keys apart, and a rate does not rot at millions of keys as
 * it does with two or three 32-bit hashes derived from one.
 */

/** 2^32 / golden ratio, made odd. */
const GOLDEN = 0x9e3779b1;

/** The bits of a filter and how they are used. */
export interface Bits {
  readonly words: Int32Array;
  /** Bits per key. */
  readonly hashes: number;
  /** Blocks, or bits of a standard filter, as a share of 2^32: what scales 32 bits of hash to an index. */
  readonly scale: number;
  readonly isBlocked: boolean;
  /** Whether other threads set bits too. */
  readonly isShared: boolean;
}

/** Whether every bit of the key is set. */
export function testBits({ words, hashes, scale, isBlocked }: Bits, { a, b, c }: Hash128): boolean {
  if (!isBlocked) return testAnywhere(words, hashes, scale, a, b, c);
  const block = (((a >>> 0) * scale) | 0) << 4;
  let left = hashes;
  // Three bits for one branch: half the bits are set, so a branch for each would be mispredicted for most absent keys.
  for (; left >= 3; left -= 3) {
    // The upper four bits pick the word in the block, the next five the bit: shifts look at the last five only.
    let set = words[block + (b >>> 28)]! >>> (b >>> 23);
    b = (Math.imul(b, GOLDEN) + c) | 0;
    set &= words[block + (b >>> 28)]! >>> (b >>> 23);
    b = (Math.imul(b, GOLDEN) + c) | 0;
    set &= words[block + (b >>> 28)]! >>> (b >>> 23);
    if ((set & 1) === 0) return false;
    b = (Math.imul(b, GOLDEN) + c) | 0;
  }
  for (; left > 0; left--) {
    if (((words[block + (b >>> 28)]! >>> (b >>> 23)) & 1) === 0) return false;
    b = (Math.imul(b, GOLDEN) + c) | 0;
  }
  return true;
}

function testAnywhere(
  words: Int32Array,
  hashes: number,
  scale: number,
  x: number,
  step: number,
  growth: number,
): boolean {
  for (let left = hashes; left > 0; left--) {
    const at = ((x >>> 0) * scale) >>> 0;
    if ((words[at >>> 5]! & (1 << at)) === 0) return false;
    x = (Math.imul(x, GOLDEN) + step) | 0;
    step = (step + growth) | 0;
  }
  return true;
}

/**
 * Reads the cache line of the key, without waiting for it: a loop of nothing else has many of them under way when the
 * tests come. The fourth word of the hash, which is of no more use, takes what was read, or the reading is optimised away.
 */
export function touch({ words, scale, isBlocked }: Bits, hash: Hash128): void {
  if (isBlocked) hash.d = words[(((hash.a >>> 0) * scale) | 0) << 4]!;
}

/** Sets the bits of the key; whether any of them was clear. */
export function setBits({ words, hashes, scale, isBlocked, isShared }: Bits, { a, b, c }: Hash128): boolean {
  const block = (((a >>> 0) * scale) | 0) << 4;
  // Its lowest bit stays 1 while every bit was set. Written without a branch, as nobody can foretell which were.
  let were = 1;
  if (isBlocked && !isShared) {
    for (let left = hashes; left > 0; left--) {
      const word = block + (b >>> 28);
      const before = words[word]!;
      words[word] = before | (1 << (b >>> 23));
      were &= before >>> (b >>> 23);
      b = (Math.imul(b, GOLDEN) + c) | 0;
    }
    return were === 0;
  }
  let x = isBlocked ? b : a;
  let step = isBlocked ? c : b;
  const growth = isBlocked ? 0 : c;
  for (let left = hashes; left > 0; left--) {
    const at = isBlocked ? x >>> 23 : ((x >>> 0) * scale) >>> 0;
    const word = isBlocked ? block + (at >>> 5) : at >>> 5;
    const before = isShared ? setShared(words, word, 1 << at) : words[word]!;
    if (!isShared) words[word] = before | (1 << at);
    were &= before >>> at;
    x = (Math.imul(x, GOLDEN) + step) | 0;
    step = (step + growth) | 0;
  }
  return were === 0;
}

/*
 * An atomic read first, because a key that is there already needs no write, which would take the cache line from
 * the other threads. Atomic, so that who learns of the key from this thread sees what it saw. Tests read plainly: what
 * was set before the reader synchronised with the setter is visible to it, and bits are never cleared in between.
 */
function setShared(words: Int32Array, word: number, bit: number): number {
  const before = Atomics.load(words, word);
  return before & bit ? before : Atomics.or(words, word, bit);
}

/** The numbers of the bits of a key; what Redis is told. */
export function positionsOf({ hashes, scale, isBlocked }: Omit<Bits, 'words' | 'isShared'>, hash: Hash128): number[] {
  const first = isBlocked ? (((hash.a >>> 0) * scale) | 0) * 512 : 0;
  let x = isBlocked ? hash.b : hash.a;
  let step = isBlocked ? hash.c : hash.b;
  const positions: number[] = [];
  while (positions.length < hashes) {
    positions.push(isBlocked ? first + (x >>> 23) : Math.floor((x >>> 0) * scale));
    x = (Math.imul(x, GOLDEN) + step) | 0;
    if (!isBlocked) step = (step + hash.c) | 0;
  }
  return positions;
}
