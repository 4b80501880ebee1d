import type { Member } from './member.ts';
import { isBefore, MAX_POINTS } from './member.ts';
import { amount } from '../core/check.ts';

/** Members in the order in which they serve a key, with repetitions: a ring from somewhere on, or a ranking. */
export interface Order {
  readonly members: readonly Member[];
  readonly ids: readonly string[];
  /** Members that own something. */
  readonly live: number;
  /** Indexes of members in the bits of `mask`. The last word is the first again: after it comes the second. */
  readonly words: Uint32Array;
  readonly mask: number;
  /** When each member, and each zone, was seen last, by a clock that only moves on. */
  seen?: Float64Array;
  now: number;
  zones?: Zones;
}

/**
 * Points on a circle of 2^32 positions, sorted. The top bits of a position choose a stretch; a point is one word: the
 * rest of its position above as many bits for its owner. So a lookup touches two cache lines, whatever the size.
 */
export interface Circle extends Order {
  /** Where the points of each stretch begin in `words`. */
  readonly index: Uint32Array;
  /** How many bits of a position choose the stretch. */
  readonly bits: number;
}

interface Zones {
  /** The zone of each member, as a number. */
  readonly of: Uint32Array;
  /** How many zones have more than this many live members. */
  readonly wider: readonly number[];
}

/** Points side by side. */
export interface Points {
  readonly positions: Uint32Array;
  readonly owners: Uint32Array;
}

/** Room for `count` points, or a refusal when that is too much. */
export function makePoints(count: number): Points {
  amount('points', count, 0, MAX_POINTS);
  return { positions: new Uint32Array(count), owners: new Uint32Array(count) };
}

/** Sorts points stretch by stretch; linear, because positions are hashes. */
export function arrange(members: readonly Member[], { positions, owners }: Points): Circle {
  const count = positions.length;
  const bits = bitsFor(count, members.length);
  const shift = 32 - bits;
  const index = new Uint32Array(2 ** bits + 2);
  for (let k = 0; k < count; k++) index[(positions[k]! >>> shift) + 2]!++;
  for (let k = 2; k < index.length; k++) index[k]! += index[k - 1]!;
  const circle = { ...orderOf(members, new Uint32Array(count + 1), 2 ** bits - 1), index, bits };
  for (let k = 0; k < count; k++) {
    const stretch = positions[k]! >>> shift;
    // This counter ends where the next stretch begins, which is where it has to be.
    insert(circle, index[stretch]!, index[stretch + 1]!++, ((positions[k]! << bits) | owners[k]!) >>> 0);
  }
  circle.words[count] = circle.words[0]!;
  return circle;
}

/**
 * Eight stretches a point in a small ring, so that most are empty and the search ends at once; then fewer, since more
 * would not fit into the processor's cache; and bits enough for the owners.
 */
function bitsFor(count: number, members: number): number {
  const zeros = Math.clz32(count);
  return Math.max(Math.min(35 - zeros, Math.max(16, 31 - zeros)), 32 - Math.clz32(members));
}

/** Puts a point into its stretch, which begins at `start` and ends before `at`. */
function insert({ words, members, mask, bits }: Circle, start: number, at: number, word: number): void {
  for (; at > start; at--) {
    const lower = words[at - 1]!;
    const isTie = (lower ^ word) >>> bits === 0;
    if (isTie ? !isBefore(members[word & mask]!, members[lower & mask]!) : lower < word) break;
    words[at] = lower;
  }
  words[at] = word;
}

/** The points in order: the inverse of {@link arrange}. */
export function pointsOf({ index, bits, words, mask }: Circle): Points {
  const points = makePoints(words.length - 1);
  for (let stretch = 0; stretch <= mask; stretch++) {
    for (let at = index[stretch]!; at < index[stretch + 1]!; at++) {
      points.positions[at] = (stretch << (32 - bits)) | (words[at]! >>> bits);
      points.owners[at] = words[at]! & mask;
    }
  }
  return points;
}

export function orderOf(members: readonly Member[], words: Uint32Array, mask: number): Order {
  const live = members.filter(({ weight }) => weight > 0).length;
  return { members, ids: members.map(({ id }) => id), live, words, mask, now: 0 };
}

/** The place of the first point at or after a position. */
export function find({ index, bits, words }: Circle, position: number): number {
  const stretch = position >>> (32 - bits);
  const end = index[stretch + 1]!;
  const wanted = (position << bits) >>> 0;
  let at = index[stretch]!;
  while (at < end && words[at]! < wanted) at++;
  return at;
}

/** The first `count` different members from a place on. */
export function take(order: Order, at: number, count: number): string[] {
  const { words, mask, ids, live } = order;
  const seen = marksOf(order);
  const now = ++order.now;
  const taken: string[] = [];
  const wanted = Math.min(count, live);
  for (; taken.length < wanted; at = next(order, at)) {
    const owner = words[at]! & mask;
    if (seen[owner] === now) continue;
    seen[owner] = now;
    taken.push(ids[owner]!);
  }
  return taken;
}

/** All members from a place on, each once. */
export function* walk(order: Order, at: number): IterableIterator<string> {
  const { words, mask, ids, live } = order;
  // Its own marks: the caller may do anything between two steps.
  const seen = new Set<number>();
  for (; seen.size < live; at = next(order, at)) {
    const owner = words[at]! & mask;
    if (seen.has(owner)) continue;
    seen.add(owner);
    yield ids[owner]!;
  }
}

function next({ words }: Order, at: number): number {
  return at + 1 < words.length ? at + 1 : 1;
}

/** The first `count` different members from a place on, in rounds: each zone gives one before any gives its next. */
export function spread(order: Order, at: number, count: number): string[] {
  const { words, mask, ids, live } = order;
  const { of, wider } = (order.zones ??= zonesOf(order));
  const room: number[] = [];
  let missing = Math.min(count, live);
  for (let left = missing; left > 0; left -= room.at(-1)!) room.push(Math.min(left, wider[room.length]!));
  const rounds = room.map((): string[] => []);
  const seen = marksOf(order);
  // A zone that gave k members bears now + k - 1, so every zone starts anew with the next call.
  const now = order.now + 1;
  order.now += ids.length;
  for (; missing > 0; at = next(order, at)) {
    const owner = words[at]! & mask;
    if (seen[owner]! >= now) continue;
    seen[owner] = now;
    const zone = ids.length + of[owner]!;
    const given = Math.max(0, seen[zone]! - now + 1);
    seen[zone] = now + given;
    if (given < rounds.length && rounds[given]!.length < room[given]!) {
      rounds[given]!.push(ids[owner]!);
      missing--;
    }
  }
  return rounds.flat();
}

function marksOf(order: Order): Float64Array {
  return (order.seen ??= new Float64Array(order.ids.length * 2));
}

function zonesOf({ members }: Order): Zones {
  const sizes = new Map<string | Member, number>();
  const numbers = new Map<string | Member, number>();
  const of = new Uint32Array(members.length);
  const wider: number[] = [];
  for (const [owner, member] of members.entries()) {
    if (member.weight === 0) continue;
    const zone = member.zone ?? member;
    const size = sizes.get(zone) ?? 0;
    if (size === 0) numbers.set(zone, numbers.size);
    sizes.set(zone, size + 1);
    wider[size] = (wider[size] ?? 0) + 1;
    of[owner] = numbers.get(zone)!;
  }
  return { of, wider };
}
