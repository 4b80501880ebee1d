import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRendezvous } from '../../src/ring/index.ts';
import { anyKey, anyNode, keys, nodeLists } from './kit.ts';

const seeds = fc.constantFrom(0, 1, 2 ** 32 - 1);

describe('createRendezvous', () => {
  it('does not depend on the order of nodes, and moves only keys of the node that comes, goes or changes its weight', () => {
    fc.assert(
      fc.property(nodeLists(1), anyNode, seeds, (nodes, joining, seed) => {
        fc.pre(nodes.every(({ id }) => id !== joining.id));
        const before = createRendezvous({ nodes, seed });
        const after = createRendezvous({ nodes: [joining, ...[...nodes].reverse()], seed });
        for (const key of keys) expect([before.get(key), joining.id]).toContain(after.get(key));
        const { id, weight = 1 } = nodes[0]!;
        const heavier = createRendezvous({ nodes: [...nodes.slice(1), { id, weight: weight * 2 + 0.1 }], seed });
        for (const key of keys) expect([before.get(key), id]).toContain(heavier.get(key));
      }),
    );
  });

  it('gives the owner first and goes on with who would own the key if it left', () => {
    fc.assert(
      fc.property(nodeLists(), seeds, anyKey, fc.nat(14), (nodes, seed, key, count) => {
        const all = createRendezvous({ nodes, seed }).getN(key, 99);
        let left = nodes;
        for (const id of all) {
          expect(createRendezvous({ nodes: left, seed }).get(key)).toBe(id);
          left = left.filter((node) => node.id !== id);
        }
        expect(createRendezvous({ nodes: left, seed }).get(key)).toBeUndefined();
        expect(createRendezvous({ nodes, seed }).getN(key, count)).toEqual(all.slice(0, count));
      }),
    );
  });

  it('spreads replicas over zones round by round', () => {
    const nodes = Array.from({ length: 12 }, (_, k) => ({ id: `n${k}`, zone: `z${k % 3}` }));
    const rendezvous = createRendezvous({ nodes });
    for (const key of keys) {
      const zones = rendezvous.getN(key, 6, { spread: 'zone' }).map((id) => Number(id.slice(1)) % 3);
      expect(new Set(zones.slice(0, 3)).size).toBe(3);
      expect(new Set(zones.slice(3)).size).toBe(3);
    }
  });

  it('has no answer without nodes', () => {
    expect(createRendezvous({}).get('key')).toBeUndefined();
    expect(createRendezvous({}).getN('key', 3)).toEqual([]);
  });
});
