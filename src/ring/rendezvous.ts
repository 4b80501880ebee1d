import { integer } from '../core/check.ts';
import { orderOf, take } from './circle.ts';
import type { RingKey } from './key.ts';
import { checkSeed, hashKey, mixTwo } from './key.ts';
import { isBefore, isSpread, membersOf } from './member.ts';
import type { Ring, RingOptions } from './ring.ts';

/** Places keys by rendezvous: no points, shares as exact as chance allows, O(nodes) a lookup. */
export type Rendezvous = Pick<Ring, 'get' | 'getN'>;

/**
 * Creates a {@link Rendezvous}: the node whose hash together with the key is the highest, weights taken into account
 * (highest random weight). Better balanced than a ring and slower than one from some ten nodes on.
 *
 * Placement depends on ids, weights and seed only, and a change moves only the keys of the node that changed.
 *
 * @example
 * ```ts
 * import { createRendezvous } from 'holdfast/ring';
 *
 * const shards = createRendezvous({ nodes: ['eu', 'us', { id: 'asia', weight: 2 }] });
 * console.log(shards.get('user:7'), shards.getN('user:7', 2));
 * ```
 */
export function createRendezvous(options: Omit<RingOptions, 'vnodes'>): Rendezvous {
  const { nodes = [], seed = 0 } = options;
  const members = membersOf(nodes, checkSeed(seed)).filter(({ weight }) => weight > 0);
  const costs = new Float64Array(members.length);
  // The lower the better: exponential with the rate `weight`, whose minimum falls to each in proportion.
  const weigh = (key: RingKey): void => {
    const hash = hashKey(key, seed);
    for (let at = 0; at < members.length; at++) {
      const { a, b, weight } = members[at]!;
      costs[at] = minusLog(mixTwo(a, hash, b), mixTwo(b, hash, a)) / weight;
    }
  };
  const compare = (x: number, y: number): number =>
    costs[x]! - costs[y]! || (isBefore(members[x]!, members[y]!) ? -1 : 1);
  return {
    get(key) {
      weigh(key);
      let best = 0;
      for (let at = 1; at < costs.length; at++) if (compare(at, best) < 0) best = at;
      return members[best]?.id;
    },
    getN(key, count, options) {
      integer('count', count, 0);
      const isOverZones = isSpread(options);
      weigh(key);
      return take(orderOf(members, Int32Array.from(members.keys()).sort(compare), -1), 0, count, isOverZones);
    },
  };
}

/**
 * `-ln(u)` of the u in (0, 1) whose binary digits are those of the words. By arithmetic only: `Math.log` may differ
 * between engines in its last bit, and placement must not.
 */
function minusLog(high: number, low: number): number {
  const zeros = Math.clz32(high);
  const digits = ((high >>> 0) * 2 ** 20 + (low >>> 12) + 0.5) * 2 ** zeros;
  // Between 1 and 2, save for a u so close to 0 that nobody with it wins.
  const mantissa = digits / 2 ** 51;
  const s = (mantissa - 1.5) / (mantissa + 1.5);
  const q = s * s;
  const log = 2 * s * (1 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q / 13))))));
  return (zeros + 1) * Math.LN2 - (log + 0.4054651081081644);
}
