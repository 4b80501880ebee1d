import { integer, refuse } from '../core/check.ts';
import type { Circle } from './circle.ts';
import { arrange, bitsFor, eachPoint, find, revise, take, walk } from './circle.ts';
import type { RingKey } from './key.ts';
import { checkSeed, hashKey, mixTwo } from './key.ts';
import type { Member, RingNode } from './member.ts';
import { checkPoints, isSpread, MAX_POINTS, memberOf, membersOf, nodeOf } from './member.ts';

export interface RingOptions {
  /**
   * Ids, or nodes with weight and zone, in any order.
   *
   * @defaultValue none
   */
  readonly nodes?: Iterable<string | RingNode> | undefined;
  /**
   * Points of a node of weight 1; a node has `vnodes * weight` of them, rounded, and one at least.
   *
   * @defaultValue 160: shares spread by 8 % around their mean
   */
  readonly vnodes?: number | undefined;
  /**
   * From 0 to 2^32-1. Rings of different seeds place independently of each other.
   *
   * @defaultValue 0
   */
  readonly seed?: number | undefined;
}

export interface ReplicaOptions {
  /**
   * `zone`: no zone holds a second replica while a zone with a free node holds none, round by round.
   *
   * @defaultValue `node`: different nodes, wherever they are
   */
  readonly spread?: 'node' | 'zone' | undefined;
}

/** An immutable consistent hash ring: which node serves a key, and who is next. */
export interface Ring {
  /** Nodes, those of weight 0 included. */
  readonly size: number;
  /** Points of all nodes together. */
  readonly points: number;
  /** The nodes by id: a copy, made anew at each reading. */
  readonly nodes: ReadonlyMap<string, RingNode>;
  /** The node that owns `key`, or `undefined` when no node has a weight. About one comparison, at any size. */
  get(key: RingKey): string | undefined;
  /** The owner and those after it, all different: `count` of them, or all that have a weight. */
  getN(key: RingKey, count: number, options?: ReplicaOptions): string[];
  /** The owner and those after it one by one, each once, until all were there. */
  walk(key: RingKey): IterableIterator<string>;
  /** The first node of {@link Ring.walk} that `accept` takes; asks no node twice. */
  pick(key: RingKey, accept: (id: string) => boolean): string | undefined;
  /** This ring and one node more. Throws a RangeError when it has a node of that id. O(points). */
  with(node: string | RingNode): Ring;
  /** This ring without a node; this ring itself when it has no such node. O(points). */
  without(id: string): Ring;
  /** This ring with another weight of a node. Throws a RangeError when it has no such node. O(points). */
  reweight(id: string, weight: number): Ring;
  /** The exact share of the 2^32 positions that each node owns. O(points). */
  ownership(): Map<string, number>;
}

/**
 * Creates a {@link Ring}. Where a key goes depends on ids, weights, `vnodes` and `seed` only, in every process and
 * every engine, and stays so in every later version.
 *
 * Throws a RangeError when two nodes share an id, and for more than 2^24 points.
 *
 * @example
 * ```ts
 * import { createRing } from 'holdfast/ring';
 *
 * const ring = createRing({ nodes: ['cache-1', 'cache-2', { id: 'cache-3', weight: 2 }] });
 * console.log(ring.get('user:7'), ring.getN('user:7', 2));
 * const next = ring.with('cache-4'); // takes keys from the others, and moves no other key
 * console.log(next.get('user:7'));
 * ```
 */
export function createRing(options: RingOptions = {}): Ring {
  const { nodes = [], vnodes = 160, seed = 0 } = options;
  integer('vnodes', vnodes, 1, MAX_POINTS);
  return new HashRing(build(membersOf(nodes, checkSeed(seed)), vnodes), vnodes, seed);
}

/** What `ring` is made of, for the functions beside it. */
export function insideOf(ring: Ring): Inside {
  return ring instanceof HashRing ? HashRing.inside(ring) : refuse('ring', 'made by createRing', ring);
}

interface Inside {
  readonly circle: Circle;
  readonly seed: number;
}

class HashRing implements Ring {
  readonly #circle: Circle;
  readonly #vnodes: number;
  readonly #seed: number;

