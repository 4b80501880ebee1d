import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RingNode } from '../../src/ring/index.ts';
import { createMaglev, hashPosition } from '../../src/ring/index.ts';
import { bytesOf, keys, murmur, nodeLists } from './kit.ts';

/** The table of the paper (section 3.4), with turns by weight: the owner of every entry. */
function tableOf(nodes: readonly RingNode[], size: number, seed: number): (string | undefined)[] {
  const claimants = nodes
    .filter(({ weight = 1 }) => weight > 0)
    .map(({ id, weight = 1 }) => {
      const [first, second] = [murmur(bytesOf(id), seed), murmur([0, ...bytesOf(id)], seed)];
      const permutation = Array.from(
        { length: size },
        (_, k) => ((first % size) + k * ((second % (size - 1)) + 1)) % size,
      );
      return { id, weight, permutation, tie: second | 0, claimed: 0 };
    })
    .sort((x, y) => x.tie - y.tie || (x.id < y.id ? -1 : 1));
  const heaviest = Math.max(...claimants.map(({ weight }) => weight));
  const table: (string | undefined)[] = Array.from({ length: size });
  for (let turn = 1; claimants.length > 0 && table.includes(undefined); turn++) {
    for (const claimant of claimants) {
      const entry = claimant.permutation.find((at) => table[at] === undefined);
      if (entry === undefined || (turn > 1 && claimant.claimed >= (turn * claimant.weight) / heaviest)) continue;
      table[entry] = claimant.id;
      claimant.claimed++;
    }
  }
  return table;
}

describe('createMaglev', () => {
  it('places by the table of the paper, whose entries nodes claim in turns by their weights', () => {
    fc.assert(
      fc.property(
        nodeLists(),
        fc.constantFrom(13, 31, 101),
        fc.constantFrom(0, 7, 2 ** 32 - 1),
        (nodes, tableSize, seed) => {
          const maglev = createMaglev({ nodes, tableSize, seed });
          const table = tableOf(nodes, tableSize, seed);
          for (const key of keys.slice(0, 60)) {
            const entry = Math.floor((hashPosition(key, seed) * tableSize) / 2 ** 32);
            expect(maglev.get(key)).toBe(table[entry]);
          }
        },
      ),
    );
    expect(createMaglev({}).get('key')).toBeUndefined();
  });

  it('gives weights that are multiples of each other their turns, and the smallest one entry', () => {
    const nodes = [1, 2, 4, 4, 5e-324, 2 ** 10].map((weight, k) => ({ id: `n${k}`, weight }));
    for (const some of [nodes.slice(0, 3), nodes.slice(0, 4), nodes.slice(0, 5), nodes.slice(4)]) {
      const [maglev, table] = [createMaglev({ nodes: some, tableSize: 31 }), tableOf(some, 31, 0)];
      const entries = new Map(keys.map((key) => [Math.floor((hashPosition(key) * 31) / 2 ** 32), maglev.get(key)]));
      expect(entries.size).toBe(31);
      for (const [entry, id] of entries) expect(id).toBe(table[entry]);
      expect(new Set(entries.values()).size).toBe(some.length);
    }
  });

  it('does not depend on the order of nodes', () => {
    fc.assert(
      fc.property(nodeLists(), (nodes) => {
        const [one, other] = [nodes, [...nodes].reverse()].map((list) => createMaglev({ nodes: list, tableSize: 251 }));
        for (const key of keys) expect(one!.get(key)).toBe(other!.get(key));
      }),
    );
  });

  it('gives every node with a weight some keys, and none without', () => {
    fc.assert(
      fc.property(nodeLists(1), (nodes) => {
        const maglev = createMaglev({ nodes, tableSize: 251 });
        const owners = new Set(Array.from({ length: 20_000 }, (_, k) => maglev.get(`key ${k}`)));
        const live = nodes.filter(({ weight = 1 }) => weight > 0).map(({ id }) => id);
        expect(owners).toEqual(new Set(live.length > 0 ? live : [undefined]));
      }),
      { numRuns: 20 },
    );
  });

  it('refuses tables that are not prime or smaller than the number of nodes', () => {
    for (const tableSize of [0, 1, 4, 65_536, 1.5, Number.NaN, 2 ** 25]) {
      expect(() => createMaglev({ nodes: ['a'], tableSize })).toThrow(/^tableSize must be/);
    }
    expect(() => createMaglev({ nodes: ['a', 'b', 'c'], tableSize: 2 })).toThrow(/at least the number of nodes, 3/);
    expect(createMaglev({ nodes: ['a', 'b'], tableSize: 2 }).get('k')).toMatch(/[ab]/);
  });

  it('moves few keys between nodes that stay', () => {
    const nodes = Array.from({ length: 50 }, (_, k) => `n${k}`);
    const [before, after] = [createMaglev({ nodes }), createMaglev({ nodes: nodes.slice(1) })];
    let moved = 0;
    for (let k = 0; k < 20_000; k++)
      if (before.get(`${k}`) !== 'n0' && before.get(`${k}`) !== after.get(`${k}`)) moved++;
    // A ring moves none of them; the paper reports a few per cent.
    expect(moved / 20_000).toBeLessThan(0.04);
  });
});
