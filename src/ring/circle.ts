import type { Member } from './member.ts';
import { isBefore, MAX_POINTS } from './member.ts';
import { amount, refuse } from '../core/check.ts';

/** Members in the order in which they serve a key, with repetitions: a ring from somewhere on, or a ranking. */
export interface Order {
  readonly members: readonly Member[];
  readonly ids: readonly string[];
  /** Members that own something. */
  readonly live: number;
  /** Indexes of members in the bits of `mask`. The last word is the first again: after it comes the second. */
  readonly words: Int32Array;
  readonly mask: number;
  /** When each member, and each zone, was seen last, by a clock that only moves on. */
  seen?: Float64Array;
  now: number;
  zones?: Zones;
}

/**
 * Points on a circle of 2^32 positions, sorted. The top bits of a position choose a stretch; a point is one word of 31
 * bits: the rest of its position above the owner. So a lookup touches two cache lines, whatever the size.
 */
export interface Circle extends Order {
  /** Where each group of 64 stretches begins in `words`. */
  readonly groups: Uint32Array;
  /** Where the points of each stretch begin, from there on. */
  readonly starts: Uint16Array;
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

/** A number of points, or a refusal when that is too much. */
export function checkCount(count: number): number {
  return amount('points', count, 0, MAX_POINTS);
}

export function makePoints(count: number): Points {
  return { positions: new Uint32Array(count), owners: new Uint32Array(count) };
}

/** Sorts points stretch by stretch; linear, because positions are hashes. */
export function arrange(members: readonly Member[], { positions, owners }: Points): Circle {
  const count = positions.length;
  const bits = bitsFor(count, members.length);
  const shift = 32 - bits;
  const next = new Uint32Array(2 ** bits + 1);
  for (let k = 0; k < count; k++) next[(positions[k]! >>> shift) + 1]!++;
  for (let k = 1; k < next.length; k++) next[k]! += next[k - 1]!;
  const groups = Uint32Array.from({ length: ((2 ** bits) >>> 6) + 1 }, (_, group) => next[group << 6]!);
  const starts = new Uint16Array(next.length);
  for (let k = 0; k < starts.length; k++) starts[k] = checkCrowd(next[k]! - groups[k >>> 6]!);
  const order = orderOf(members, new Int32Array(count + 1), 2 ** (bits - 1) - 1);
  const circle = { ...order, groups, starts, bits };
  for (let k = 0; k < count; k++) {
    const stretch = positions[k]! >>> shift;
    insert(order, startOf(circle, stretch), next[stretch]!++, wordOf(positions[k]!, owners[k]!, bits));
  }
  close(order);
  return circle;
}

/** Puts the first point behind the last, or where there is none a member that does not exist. */
function close({ words, mask }: Order): void {
  const last = words.length - 1;
  words[last] = last > 0 ? words[0]! : mask;
}

/** Positions are hashes: a crowd is no accident. */
function checkCrowd(count: number): number {
  return count > 0xffff ? refuse('points', 'of ids whose hashes differ', count) : count;
}

function wordOf(position: number, owner: number, bits: number): number {
  return ((position << bits) >>> 1) | owner;
}

/** The bits for stretches: many empty ones in a small ring, fewer where they would leave the processor's cache. */
export function bitsFor(count: number, members: number): number {
  const zeros = Math.clz32(count);
  return Math.max(Math.min(34 - zeros, Math.max(15, 32 - zeros)), 33 - Math.clz32(members));
}

/** Puts a point into its stretch, which begins at `start` and ends before `at`. */
function insert({ words, members, mask }: Order, start: number, at: number, word: number): void {
  for (; at > start; at--) {
    const lower = words[at - 1]!;
    const isTie = (lower ^ word) <= mask;
    if (isTie ? !isBefore(members[word & mask]!, members[lower & mask]!) : lower < word) break;
    words[at] = lower;
  }
  words[at] = word;
}

/**
 * A circle with the points of one member more (`step` 1) or fewer (-1), by copying. `positions` are the points' and
 * sorted; `members` has the member at the index `owner`.
 */
export function revise(
  circle: Circle,
  members: readonly Member[],
  owner: number,
  positions: Uint32Array,
  step: 1 | -1,
): Circle {
  const { bits, mask, words } = circle;
  const groups = circle.groups.slice();
  const starts = circle.starts.slice();
  const places = new Uint32Array(positions.length);
  let group = 0;
  for (let k = 0; k < positions.length; k++) {
    const stretch = positions[k]! >>> -bits;
    for (; group <= stretch >>> 6; group++) groups[group]! += k * step;
    for (let later = stretch + 1; later < starts.length && (later & 63) > 0; later++) {
      starts[later] = checkCrowd(starts[later]! + step);
    }
    const word = wordOf(positions[k]!, owner, bits);
    const end = startOf(circle, stretch + 1);
    let at = find(circle, positions[k]!);
    // A second point of the member at the same position is behind the first.
    if (step < 0 && k > 0) at = Math.max(at, places[k - 1]! + 1);
    while (at < end && (words[at]! ^ word) <= mask && isBefore(members[words[at]! & mask]!, members[owner]!)) at++;
    places[k] = at;
  }
  for (; group < groups.length; group++) groups[group]! += positions.length * step;
  const order = orderOf(members, step > 0 ? spaced(words, places) : closed(words, places), mask);
  for (let k = 0; step > 0 && k < places.length; k++) order.words[places[k]! + k] = wordOf(positions[k]!, owner, bits);
  close(order);
  return { ...order, groups, starts, bits };
}

/** A copy with room for one more word before each of the places. */
function spaced(words: Int32Array, places: Uint32Array): Int32Array {
  const copy = new Int32Array(words.length + places.length);
  copy.set(words);
  for (let k = places.length - 1, end = words.length; k >= 0; end = places[k--]!)
    copy.copyWithin(places[k]! + k + 1, places[k]!, end);
  return copy;
}

/** A copy without the words at the places. */
function closed(words: Int32Array, places: Uint32Array): Int32Array {
  const copy = words.slice();
  for (let k = 0; k < places.length; k++)
    copy.copyWithin(places[k]! - k, places[k]! + 1, places[k + 1] ?? words.length);
  return copy.subarray(0, words.length - places.length);
}

/** A circle whose member of index `owner`, which has no points any more, has left. */
export function withoutMember(circle: Circle, members: readonly Member[], owner: number): Circle {
  const { words, mask, groups, starts, bits } = circle;
  const renumbered = words.slice();
  for (let at = 0; at < words.length && owner < members.length; at++) {
    const word = words[at]!;
    renumbered[at] = word - ((owner - (word & mask)) >>> 31);
  }
  return { ...orderOf(members, renumbered, mask), groups, starts, bits };
}

/** The points in order: the inverse of {@link arrange}. */
export function pointsOf(circle: Circle): Points {
  const { bits, words, mask } = circle;
  const points = makePoints(words.length - 1);
  for (let stretch = 0; stretch < 2 ** bits; stretch++) {
    const end = startOf(circle, stretch + 1);
    for (let at = startOf(circle, stretch); at < end; at++) {
      points.positions[at] = (stretch << (32 - bits)) | ((words[at]! << 1) >>> bits);
      points.owners[at] = words[at]! & mask;
    }
  }
  return points;
}

export function orderOf(members: readonly Member[], words: Int32Array, mask: number): Order {
  const live = members.filter(({ weight }) => weight > 0).length;
  return { members, ids: members.map(({ id }) => id), live, words, mask, now: 0 };
}

function startOf({ groups, starts }: Circle, stretch: number): number {
  return groups[stretch >>> 6]! + starts[stretch]!;
}

/** The place of the first point at or after a position. */
export function find(circle: Circle, position: number): number {
  const { bits, words } = circle;
  const stretch = position >>> -bits;
  const wanted = (position << bits) >>> 1;
  const end = startOf(circle, stretch + 1);
  let at = startOf(circle, stretch);
  // The first step without a branch, which would be a coin's toss for the processor: one further if both differences
  // are below 0.
  at -= ((at - end) & (words[at]! - wanted)) >> 31;
  while (at < end && words[at]! < wanted) at++;
  return at;
}

/** The first `count` members from a place on that differ, or whose groups do where `groups` tells them. */
export function take(order: Order, at: number, count: number, groups?: Uint32Array): string[] {
  const { words, mask, ids, live } = order;
  const seen = marksOf(order);
  const now = ++order.now;
  const taken: string[] = [];
  const wanted = Math.min(count, live);
  for (; taken.length < wanted; at = next(order, at)) {
    const owner = words[at]! & mask;
    const group = groups ? groups[owner]! : owner;
    if (seen[group] === now) continue;
    seen[group] = now;
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
  let missing = Math.min(count, live);
  if (missing <= (wider[0] ?? 0)) return take(order, at, missing, of);
  const room: number[] = [];
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
