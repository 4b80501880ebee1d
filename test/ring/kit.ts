import fc from 'fast-check';
import { hashText, hashWords, newHash128 } from '../../src/core/hash.ts';
import type { Ring, RingNode } from '../../src/ring/index.ts';
import { createRing, hashPosition } from '../../src/ring/index.ts';

/** Any text at all: empty, lone surrogates, names that objects have already, texts that end in digits. */
export const anyId: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('', '__proto__', 'constructor', 'n1', 'n11', 'n', '1', '11', '\ud800', '\udfff', '\ufffd'),
  fc.string({ maxLength: 6 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 4 }).map((codes) => String.fromCharCode(...codes)),
);

export const anyKey: fc.Arbitrary<string> = fc.oneof(anyId, fc.nat().map(String), fc.string({ unit: 'binary' }));

export const anyNode: fc.Arbitrary<RingNode> = fc.record(
  {
    id: anyId,
    weight: fc.oneof(fc.constantFrom(0, 1, 1, 1), fc.double({ min: 0, max: 4, noNaN: true })),
    zone: fc.constantFrom('a', 'b', 'c', ''),
  },
  { requiredKeys: ['id'] },
);

export function nodeLists(minLength = 0): fc.Arbitrary<RingNode[]> {
  return fc.uniqueArray(anyNode, { minLength, maxLength: 12, selector: ({ id }) => id });
}

/** Rings with many nodes to a stretch, with one, and with none. */
export const anyOptions: fc.Arbitrary<{ vnodes: number; seed: number }> = fc.record({
  vnodes: fc.integer({ min: 1, max: 40 }),
  seed: fc.constantFrom(0, 1, 2 ** 32 - 1),
});

export const keys: readonly string[] = Array.from({ length: 300 }, (_, k) => `key ${k}`);

interface Point {
  readonly position: number;
  readonly tie: number;
  readonly id: string;
}

/** The definition of placement, as slow as it is plain: all points sorted by (position, second hash, id). */
export function pointsOfModel(nodes: readonly RingNode[], vnodes: number, seed: number): Point[] {
  const points: Point[] = [];
  for (const { id, weight = 1 } of nodes) {
    const name = newHash128();
    hashText(name, id, seed);
    const count = weight > 0 ? Math.max(1, Math.round(vnodes * weight)) : 0;
    for (let k = 0; k < count; k++) {
      const point = newHash128();
      hashWords(point, k, name.b, name.a);
      points.push({ position: point.a >>> 0, tie: name.d >>> 0, id });
    }
  }
  return points.sort((x, y) => x.position - y.position || x.tie - y.tie || (x.id < y.id ? -1 : 1));
}

/** All nodes from a position on, by looking at every point. */
export function walkModel(points: readonly Point[], position: number): string[] {
  const first = points.findIndex((point) => point.position >= position);
  const turned = first < 0 ? points : [...points.slice(first), ...points.slice(0, first)];
  return [...new Set(turned.map(({ id }) => id))];
}

export function modelOf(ring: Ring, vnodes: number, seed: number): (key: string) => string[] {
  const points = pointsOfModel([...ring.nodes.values()], vnodes, seed);
  return (key) => walkModel(points, hashPosition(key, seed));
}

/** Which node every key has, to be compared. */
export function placementOf(ring: Ring): (string | undefined)[] {
  return keys.map((key) => ring.get(key));
}

export function ringOf(count: number, vnodes = 160): Ring {
  return createRing({ nodes: Array.from({ length: count }, (_, k) => `node-${k}`), vnodes });
}
