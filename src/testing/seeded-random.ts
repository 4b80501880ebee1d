import { integer } from '../core/check.ts';
import type { Random } from '../core/random.ts';

/**
 * Creates a source of numbers in [0, 1) that gives the same sequence for the same seed.
 *
 * For tests and simulations, not for secrets. No two seeds begin with the same number, and each of
 * the 2^32 numbers comes once before the sequence repeats.
 *
 * @param seed - Any integer from 0 to 2^32-1.
 *
 * @throws RangeError when it is not.
 */
export function createSeededRandom(seed: number): Random {
  let state = integer('seed', seed, 0, 2 ** 32 - 1);
  return () => {
    // A Weyl sequence, as in SplitMix, by 2^32 / golden ratio, mixed by Christopher Wellons' lowbias32 (public
    // domain, 2018). Both steps can be undone, hence the two promises above.
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x7feb352d);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}