  constructor(circle: Circle, vnodes: number, seed: number) {
    this.#circle = circle;
    this.#vnodes = vnodes;
    this.#seed = seed;
  }

  static inside(ring: HashRing): Inside {
    return { circle: ring.#circle, seed: ring.#seed };
  }

  get size(): number {
    return this.#circle.ids.length;
  }

  get points(): number {
    return this.#circle.words.length - 1;
  }

  get nodes(): ReadonlyMap<string, RingNode> {
    return new Map(this.#circle.members.map((member) => [member.id, nodeOf(member)]));
  }

  get(key: RingKey): string | undefined {
    const { ids, words, mask } = this.#circle;
    return ids[words[this.#find(key)]! & mask];
  }

  getN(key: RingKey, count: number, options?: ReplicaOptions): string[] {
    integer('count', count, 0);
    return take(this.#circle, this.#find(key), count, isSpread(options));
  }

  walk(key: RingKey): IterableIterator<string> {
    return walk(this.#circle, this.#find(key));
  }

  pick(key: RingKey, accept: (id: string) => boolean): string | undefined {
    for (const id of this.walk(key)) if (accept(id)) return id;
    return undefined;
  }

  with(node: string | RingNode): Ring {
    const member = memberOf(node, this.#seed);
    if (this.#indexOf(member.id) >= 0) refuse('id', 'new to the ring', member.id);
    return this.#join(this.#circle, member);
  }

  without(id: string): Ring {
    const owner = this.#indexOf(id);
    return owner < 0 ? this : this.#made(this.#leave(owner));
  }

  reweight(id: string, weight: number): Ring {
    const owner = this.#indexOf(id);
    const member = this.#circle.members[owner] ?? refuse('id', 'in the ring', id);
    return this.#join(this.#leave(owner), memberOf({ ...nodeOf(member), weight }, this.#seed));
  }

  ownership(): Map<string, number> {
    const { ids, words, mask } = this.#circle;
    const shares = new Float64Array(ids.length);
    let before = 0;
    eachPoint(this.#circle, (position, owner) => {
      shares[owner]! += (position - before) / 2 ** 32;
      before = position;
    });
    // What is after the last point belongs to the first; where there is none, to a member that does not exist.
    shares[words[0]! & mask]! += 1 - before / 2 ** 32;
    return new Map(ids.map((id, owner) => [id, shares[owner]!]));
  }

  #find(key: RingKey): number {
    return find(this.#circle, hashKey(key, this.#seed));
  }

  #indexOf(id: string): number {
    return this.#circle.ids.indexOf(id);
  }

  #join(circle: Circle, member: Member): Ring {
    const { members } = circle;
    checkPoints(circle.words.length - 1 + countOf(member, this.#vnodes));
    const positions = positionsOf(member, this.#vnodes).sort();
    return this.#made(revise(circle, [...members, member], members.length, positions, 1));
  }

  #leave(owner: number): Circle {
    const { members } = this.#circle;
    const rest = members.filter((_, index) => index !== owner);
    return revise(this.#circle, rest, owner, positionsOf(members[owner]!, this.#vnodes).sort(), -1);
  }

  /** A ring of `circle`, sorted anew when it has too few or too many stretches by now. */
  #made(circle: Circle): Ring {
    const { members, words, bits } = circle;
    const isFit = bitsFor(words.length - 1, members.length) === bits;
    return new HashRing(isFit ? circle : build(members, this.#vnodes), this.#vnodes, this.#seed);
  }
}

function build(members: readonly Member[], vnodes: number): Circle {
  checkPoints(members.reduce((sum, member) => sum + countOf(member, vnodes), 0));
  return arrange(
    members,
    members.map((member) => positionsOf(member, vnodes)),
  );
}

function countOf({ weight }: Member, vnodes: number): number {
  return weight && Math.max(1, Math.round(vnodes * weight));
}

/** The points of a member: each the hash of a number and its id's hashes, so no two ids are taken for one another. */
function positionsOf(member: Member, vnodes: number): Uint32Array {
  const positions = new Uint32Array(countOf(member, vnodes));
  for (let k = 0; k < positions.length; k++) positions[k] = mixTwo(member.a, k, member.b);
  return positions;
}
