import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRendezvous, hashPosition } from '../../src/ring/index.ts';
import { anyKey, anyNode, bytesOf, keys, murmur, nodeLists } from './kit.ts';

const seeds = fc.constantFrom(0, 1, 2 ** 32 - 1);

/** `-ln(u)` of the number u in (0, 1) that a node and a key give, by the engine's own logarithm. */
function drawOf(id: string, key: string, seed: number): number {
  const [a, b] = [murmur(bytesOf(id), seed), murmur([0, ...bytesOf(id)], seed)];
  const hash = hashPosition(key, seed);
  const words = (x: number, y: number): Uint8Array => new Uint8Array(Uint32Array.of(x, y).buffer);
  return -Math.log((murmur(words(hash, b), a) + (murmur(words(hash, a), b) + 0.5) / 2 ** 32) / 2 ** 32);
}

describe('createRendezvous', () => {
  it('ranks nodes by the logarithm of a number of each, divided by the weight', () => {
    fc.assert(
      fc.property(nodeLists(), seeds, fc.array(anyKey, { minLength: 1, maxLength: 3 }), (all, seed, some) => {
        // Of smaller weights the quotients are infinite, and nodes go by their own order.
        const nodes = all.filter(({ weight = 1 }) => weight === 0 || weight > 1e-300);
        const rendezvous = createRendezvous({ nodes, seed });
        const live = nodes.filter(({ weight = 1 }) => weight > 0);
        for (const key of some) {
          const costs = new Map(live.map(({ id, weight = 1 }) => [id, drawOf(id, key, seed) / weight]));
          const ranked = [...costs].sort(([, x], [, y]) => x - y).map(([id]) => id);
          expect(rendezvous.getN(key, 99)).toEqual(ranked);
          expect(rendezvous.get(key)).toBe(ranked[0]);
        }
      }),
    );
  });

  it('weighs to ten digits: a little more or less than what makes two nodes equal tips the scales', () => {
    let tried = 0;
    for (let k = 0; k < 600; k++) {
      const [a, b] = [drawOf('a', `${k}`, 0), drawOf('b', `${k}`, 0)];
      if (Math.min(a, b) < 0.4) continue;
      tried++;
      const getOf = (weight: number): string | undefined =>
        createRendezvous({ nodes: ['a', { id: 'b', weight }] }).get(`${k}`);
      expect([getOf((b / a) * (1 - 3e-11)), getOf((b / a) * (1 + 3e-11))]).toEqual(['a', 'b']);
    }
    expect(tried).toBeGreaterThan(100);
  });

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
