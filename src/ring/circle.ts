import type { Member } from './member.ts';
import { isBefore, MAX_POINTS } from './member.ts';
import { amount } from '../core/check.ts';

type Numbers = Uint16Array | Uint32Array;

/** Members in the order in which they serve a key, with repetitions: a ring from somewhere on, or a ranking. */
export interface Order {
  readonly members: readonly Member[];
  readonly ids: readonly string[];
  /** Indexes of members. From its last place it goes on at 1, since the last place is the first again. */
  readonly owners: Numbers;
  /** Members that own something. */
  readonly live: number;
  /** When each member, and each zone, was seen last, by a clock that only moves on. */
  seen?: Float64Array;
  now: number;
  zones?: Zones;
}

/** Points on a circle of 2^32 positions, sorted, and behind them the first once more at the last position. */
export interface Circle extends Order {
  readonly positions: Uint32Array;
  /** The first point at or after each stretch of `2 ** shift` positions. */
  readonly index: Uint32Array;
  readonly shift: number;
}

interface Zones {
  /** The zone of each member, as a number. */
  readonly of: Uint32Array;
  /** How many zones have more than this many live members. */
  readonly wider: readonly number[];
}

/** Points that are not in order yet. */
export interface Points {
  readonly positions: Uint32Array;
  readonly owners: Numbers;
}

/** Room for `count` points, or a refusal when that is too much. */
export function makePoints(count: number, members: readonly Member[]): Points {
  amount('points', count, 0, MAX_POINTS + 1);
  const Owners = members.length > 65_536 ? Uint32Array : Uint16Array;
  return { positions: new Uint32Array(count), owners: new Owners(count) };
}

/** Sorts points into stretches small enough to be searched one by one: linear, as positions are hashes. */
export function arrange(members: readonly Member[], loose: Points): Circle {
  const count = loose.owners.length;
  // Memory against cache misses: two stretches a point while both fit into the cache, then one for two points.
  const shift = Math.clz32(count) + (count < 65_536 ? -1 : 2);
  const index = new Uint32Array(2 ** (32 - shift) + 2);
  const { positions, owners } = makePoints(count + 1, members);
  for (let k = 0; k < count; k++) index[(loose.positions[k]! >>> shift) + 2]!++;
  for (let k = 2; k < index.length; k++) index[k]! += index[k - 1]!;
  for (let k = 0; k < count; k++) {
    const position = loose.positions[k]!;
    const owner = loose.owners[k]!;
    // This counter ends as the start of the next stretch. Places not filled yet are 0, which nothing is below.
    let at = index[(position >>> shift) + 1]!++;
    for (; at > 0; at--) {
      const lower = positions[at - 1]!;
      const isAfter =
        lower === position ? !isBefore(members[owner]!, members[owners[at - 1]!]!) : lower < position;
      if (isAfter) break;
      positions[at] = lower;
      owners[at] = owners[at - 1]!;
    }
    positions[at] = position;
    owners[at] = owner;
  }
  positions[count] = 0xffffffff;
  owners[count] = owners[0]!;
  return { ...orderOf(members, owners), positions, index, shift };
}

export function orderOf(members: readonly Member[], owners: Numbers): Order {
  const live = members.filter(({ weight }) => weight > 0).length;
  return { members, ids: members.map(({ id }) => id), owners, live, now: 0 };
}

/** The place of the first point at or after a position. */
export function find({ positions, index, shift }: Circle, position: number): number {
  let at = index[position >>> shift]!;
  while (positions[at]! < position) at++;
  return at;
}

/** The first `count` different members from a place on. */
export function take(order: Order, at: number, count: number): string[] {
  const { owners, ids, live } = order;
  const seen = marksOf(order);
  const now = ++order.now;
  const taken: string[] = [];
  const wanted = Math.min(count, live);
  for (; taken.length < wanted; at = next(order, at)) {
    const owner = owners[at]!;
    if (seen[owner] === now) continue;
    seen[owner] = now;
    taken.push(ids[owner]!);
  }
  return taken;
}

/** All members from a place on, each once. */
export function* walk(order: Order, at: number): IterableIterator<string> {
  const { owners, ids, live } = order;
  // Its own marks: the caller may do anything between two steps.
  const seen = new Set<number>();
  for (; seen.size < live; at = next(order, at)) {
    const owner = owners[at]!;
    if (seen.has(owner)) continue;
    seen.add(owner);
    yield ids[owner]!;
  }
}

function next({ owners }: Order, at: number): number {
  return at + 1 < owners.length ? at + 1 : 1;
}

/** The first `count` different members from a place on, in rounds: each zone gives one before any gives its next. */
export function spread(order: Order, at: number, count: number): string[] {
  const { owners, ids, live } = order;
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
    const owner = owners[at]!;
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
