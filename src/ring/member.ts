import { amount, refuse } from '../core/check.ts';
import { hashKey } from './key.ts';

/** A node by name. What else belongs to it, as its address, is the caller's to keep by `id`. */
export interface RingNode {
  /** Any text. Placement depends on it and on nothing like a number in a list. */
  readonly id: string;
  /**
   * Its share in proportion to the others, up to 2^24; 0 owns nothing.
   *
   * @defaultValue 1
   */
  readonly weight?: number | undefined;
  /**
   * Rack, availability zone, host: what fails together.
   *
   * @defaultValue a zone of its own
   */
  readonly zone?: string | undefined;
}

/** A node as checked and hashed. */
export interface Member {
  readonly id: string;
  readonly weight: number;
  readonly zone: string | undefined;
  /** Two hashes of the id, independent of each other: 64 bits tell members apart where 32 would not. */
  readonly a: number;
  readonly b: number;
}

/** More points than this are refused, however they come about. */
export const MAX_POINTS: number = 2 ** 24;

export function memberOf(node: string | RingNode, seed: number): Member {
  const { id, weight = 1, zone } = typeof node === 'string' ? { id: node } : (Object(node) as RingNode);
  if (typeof id !== 'string') refuse('id', 'text', id);
  if (zone !== undefined && typeof zone !== 'string') refuse('zone', 'text', zone);
  amount('weight', weight, 0, MAX_POINTS);
  return { id, weight, zone, a: hashKey(id, seed), b: hashKey(`\0${id}`, seed) };
}

/** A member as its user named it. */
export function nodeOf({ id, weight, zone }: Member): RingNode {
  return { id, weight, ...(zone !== undefined && { zone }) };
}

/** Whether replicas go over zones, or a refusal. */
export function isSpread({ spread = 'node' }: { readonly spread?: 'node' | 'zone' | undefined } = {}): boolean {
  if (spread !== 'node' && spread !== 'zone') refuse('spread', 'one of node, zone', spread);
  return spread === 'zone';
}

/** A number of points, or a refusal when that is too much. */
export function checkPoints(count: number): number {
  return amount('points', count, 0, MAX_POINTS);
}

/** Checks and hashes nodes, which must not share an id. */
export function membersOf(nodes: Iterable<string | RingNode>, seed: number): Member[] {
  const members = new Map<string, Member>();
  for (const node of nodes) {
    const member = memberOf(node, seed);
    if (members.has(member.id)) refuse('id', 'in the ring once', member.id);
    members.set(member.id, member);
  }
  return [...members.values()];
}

/** Whether `x` comes first where both are equal otherwise. */
export function isBefore(x: Member, y: Member): boolean {
  return x.b < y.b || (x.b === y.b && x.id < y.id);
}
