import type { BloomKey, BloomSize } from '../../src/bloom/index.ts';
import type { Membership } from './rates.ts';

/** Which bits of `bits` a hash of 32 bits gives a key. */
export type PositionsOf = (hash: number, bits: number, hashes: number) => readonly number[];

function mix(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

/** A good hash, but of 32 bits. */
function hash32(key: BloomKey): number {
  const text = String(key);
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = mix(Math.imul(hash, 0x01000193) ^ text.charCodeAt(at));
  return hash;
}

/** As peers with a 32-bit hash do at their best: positions that look independent, all of them from one word. */
export const from32Bits: PositionsOf = (hash, bits, hashes) => {
  const positions: number[] = [];
  for (let x = hash; positions.length < hashes; x = mix(x + 0x9e3779b9))
    positions.push(Math.floor((x / 2 ** 32) * bits));
  return positions;
};

/** As `@libp2p/utils` 7.4.1: asks for a hash of each seed, and gets the same one every time. */
export const ignoringSeeds: PositionsOf = (hash, bits, hashes) =>
  Array.from({ length: hashes }, () => Math.floor((hash / 2 ** 32) * bits));

/** A classic filter of the size of ours, whose positions have a flaw that published packages had. */
export function createFlawedFilter({ bits, hashes }: BloomSize, positionsOf: PositionsOf): Membership {
  const words = new Int32Array(bits / 32);
  return {
    add: (key) => positionsOf(hash32(key), bits, hashes).forEach((at) => (words[at >>> 5]! |= 1 << at)),
    has: (key) => positionsOf(hash32(key), bits, hashes).every((at) => (words[at >>> 5]! >>> at) & 1),
  };
}
