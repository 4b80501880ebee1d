import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRing, hashPosition } from '../../src/ring/index.ts';
import { anyId, anyKey, anyNode, anyOptions, keys, modelOf, nodeLists, placementOf } from './kit.ts';

const encoder = new TextEncoder();
const ringAndOptions = fc.record({ nodes: nodeLists(), options: anyOptions });
const weights = fc.oneof(fc.constantFrom(0, 1, 2), fc.double({ min: 0, max: 4, noNaN: true }));

describe('placement', () => {
  it('places a key at the first point at or after its position, ties by second hash and id', () => {
    fc.assert(
      fc.property(nodeLists(), anyOptions, fc.array(anyKey, { maxLength: 30 }), (nodes, { vnodes, seed }, some) => {
        const ring = createRing({ nodes, vnodes, seed });
        const walk = modelOf(ring, vnodes, seed);
        for (const key of [...some, ...keys.slice(0, 20)]) {
          expect(ring.get(key)).toBe(walk(key)[0]);
          expect([...ring.walk(key)]).toEqual(walk(key));
          expect(ring.getN(key, 100)).toEqual(walk(key));
        }
      }),
    );
  });

  it('does not depend on the order of nodes or on the way they came', () => {
    fc.assert(
      fc.property(nodeLists(), anyOptions, fc.integer(), (nodes, options, turn) => {
        const shuffled = nodes
          .map((node, k) => ({ node, rank: Math.imul(k + 1, turn | 1) }))
          .sort((x, y) => x.rank - y.rank);
        const once = placementOf(createRing({ nodes, ...options }));
        let step = createRing(options);
        for (const { node } of shuffled) step = step.with(node);
        expect(placementOf(createRing({ nodes: shuffled.map(({ node }) => node), ...options }))).toEqual(once);
        expect(placementOf(step)).toEqual(once);
      }),
    );
  });

  it('takes text and its UTF-8 bytes for the same key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), nodeLists(1), (key, nodes) => {
        const ring = createRing({ nodes, vnodes: 8 });
        expect(ring.get(encoder.encode(key))).toBe(ring.get(key));
        expect(hashPosition(encoder.encode(key), 7)).toBe(hashPosition(key, 7));
      }),
    );
  });
});

describe('minimal movement', () => {
  it('moves keys only to a node that joins', () => {
    fc.assert(
      fc.property(ringAndOptions, anyNode, ({ nodes, options }, joining) => {
        fc.pre(nodes.every(({ id }) => id !== joining.id));
        const before = createRing({ nodes, ...options });
        const after = before.with(joining);
        for (const key of keys) expect([before.get(key), joining.id]).toContain(after.get(key));
      }),
    );
  });

  it('moves only the keys of a node that leaves', () => {
    fc.assert(
      fc.property(nodeLists(1), anyOptions, fc.nat(), (nodes, options, which) => {
        const { id } = nodes[which % nodes.length]!;
        const before = createRing({ nodes, ...options });
        const after = before.without(id);
        expect(after.nodes.has(id)).toBe(false);
        for (const key of keys) {
          if (before.get(key) === id) expect(after.get(key)).not.toBe(id);
          else expect(after.get(key)).toBe(before.get(key));
        }
      }),
    );
  });

  it('moves keys only to a node whose weight goes up, and only from one whose weight goes down', () => {
    fc.assert(
      fc.property(nodeLists(1), anyOptions, fc.nat(), weights, (nodes, options, which, weight) => {
        const { id, weight: old = 1 } = nodes[which % nodes.length]!;
        const before = createRing({ nodes, ...options });
        const after = before.reweight(id, weight);
        expect(after.nodes.get(id)?.weight).toBe(weight);
        for (const key of keys) {
          const [from, to] = [before.get(key), after.get(key)];
          if (from !== to) expect(weight > old ? to : from).toBe(id);
        }
      }),
    );
  });

  it('places with a weight of 0 as without the node', () => {
    fc.assert(
      fc.property(nodeLists(1), anyOptions, fc.nat(), (nodes, options, which) => {
        const { id } = nodes[which % nodes.length]!;
        const ring = createRing({ nodes, ...options });
        expect(placementOf(ring.reweight(id, 0))).toEqual(placementOf(ring.without(id)));
        expect(ring.reweight(id, 0).ownership().get(id)).toBe(0);
      }),
    );
  });

  it('is back where it was when a node has joined and left, or a weight has changed and changed back', () => {
    fc.assert(
      fc.property(nodeLists(1), anyOptions, anyNode, weights, (nodes, options, joining, weight) => {
        fc.pre(nodes.every(({ id }) => id !== joining.id));
        const ring = createRing({ nodes, ...options });
        const { id, weight: old = 1 } = nodes[0]!;
        const [joined, reweighted] = [ring.with(joining), ring.reweight(id, weight)];
        expect(placementOf(joined.without(joining.id))).toEqual(placementOf(ring));
        expect(placementOf(reweighted.reweight(id, old))).toEqual(placementOf(ring));
        expect([...joined.without(joining.id).ownership()]).toEqual([...ring.ownership()]);
      }),
    );
  });

  it('equals a ring made anew after any changes, also where points share positions', () => {
    const change = fc.record({ kind: fc.constantFrom('with', 'without', 'reweight'), id: anyId, weight: weights });
    fc.assert(
      fc.property(nodeLists(), anyOptions, fc.array(change, { maxLength: 12 }), (nodes, options, changes) => {
        let ring = createRing({ nodes, ...options });
        for (const { kind, id, weight } of changes) {
          if (!ring.nodes.has(id)) ring = ring.with({ id, weight });
          else if (kind === 'reweight') ring = ring.reweight(id, weight);
          else ring = ring.without(id);
          const fresh = createRing({ nodes: ring.nodes.values(), ...options });
          expect(placementOf(ring)).toEqual(placementOf(fresh));
          expect(ring.ownership()).toEqual(fresh.ownership());
          expect(ring.points).toBe(fresh.points);
        }
      }),
    );
  });
});

