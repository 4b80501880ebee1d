import { integer } from '../core/check.ts';
import type { Circle } from './circle.ts';
import { arrange, find, take } from './circle.ts';
import type { RingKey } from './key.ts';
import { md5 } from './md5.ts';
import type { Member, RingNode } from './member.ts';
import { checkPoints, isSpread, membersOf } from './member.ts';
import type { Ring } from './ring.ts';

/** Places keys as libketama does. */
export type KetamaRing = Pick<Ring, 'get' | 'getN'>;

/**
 * Creates a ring that agrees with libketama point for point, to share caches with clients that use it. An id is the
 * server as written in libketama's list, as `10.0.1.1:11211`, and a weight its memory.
 *
 * libketama gives each server points by its share of all memory, so with unequal weights a new server moves keys
 * between the others too. Where nothing has to agree with libketama, `createRing` is better in every way.
 *
 * A lone surrogate, in a key or an id, counts as U+FFFD, which is what clients send for it.
 *
 * @example
 * ```ts
 * import { createKetamaRing } from 'holdfast/ring';
 *
 * const servers = createKetamaRing([{ id: '10.0.1.1:11211', weight: 600 }, { id: '10.0.1.2:11211', weight: 300 }]);
 * console.log(servers.get('user:7'));
 * ```
 */
export function createKetamaRing(servers: Iterable<string | RingNode>): KetamaRing {
  const circle = ketamaCircle(servers);
  const at = (key: RingKey): number => find(circle, md5(key)[0]!);
  return {
    get: (key) => circle.ids[circle.words[at(key)]! & circle.mask],
    getN(key, count, options) {
      integer('count', count, 0);
      return take(circle, at(key), count, isSpread(options));
    },
  };
}

/** The points of libketama, in order. */
export function ketamaCircle(servers: Iterable<string | RingNode>): Circle {
  const all = membersOf(servers, 0);
  const sum = all.reduce((total, { weight }) => total + weight, 0);
  const digests = (member: Member): number => digestsOf(member.weight, sum, all.length);
  // Without any weight there are not even 0.
  const members = all.filter((member) => digests(member) > 0);
  checkPoints(members.reduce((total, member) => total + 4 * digests(member), 0));
  const lists = members.map((member) => {
    const positions = new Uint32Array(4 * digests(member));
    for (let at = 0; at < positions.length; at += 4) positions.set(md5(`${member.id}-${at / 4}`), at);
    return positions;
  });
  return arrange(members, lists);
}

/** 40 digests a server times its share, in single precision where libketama has it. */
function digestsOf(weight: number, sum: number, servers: number): number {
  const share = Math.fround(Math.fround(weight) / Math.fround(sum));
  return Math.floor(Math.fround(share * 40 * servers));
}
