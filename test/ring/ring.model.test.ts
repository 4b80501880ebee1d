import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ring, RingNode } from '../../src/ring/index.ts';
import { createRing, diffRings, hashPosition } from '../../src/ring/index.ts';
import { anyId, pointsOfModel, walkModel } from './kit.ts';

/** The nodes, and nothing else: who serves a key is looked up point by point. */
interface Model {
  readonly vnodes: number;
  readonly seed: number;
  readonly nodes: Map<string, RingNode>;
}
interface Real {
  ring: Ring;
}
type Command = fc.Command<Model, Real>;

const lookups = ['', 'a', 'user:7', '鍵', '\ud800', 'x'.repeat(60)];

function expectAlike({ nodes, vnodes, seed }: Model, ring: Ring): void {
  const points = pointsOfModel([...nodes.values()], vnodes, seed);
  expect([ring.size, ring.points]).toEqual([nodes.size, points.length]);
  for (const key of lookups) {
    const walk = walkModel(points, hashPosition(key, seed));
    const rounds = new Map<unknown, number>();
    const ranked = walk.map((id, place) => {
      const zone = nodes.get(id)?.zone ?? nodes.get(id);
      rounds.set(zone, (rounds.get(zone) ?? 0) + 1);
      return { id, place, round: rounds.get(zone)! };
    });
    ranked.sort((x, y) => x.round - y.round || x.place - y.place);
    expect(ring.get(key)).toBe(walk[0]);
    expect([...ring.walk(key)]).toEqual(walk);
    for (const count of [0, 1, 3, 99]) {
      expect(ring.getN(key, count)).toEqual(walk.slice(0, count));
      expect(ring.getN(key, count, { spread: 'zone' })).toEqual(ranked.slice(0, count).map(({ id }) => id));
    }
  }
}

/** A change of the one node `id`, by which not one position may move between two others. */
function change(name: string, id: string, run: (model: Model, ring: Ring) => Ring): Command {
  return {
    check: () => true,
    run(model, real) {
      const after = run(model, real.ring);
      for (const { from, to } of diffRings(real.ring, after).ranges) expect([from, to]).toContain(id);
      real.ring = after;
      expectAlike(model, real.ring);
    },
    toString: () => `${name} ${JSON.stringify(id)}`,
  };
}

const join = (node: RingNode): Command =>
  change('join', node.id, ({ nodes }, ring) => {
    if (nodes.has(node.id)) {
      expect(() => ring.with(node)).toThrow(/^id must be new to the ring/);
      return ring;
    }
    nodes.set(node.id, node);
    return ring.with(node);
  });

const leave = (id: string): Command =>
  change('leave', id, ({ nodes }, ring) => {
    if (!nodes.delete(id)) expect(ring.without(id)).toBe(ring);
    return ring.without(id);
  });

const reweight = (id: string, weight: number): Command =>
  change(`weight ${weight} for`, id, ({ nodes }, ring) => {
    if (!nodes.has(id)) {
      expect(() => ring.reweight(id, weight)).toThrow(/^id must be in the ring/);
      return ring;
    }
    nodes.set(id, { ...nodes.get(id)!, weight });
    return ring.reweight(id, weight);
  });

describe('createRing', () => {
  it('places as its definition says through any history of joining, leaving and reweighting', () => {
    const ids = fc.oneof(fc.constantFrom('n1', 'n11', '__proto__'), anyId);
    const weights = fc.constantFrom(0, 0.01, 1, 1, 2.5);
    const node = fc.record({ id: ids, weight: weights, zone: fc.constantFrom('a', 'b', '') }, { requiredKeys: ['id'] });
    const commands = fc.commands(
      [
        node.map(join),
        node.map(join),
        ids.map(leave),
        fc.tuple(ids, weights).map(([id, weight]) => reweight(id, weight)),
      ],
      { maxCommands: 12 },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom(0, 2 ** 32 - 1),
        commands,
        (vnodes, seed, history) => {
          const start = {
            model: { vnodes, seed, nodes: new Map<string, RingNode>() },
            real: { ring: createRing({ vnodes, seed }) },
          };
          fc.modelRun(() => start, history);
        },
      ),
      { numRuns: 60 },
    );
  });
});
