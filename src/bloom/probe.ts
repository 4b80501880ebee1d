import type { Hash128 } from '../core/hash.ts';
import type { Header } from './header.ts';
import { BLOCK } from './size.ts';

/*
 * Where the bits of a key stand; fixed by version 1 of the byte format (docs/formats/bloom.md).
 *
 * All positions come from a generator x <- x * 0x9e3779b1 + step on 32 bits, whose upper bits are used
 * (2^32 / golden ratio, made odd; a literal for V8's sake, as in core/hash.ts). Blocked: the first
 * word of the hash picks the block, the second starts x, the third is the step. Standard: the words are x, the step,
 * and what the step grows by. So 96 bits of hash, or 64 with a secret, tell two keys apart, and a rate does not rot at millions of keys as
 * it does with two or three 32-bit hashes derived from one.
 */

/** Where the bits of keys stand in a filter. */
export interface Places {
  /** Bits per key. */
  readonly hashes: number;
  /** Blocks of a blocked filter, 0 of one without blocks. */
  readonly blocks: number;
  /** What scales 32 bits of hash to the number of a block, or of a bit of a filter without blocks. */
  readonly scale: number;
}

/** The bits of a filter. */
export interface Bits extends Places {
  readonly words: Int32Array;
  /** Whether other threads set bits too. */
  readonly isShared: boolean;
}

/** The places of filters with this header. */
export function placesOf({ bits, hashes, isBlocked }: Pick<Header, 'bits' | 'hashes' | 'isBlocked'>): Places {
  const blocks = isBlocked ? bits / BLOCK : 0;
  return { hashes, blocks, scale: (blocks || bits) / 2 ** 32 };
}

/**
 * The first word of the block of a key. Up to 2^16 blocks in whole numbers, 16 bits of hash at a time: the same, and
 * sooner done.
 */
function blockOf({ scale, blocks }: Places, a: number): number {
  return blocks > 0xffff
    ? (((a >>> 0) * scale) | 0) << 4
    : ((Math.imul(a >>> 16, blocks) + (Math.imul(a & 0xffff, blocks) >>> 16)) >>> 16) << 4;
}

/** Whether every bit of the key is set. */
export function testBits(bits: Bits, { a, b, c }: Hash128): boolean {
  const { words, hashes } = bits;
  if (!bits.blocks) return testAnywhere(bits, a, b, c);
  const block = blockOf(bits, a);
  let left = hashes;
  // Three bits for one branch: half the bits are set, so a branch for each would be mispredicted for most absent keys.
  for (; left >= 3; left -= 3) {
    // The upper four bits pick the word in the block, the next five the bit: shifts look at the last five only.
    let set = words[block | (b >>> 28)]! >>> (b >>> 23);
    b = (Math.imul(b, 0x9e3779b1) + c) | 0;
    set &= words[block | (b >>> 28)]! >>> (b >>> 23);
    b = (Math.imul(b, 0x9e3779b1) + c) | 0;
    set &= words[block | (b >>> 28)]! >>> (b >>> 23);
    if ((set & 1) === 0) return false;
    b = (Math.imul(b, 0x9e3779b1) + c) | 0;
  }
  for (; left > 0; left--) {
    if (((words[block | (b >>> 28)]! >>> (b >>> 23)) & 1) === 0) return false;
    b = (Math.imul(b, 0x9e3779b1) + c) | 0;
  }
  return true;
}

function testAnywhere({ words, hashes, scale }: Bits, x: number, step: number, growth: number): boolean {
  for (let left = hashes; left > 0; left--) {
    const at = ((x >>> 0) * scale) >>> 0;
    if ((words[at >>> 5]! & (1 << at)) === 0) return false;
    x = (Math.imul(x, 0x9e3779b1) + step) | 0;
    step = (step + growth) | 0;
  }
  return true;
}

/**
 * Reads the cache line of the key, without waiting for it: a loop of nothing else has many of them under way when the
 * tests come. The fourth word of the hash, which is of no more use, takes what was read, or the reading is optimised away.
 */
export function touch(bits: Bits, hash: Hash128): void {
  if (bits.blocks) hash.d = bits.words[blockOf(bits, hash.a)]!;
}

/** Sets the bits of the key; whether any of them was clear. */
export function setBits(bits: Bits, { a, b, c }: Hash128): boolean {
  const { words, hashes, scale, blocks, isShared } = bits;
  // 0 without blocks, where the number of a bit is its place among all.
  const block = blockOf(bits, a);
  let x = blocks ? b : a;
  let step = blocks ? c : b;
  // Its lowest bit stays 1 while every bit was set. Written without a branch, as nobody can foretell which were.
  let were = 1;
  for (let left = hashes; left > 0; left--) {
    const at = blocks ? x >>> 23 : ((x >>> 0) * scale) >>> 0;
    const word = block | (at >>> 5);
    const before = isShared ? setShared(words, word, 1 << at) : words[word]!;
    if (!isShared) words[word] = before | (1 << at);
    were &= before >>> at;
    x = (Math.imul(x, 0x9e3779b1) + step) | 0;
    if (!blocks) step = (step + c) | 0;
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
export function positionsOf(places: Places, { a, b, c }: Hash128): number[] {
  const { hashes, scale, blocks } = places;
  const first = blocks ? blockOf(places, a) * 32 : 0;
  let x = blocks ? b : a;
  let step = blocks ? c : b;
  const positions: number[] = [];
  while (positions.length < hashes) {
    positions.push(blocks ? first + (x >>> 23) : Math.floor((x >>> 0) * scale));
    x = (Math.imul(x, 0x9e3779b1) + step) | 0;
    if (!blocks) step = (step + c) | 0;
  }
  return positions;
}
