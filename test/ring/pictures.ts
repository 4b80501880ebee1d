import type { Ring } from '../../src/ring/index.ts';
import { createRing, diffRings, hashPosition } from '../../src/ring/index.ts';
import { pointsOfModel } from './kit.ts';

/*
 * Where things are to be drawn: a turn is 0 at the top and goes clockwise to 1.
 */

type OwnerAt = (turn: number) => string | undefined;

/** Who owns a turn. */
export function ownerOf(ring: Ring): OwnerAt {
  const { ranges } = diffRings(createRing(), ring);
  return (turn) => {
    const position = Math.floor((turn - Math.floor(turn)) * 2 ** 32);
    return ranges.find(({ start, end }) => start <= position && position <= end)?.to;
  };
}

/** The turn of the first point of a node at or after a key. */
export function pointOf(id: string): number {
  const own = pointsOfModel([{ id }], VNODES, 0).map(({ position }) => position);
  return (own.find((position) => position >= hashPosition(key)) ?? own[0]!) / 2 ** 32;
}

export function apart(one: number, other: number): number {
  const difference = Math.abs(one - other) % 1;
  return Math.min(difference, 1 - difference);
}

/** Few points, so that borders are rare, and more than one of each, so that it matters which is found. */
export const VNODES = 3;
export const nodes: readonly string[] = ['alpha', 'beta', 'gamma'];
export const ring: Ring = createRing({ nodes, vnodes: VNODES });
export const key = 'user:7';
export const found: readonly string[] = ring.getN(key, 3);
export const turnOfKey: number = hashPosition(key) / 2 ** 32;
