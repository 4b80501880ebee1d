import type { BloomKey } from '../../src/bloom/index.ts';
import { chernoffBound } from './families.ts';
import type { KeyFamily } from './families.ts';

/** A set that may report keys that it does not hold: ours, or a flawed one that the same check must refuse. */
export interface Membership {
  add(key: BloomKey): unknown;
  has(key: BloomKey): boolean;
}

/** Keys of one family, some to be added and others to be asked for. */
export interface Keys {
  readonly added: readonly BloomKey[];
  readonly absent: readonly BloomKey[];
}

/** What was asked and what was reported. */
export interface Tally {
  readonly asked: number;
  readonly reported: number;
}

/** Made once and used with many seeds: making keys takes longer than asking for them. */
export function keysOf({ keyOf }: KeyFamily, added: number, absent: number): Keys {
  const keys = Array.from({ length: added + absent }, (_, index) => keyOf(index));
  return { added: keys.slice(0, added), absent: keys.slice(added) };
}

/** Fills a set for each of `seeds` seeds and asks each for all keys that it does not hold. */
export function tally(make: (seed: number) => Membership, { added, absent }: Keys, seeds = 1): Tally {
  let reported = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const set = make(seed);
    for (const key of added) set.add(key);
    for (const key of absent) if (set.has(key)) reported++;
  }
  return { asked: seeds * absent.length, reported };
}

/** All of them together. */
export function pool(tallies: readonly Tally[]): Tally {
  const sum = (of: (one: Tally) => number): number => tallies.reduce((total, one) => total + of(one), 0);
  return { asked: sum((one) => one.asked), reported: sum((one) => one.reported) };
}

/** What measured/target may be: more than this is no chance, but a rate above 1.05 times the target. */
export const MOST_OVER_TARGET = 1.05;

/**
 * Whether as many reports can be those of a rate of at most 1.05 times the target: chance exceeds that once in 10 000
 * times, and the keys are the same in every run, so what passes once passes always.
 */
export function isKept({ asked, reported }: Tally, target: number): boolean {
  return reported <= chernoffBound(asked, MOST_OVER_TARGET * target, 1e-4);
}
