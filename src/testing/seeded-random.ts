import { integer } from '../core/check.ts';
import type { Random } from '../core/random.ts';

/**
 * Creates a source of numbers in [0, 1) that gives the same sequence for the same seed.
 *
 * For tests and simulations, not for secrets. The generator is mulberry32 by Tommy Ettinger
 * (public domain, 2017): 32 bits of state, period 2^32.
 *
 * @param seed - Any integer from 0 to 2^32-1.
 */
export function createSeededRandom(seed: number): Random {
  let state = integer('seed', seed, 0, 2 ** 32 - 1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
