import { integer, oneOf, refuse } from '../core/check.ts';
import { hashWords, newHash128 } from '../core/hash.ts';
import type { Circle, Points } from './circle.ts';
import { arrange, find, makePoints, pointsOf, spread, take, walk } from './circle.ts';
import type { RingKey } from './key.ts';
import { checkSeed, hashKey } from './key.ts';
import type { Member, RingNode } from './member.ts';
import { MAX_POINTS, memberOf, membersOf } from './member.ts';

export interface RingOptions {
  /**
   * Ids, or nodes with weight and zone, in any order.
   *
   * @defaultValue none
   */
  readonly nodes?: Iterable<string | RingNode>;
  /**
   * Points of a node of weight 1; a node has `vnodes * weight` of them, rounded, and one at least.
   *
   * @defaultValue 160: shares spread by 8 % around their mean
   */
  readonly vnodes?: number;
  /**
   * From 0 to 2^32-1. Rings of different seeds place independently of each other.
   *
   * @defaultValue 0
   */
  readonly seed?: number;
}

export interface ReplicaOptions {
  /**
   * `zone`: no zone holds a second replica while a zone with a free node holds none, round by round.
   *
   * @defaultValue `node`: different nodes, wherever they are
   */
  readonly spread?: 'node' | 'zone';
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
  const members = membersOf(nodes, checkSeed(seed));
  const points = pointsFor(members, vnodes);
  let at = 0;
  for (const [owner, member] of members.entries()) at = addPoints(points, at, member, owner, vnodes);
  return new HashRing(arrange(members, points), vnodes, seed);
}

/** What `ring` is made of, for the functions beside it. */
export function insideOf(ring: Ring): Inside {
  return HashRing.inside(ring);
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

  static inside(ring: Ring): Inside {
    if (!(#seed in ring)) refuse('ring', 'made by createRing', ring);
    return { circle: ring.#circle, seed: ring.#seed };
  }

  get size(): number {
    return this.#circle.ids.length;
  }

  get points(): number {
    return this.#circle.words.length - 1;
  }

  get nodes(): ReadonlyMap<string, RingNode> {
    return new Map(this.#circle.members.map(({ id, weight, zone }) => [id, zone === undefined ? { id, weight } : { id, weight, zone }]));
  }

  get(key: RingKey): string | undefined {
    const { ids, words, mask } = this.#circle;
    return ids[words[this.#find(key)]! & mask];
  }

  getN(key: RingKey, count: number, options: ReplicaOptions = {}): string[] {
    const { spread: by = 'node' } = options;
    integer('count', count, 0);
    return (oneOf('spread', by, ['node', 'zone']) === 'zone' ? spread : take)(this.#circle, this.#find(key), count);
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
    if (this.#circle.ids.includes(member.id)) refuse('id', 'new to the ring', member.id);
    return this.#change(this.size, member);
  }

  without(id: string): Ring {
    const owner = this.#circle.ids.indexOf(id);
    return owner < 0 ? this : this.#change(owner);
  }

  reweight(id: string, weight: number): Ring {
    const owner = this.#circle.ids.indexOf(id);
    const { zone } = this.#circle.members[owner] ?? refuse('id', 'in the ring', id);
    return this.#change(owner, memberOf({ id, weight, ...(zone !== undefined && { zone }) }, this.#seed));
  }

  ownership(): Map<string, number> {
    const { positions, owners } = pointsOf(this.#circle);
    const shares = new Float64Array(this.size);
    // What is after the last point belongs to the first.
    let before = (positions.at(-1) ?? 0) - 2 ** 32;
    for (let at = 0; at < positions.length; at++) {
      shares[owners[at]!]! += (positions[at]! - before) / 2 ** 32;
      before = positions[at]!;
    }
    return new Map(this.#circle.ids.map((id, owner) => [id, shares[owner]!]));
  }

  #find(key: RingKey): number {
    return find(this.#circle, hashKey(key, this.#seed).a >>> 0);
  }

  /** Puts `member` in the place of that of index `changed`, or nobody. */
  #change(changed: number, member?: Member): Ring {
    const { members } = this.#circle;
    const others = member ? [member] : [];
    const now = [...members.slice(0, changed), ...others, ...members.slice(changed + 1)];
    const points = pointsFor(now, this.#vnodes);
    const { positions, owners } = pointsOf(this.#circle);
    let kept = 0;
    for (let at = 0; at < positions.length; at++) {
      const owner = owners[at]!;
      if (owner === changed) continue;
      points.positions[kept] = positions[at]!;
      points.owners[kept++] = owner > changed && !member ? owner - 1 : owner;
    }
    if (member) addPoints(points, kept, member, changed, this.#vnodes);
    return new HashRing(arrange(now, points), this.#vnodes, this.#seed);
  }
}

function pointsFor(members: readonly Member[], vnodes: number): Points {
  return makePoints(members.reduce((sum, member) => sum + countOf(member, vnodes), 0));
}

function countOf({ weight }: Member, vnodes: number): number {
  return weight && Math.max(1, Math.round(vnodes * weight));
}

/** Adds the points of a member from place `at` on, and answers where they end. */
function addPoints({ positions, owners }: Points, at: number, member: Member, owner: number, vnodes: number): number {
  const hash = newHash128();
  const count = countOf(member, vnodes);
  // The hash of a hash and a number: no two ids can be mistaken for each other, whatever they end with.
  for (let k = 0; k < count; k++, at++) {
    hashWords(hash, k, member.b, member.a);
    positions[at] = hash.a;
    owners[at] = owner;
  }
  return at;
}
