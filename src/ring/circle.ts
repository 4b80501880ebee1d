import type { Member } from './member.ts';
import { isBefore } from './member.ts';

/** Members in the order in which they serve a key, with repetitions: a ring from somewhere on, or a ranking. */
export interface Order {
  readonly members: readonly Member[];
  readonly ids: readonly string[];
  /** Members that own something. */
  readonly live: number;
  /** Indexes of members in the bits of `mask`. The last word is the first again: after it comes the second. */
  readonly words: Int32Array;
  readonly mask: number;
  /** Where `take` keeps what it needs again and again. */
  readonly notes: Notes;
}

/**
 * Points on a circle of 2^32 positions, sorted. The top bits of a position choose a stretch; a point is one word of 31
 * bits: the rest of its position above the owner. So a lookup touches two cache lines, whatever the size.
 */
export interface Circle extends Order {
  /** Where the points of each stretch begin in `words`. */
  readonly starts: Int32Array;
  /** How many bits of a position choose the stretch. */
  readonly bits: number;
}

interface Notes {
  nodes: Groups | undefined;
  zones: Groups | undefined;
  /** When each member, and each group, was taken last, by a clock that only moves on. */
  taken: Float64Array | undefined;
  now: number;
}

interface Groups {
  /** The group of each member, as a number. */
  readonly of: readonly number[];
  /** How many groups have more than this many live members. */
  readonly wider: readonly number[];
}

/** Sorts the points of each member stretch by stretch; linear, because positions are hashes. */
export function arrange(members: readonly Member[], lists: readonly Uint32Array[]): Circle {
  const count = lists.reduce((sum, { length }) => sum + length, 0);
  const bits = bitsFor(count, members.length);
  const starts = new Int32Array(2 ** bits + 1);
  for (const list of lists) for (const position of list) starts[(position >>> -bits) + 1]!++;
  for (let k = 1; k < starts.length; k++) starts[k]! += starts[k - 1]!;
  const order = orderOf(members, new Int32Array(count + 1), 2 ** (bits - 1) - 1);
  const next = starts.slice();
  for (const [owner, list] of lists.entries()) {
    for (const position of list) {
      const stretch = position >>> -bits;
      insert(order, starts[stretch]!, next[stretch]!++, wordOf(position, owner, bits));
    }
  }
  return close(order, starts, bits);
}

/** Puts the first point behind the last, or where there is none a member that does not exist. */
function close(order: Order, starts: Int32Array, bits: number): Circle {
  const { words, mask } = order;
  const last = words.length - 1;
  words[last] = last > 0 ? words[0]! : mask;
  return { ...order, starts, bits };
}

function wordOf(position: number, owner: number, bits: number): number {
  return ((position << bits) >>> 1) | owner;
}

/** The bits for stretches: about one to a point, fewer where they would leave the processor's cache. */
export function bitsFor(count: number, members: number): number {
  const bits = 32 - Math.clz32(count);
  return Math.max(Math.min(bits, Math.max(14, bits - 1)), 33 - Math.clz32(members));
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
 * A circle that the member of index `owner`, the last, has joined (`step` 1), or that it has left (-1). `positions` are
 * the member's, sorted. Everything else is copied, since it stays in order.
 */
export function revise(
  circle: Circle,
  members: readonly Member[],
  owner: number,
  positions: Uint32Array,
  step: 1 | -1,
): Circle {
  const { bits, mask, words } = circle;
  const member = (step > 0 ? members : circle.members)[owner]!;
  const starts = circle.starts.slice();
  let stretch = 0;
  const places = positions.slice();
  for (let k = 0; k < positions.length; k++) {
    const position = positions[k]!;
    for (; stretch <= position >>> -bits; stretch++) starts[stretch]! += k * step;
    const word = wordOf(position, owner, bits);
    let at = find(circle, position);
    const end = circle.starts[stretch]!;
    while (at < end && (words[at]! ^ word) <= mask && isBefore(circle.members[words[at]! & mask]!, member)) at++;
    places[k] = at;
  }
  for (; stretch < starts.length; stretch++) starts[stretch]! += positions.length * step;
  const revised = step > 0 ? spaced(words, places) : closed(words, places);
  for (let k = 0; step > 0 && k < places.length; k++) revised[places[k]! + k] = wordOf(positions[k]!, owner, bits);
  // Members behind one that leaves move up.
  const isRenumbered = step < 0 && owner < members.length;
  for (let at = 0; isRenumbered && at < revised.length; at++) revised[at]! -= (owner - (revised[at]! & mask)) >>> 31;
  return close(orderOf(members, revised, mask), starts, bits);
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

/** Visits the points in order. */
export function eachPoint(circle: Circle, visit: (position: number, owner: number) => void): void {
  const { bits, words, mask, starts } = circle;
  for (let stretch = 0; stretch < 2 ** bits; stretch++) {
    for (let at = starts[stretch]!; at < starts[stretch + 1]!; at++) {
      visit(((stretch << -bits) | ((words[at]! << 1) >>> bits)) >>> 0, words[at]! & mask);
    }
  }
}

export function orderOf(members: readonly Member[], words: Int32Array, mask: number): Order {
  return {
    members,
    ids: members.map(({ id }) => id),
    live: members.filter(({ weight }) => weight > 0).length,
    words,
    mask,
    notes: { nodes: undefined, zones: undefined, taken: undefined, now: 0 },
  };
}

/** The place of the first point at or after a position. */
export function find(circle: Circle, position: number): number {
  const { bits, words, starts } = circle;
  const stretch = position >>> -bits;
  const wanted = (position << bits) >>> 1;
  const end = starts[stretch + 1]!;
  let at = starts[stretch]!;
  // One further if both differences are below 0; at first without a branch, which would be a coin's toss.
  at -= ((at - end) & (words[at]! - wanted)) >> 31;
  while (((at - end) & (words[at]! - wanted)) < 0) at++;
  return at;
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

/**
 * The first `count` different members from a place on; over zones in rounds, in which each zone gives its next member
 * before any gives another.
 */
export function take(order: Order, from: number, count: number, isSpread: boolean): string[] {
  const { words, mask, ids, live, notes } = order;
  const { of, wider } = isSpread
    ? (notes.zones ??= groupsOf(order, (member) => member.zone ?? member))
    : (notes.nodes ??= groupsOf(order, (member) => member));
  const taken = (notes.taken ??= new Float64Array(ids.length * 2));
  const before = notes.now;
  const all: string[] = [];
  const wanted = Math.min(count, live);
  for (let round = 0; all.length < wanted; round++) {
    const now = ++notes.now;
    const until = Math.min(wanted, all.length + wider[round]!);
    for (let at = from; all.length < until; at = next(order, at)) {
      const owner = words[at]! & mask;
      const group = ids.length + of[owner]!;
      if (taken[group] === now || taken[owner]! > before) continue;
      taken[group] = taken[owner] = now;
      all.push(ids[owner]!);
    }
  }
  return all;
}

function groupsOf({ members }: Order, groupOf: (member: Member) => Member | string): Groups {
  const numbers = new Map<Member | string, number>();
  const sizes: number[] = [];
  const wider: number[] = [];
  const of = members.map((member) => {
    const group = groupOf(member);
    const number = numbers.get(group) ?? numbers.size;
    numbers.set(group, number);
    if (member.weight > 0) {
      const size = sizes[number] ?? 0;
      sizes[number] = size + 1;
      wider[size] = (wider[size] ?? 0) + 1;
    }
    return number;
  });
  return { of, wider };
}
