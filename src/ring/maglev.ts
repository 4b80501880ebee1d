import { integer, refuse } from '../core/check.ts';
import { checkSeed, hashKey } from './key.ts';
import { isBefore, membersOf } from './member.ts';
import type { Ring, RingOptions } from './ring.ts';

export interface MaglevOptions extends Omit<RingOptions, 'vnodes'> {
  /**
   * Entries of the table: a prime number, at least as many as nodes with a weight, better a hundred times as many.
   *
   * @defaultValue 65537
   */
  readonly tableSize?: number | undefined;
}

/** Places keys by one look into a table. */
export type Maglev = Pick<Ring, 'get'>;

/**
 * Creates a {@link Maglev} table (Eisenbud et al., NSDI 2016): the fastest lookup and the most even shares, for the
 * price that a change of nodes also moves some keys between nodes that stay.
 *
 * @example
 * ```ts
 * import { createMaglev } from 'holdfast/ring';
 *
 * const backends = createMaglev({ nodes: ['a', 'b', { id: 'c', weight: 2 }] });
 * console.log(backends.get('10.1.2.3:5060'));
 * ```
 */
export function createMaglev(options: MaglevOptions): Maglev {
  const { nodes = [], seed = 0, tableSize = 65_537 } = options;
  integer('tableSize', tableSize, 2, 2 ** 24);
  if (!isPrime(tableSize)) refuse('tableSize', 'a prime number', tableSize);
  const members = membersOf(nodes, checkSeed(seed)).filter(({ weight }) => weight > 0);
  if (members.length > tableSize) refuse('tableSize', `at least the number of nodes, ${members.length}`, tableSize);
  // Turns are taken in this order, so that the order of the options does not matter.
  members.sort((x, y) => (isBefore(x, y) ? -1 : 1));
  const table = fill(members, tableSize);
  return {
    get: (key) => members[table[Math.floor(((hashKey(key, seed) >>> 0) * tableSize) / 2 ** 32)]!]?.id,
  };
}

interface Claimant {
  readonly weight: number;
  readonly a: number;
  readonly b: number;
}

/** Lets members claim free entries, each along a permutation of its own, in turns by weight. */
function fill(members: readonly Claimant[], size: number): Uint32Array {
  const table = new Uint32Array(size).fill(members.length);
  const runs = members.map(({ a, b }) => {
    return { at: (a >>> 0) % size, step: ((b >>> 0) % (size - 1)) + 1, claimed: 0 };
  });
  const heaviest = Math.max(0, ...members.map(({ weight }) => weight));
  let left = members.length > 0 ? size : 0;
  for (let turn = 1; left > 0; turn++) {
    for (let k = 0; k < members.length && left > 0; k++) {
      const run = runs[k]!;
      // Everyone owns one entry, and then as many in each turn as its weight is of the heaviest.
      if (turn > 1 && run.claimed >= (turn * members[k]!.weight) / heaviest) continue;
      while (table[run.at] !== members.length) run.at = (run.at + run.step) % size;
      table[run.at] = k;
      run.claimed++;
      left--;
    }
  }
  return table;
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
}
