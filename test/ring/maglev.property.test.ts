import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMaglev } from '../../src/ring/index.ts';
import { keys, nodeLists } from './kit.ts';

describe('createMaglev', () => {
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