describe('replicas', () => {
  it('gives the owner first, then different nodes, as many as asked for or as have a weight', () => {
    fc.assert(
      fc.property(
        ringAndOptions,
        anyKey,
        fc.nat(15),
        fc.constantFrom('node' as const, 'zone' as const),
        ({ nodes, options }, key, count, spread) => {
          const ring = createRing({ nodes, ...options });
          const replicas = ring.getN(key, count, { spread });
          const live = nodes.filter(({ weight = 1 }) => weight > 0).length;
          expect(new Set(replicas).size).toBe(Math.min(count, live));
          expect(replicas.length).toBe(Math.min(count, live));
          if (replicas.length > 0) expect(replicas[0]).toBe(ring.get(key));
          expect(ring.getN(key, 100, { spread }).slice(0, count)).toEqual(replicas);
        },
      ),
    );
  });

  it('keeps the other replicas in order when one leaves, adds one at the end, and does not change when another node leaves', () => {
    fc.assert(
      fc.property(
        nodeLists(1),
        anyOptions,
        anyKey,
        fc.integer({ min: 1, max: 6 }),
        fc.nat(),
        (nodes, options, key, count, which) => {
          const ring = createRing({ nodes, ...options });
          const { id } = nodes[which % nodes.length]!;
          const before = ring.getN(key, count);
          const after = ring.without(id).getN(key, count);
          const rest = before.filter((one) => one !== id);
          expect(after.slice(0, rest.length)).toEqual(rest);
          expect(after.length - rest.length).toBeLessThanOrEqual(before.includes(id) ? 1 : 0);
        },
      ),
    );
  });

  it('gives no zone a second replica while a zone with a free node has none, round by round', () => {
    fc.assert(
      fc.property(nodeLists(1), anyOptions, anyKey, fc.integer({ min: 1, max: 12 }), (nodes, options, key, count) => {
        const ring = createRing({ nodes, ...options });
        const zoneOf = (id: string): string => zoneName(nodes.find((node) => node.id === id)!);
        const sizes = tally([...ring.walk(key)].map(zoneOf));
        const held = tally(ring.getN(key, count, { spread: 'zone' }).map(zoneOf));
        const least = Math.min(
          ...[...sizes].filter(([zone, size]) => (held.get(zone) ?? 0) < size).map(([zone]) => held.get(zone) ?? 0),
        );
        for (const replicas of held.values()) expect(replicas).toBeLessThanOrEqual(least + 1);
      }),
    );
  });

  it('replaces exactly one replica when a node that holds one of them fails, also over zones', () => {
    fc.assert(
      fc.property(
        nodeLists(1),
        anyOptions,
        anyKey,
        fc.integer({ min: 1, max: 8 }),
        fc.nat(),
        (nodes, options, key, count, which) => {
          const ring = createRing({ nodes, ...options });
          const { id } = nodes[which % nodes.length]!;
          const before = ring.getN(key, count, { spread: 'zone' });
          const after = ring.without(id).getN(key, count, { spread: 'zone' });
          expect(before.filter((one) => !after.includes(one))).toEqual(before.includes(id) ? [id] : []);
          expect(after.filter((one) => !before.includes(one)).length).toBeLessThanOrEqual(before.includes(id) ? 1 : 0);
        },
      ),
    );
  });

  it('takes the nodes of a zone in the order of the ring, and zones in the order of their next nodes', () => {
    fc.assert(
      fc.property(nodeLists(), anyOptions, anyKey, (nodes, options, key) => {
        const ring = createRing({ nodes, ...options });
        const given = new Map<string, number>();
        const ranked = [...ring.walk(key)].map((id, place) => {
          const zone = zoneName(nodes.find((node) => node.id === id)!);
          given.set(zone, (given.get(zone) ?? 0) + 1);
          return { id, place, round: given.get(zone)! };
        });
        ranked.sort((x, y) => x.round - y.round || x.place - y.place);
        expect(ring.getN(key, 99, { spread: 'zone' })).toEqual(ranked.map(({ id }) => id));
      }),
    );
  });
});

describe('pick', () => {
  it('picks the first node of the walk that is accepted, and asks none twice', () => {
    fc.assert(
      fc.property(nodeLists(), anyOptions, anyKey, fc.func(fc.boolean()), (nodes, options, key, accept) => {
        const ring = createRing({ nodes, ...options });
        const asked: string[] = [];
        const picked = ring.pick(key, (id) => {
          asked.push(id);
          return accept(id);
        });
        const walk = [...ring.walk(key)];
        expect(picked).toBe(walk.find((id) => accept(id)));
        expect(asked).toEqual(picked === undefined ? walk : walk.slice(0, walk.indexOf(picked) + 1));
      }),
    );
  });
});

describe('ownership', () => {
  it('is exact: the positions between points, and 1 in all', () => {
    fc.assert(
      fc.property(nodeLists(), anyOptions, (nodes, options) => {
        const ring = createRing({ nodes, ...options });
        const shares = ring.ownership();
        expect([...shares.keys()]).toEqual(nodes.map(({ id }) => id));
        expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBe(ring.points > 0 ? 1 : 0);
        for (const { id, weight = 1 } of nodes) expect(shares.get(id)! > 0).toBe(weight > 0);
      }),
    );
  });
});

function zoneName({ id, zone }: { readonly id: string; readonly zone?: string | undefined }): string {
  return zone === undefined ? `own ${id}` : `zone ${zone}`;
}

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
