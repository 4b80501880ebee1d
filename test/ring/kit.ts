import fc from 'fast-check';
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

/** MurmurHash3_x86_32, step by step in whole numbers as its author has it. */
export function murmur(bytes: Iterable<number>, seed: number): number {
  const turn = (x: bigint, by: bigint): bigint => BigInt.asUintN(32, (x << by) | (x >> (32n - by)));
  const stir = (word: bigint): bigint =>
    BigInt.asUintN(32, turn(BigInt.asUintN(32, word * 0xcc9e2d51n), 15n) * 0x1b873593n);
  const all = [...bytes];
  let hash = BigInt(seed);
  for (let at = 0; at < all.length; at += 4) {
    const word = all.slice(at, at + 4).reduce((sum, byte, k) => sum | (BigInt(byte) << BigInt(8 * k)), 0n);
    hash ^= stir(word);
    if (at + 4 <= all.length) hash = BigInt.asUintN(32, turn(hash, 13n) * 5n + 0xe6546b64n);
  }
  hash ^= BigInt(all.length);
  for (const [shift, factor] of [
    [16n, 0x85ebca6bn],
    [13n, 0xc2b2ae35n],
  ] as const)
    hash = BigInt.asUintN(32, (hash ^ (hash >> shift)) * factor);
  return Number(hash ^ (hash >> 16n));
}

/** UTF-8, with a lone surrogate as the three bytes that it would have. */
export function bytesOf(text: string): number[] {
  return Array.from(text).flatMap((character) => {
    const code = character.codePointAt(0)!;
    if (code < 0xd800 || code > 0xdfff) return [...new TextEncoder().encode(character)];
    return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)];
  });
}

function wordBytes(...words: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer);
}

interface Point {
  readonly position: number;
  readonly tie: number;
  readonly id: string;
}

/** The definition of placement, as slow as it is plain: all points sorted by (position, second hash, id). */
export function pointsOfModel(nodes: readonly RingNode[], vnodes: number, seed: number): Point[] {
  const points: Point[] = [];
  for (const { id, weight = 1 } of nodes) {
    const [a, b] = [murmur(bytesOf(id), seed), murmur([0, ...bytesOf(id)], seed)];
    const count = weight > 0 ? Math.max(1, Math.round(vnodes * weight)) : 0;
    for (let k = 0; k < count; k++) points.push({ position: murmur(wordBytes(k, b), a), tie: b | 0, id });
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
