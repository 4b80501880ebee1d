import { describe, expect, it } from 'vitest';
import type { Ring, RingKey } from '../../src/ring/index.ts';
import { createRing, hashPosition } from '../../src/ring/index.ts';
import { COUNT, countOf, deviation, families } from './families.ts';
import { bytesOf, murmur, pointsOfModel, ringOf, walkModel } from './kit.ts';

/*
 * Statistical checks, each with a worse hash that fails it: a bound that everything passes tells nothing.
 */

type Get = (key: RingKey) => string | undefined;
type Owner = (position: number) => string | undefined;

const nodes = Array.from({ length: 50 }, (_, k) => `node-${k}`);

/** How often two places agree about a key, 1 being as often as by chance. */
function agreement(one: Get, other: Get): number {
  let same = 0;
  for (let k = 0; k < COUNT; k++) if (one(`${k}`) === other(`${k}`)) same++;
  return (same / COUNT) * nodes.length;
}

describe('seeds', () => {
  const getOf = (seed: number): Get => {
    const ring = createRing({ nodes, seed });
    return (key) => ring.get(key);
  };

  it('places independently for another seed', () => {
    for (const [one, other] of [
      [1, 2],
      [0, 2 ** 31],
      [5, 2 ** 32 - 1],
    ] as const)
      expect(Math.abs(agreement(getOf(one), getOf(other)) - 1)).toBeLessThan(0.25);
  });

  it('would fail that check if the seed were ignored, for keys or for nodes alone', () => {
    const ignoring = (): Get => getOf(1);
    expect(agreement(ignoring(), ignoring())).toBe(nodes.length);
    // Points by the seed, keys without: a key stays at its position, and so do gaps between positions.
    const clusters = (keySeed: (seed: number) => number): number => {
      const near = (seed: number): number =>
        Array.from({ length: COUNT }, (_, k) => hashPosition(`${k}`, keySeed(seed))).filter((at) => at < 2 ** 26)
          .length;
      return Array.from({ length: 20 }, (_, seed) => near(seed)).filter((count) => count === near(0)).length;
    };
    expect(clusters((seed) => seed)).toBeLessThan(10);
    expect(clusters(() => 0)).toBe(20);
  });
});

describe('names', () => {
  /** Ids whose first 32 bits of hash are equal: about ten pairs of 300,000. */
  const pairs = ((): [string, string][] => {
    const seen = new Map<number, string>();
    const found: [string, string][] = [];
    for (let k = 0; k < 300_000; k++) {
      const [id, hash] = [`node-${k}`, hashPosition(`node-${k}`)];
      const other = seen.get(hash);
      if (other === undefined) seen.set(hash, id);
      else found.push([other, id]);
    }
    return found;
  })();

  it('share no points although 32 bits of their hashes are equal', () => {
    expect(pairs.length).toBeGreaterThan(2);
    for (const pair of pairs) {
      for (const share of createRing({ nodes: pair, vnodes: 1000 }).ownership().values()) {
        expect(Math.abs(share - 0.5)).toBeLessThan(0.1);
      }
    }
  });

  it('would fail that check with a hash of 32 bits: one of each pair would own nothing', () => {
    for (const pair of pairs) {
      const points = pair.flatMap((id) =>
        Array.from({ length: 100 }, (_, k) => ({ position: murmur([k], murmur(bytesOf(id), 0)), id })),
      );
      expect(new Set(points.map(({ position }) => position)).size).toBe(points.length / 2);
    }
  });
});

describe('keys', () => {
  const ring: Ring = createRing({ nodes });
  const points = pointsOfModel(
    nodes.map((id) => ({ id })),
    20,
    0,
  );
  const small = createRing({ nodes, vnodes: 20 });

  /** The hash of effect 4.1.0 and many others, djb2: short texts stay in a corner of the ring. */
  const djb2 = (text: string): number => {
    let hash = 5381;
    for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 33) ^ text.charCodeAt(at)) >>> 0;
    return hash;
  };

  it('would fail the check of their distribution with djb2, and with 16 bits of ours', () => {
    const owner: Owner = (position) => walkModel(points, position)[0];
    const few = (get: Get): Map<string, number> => countOf(get, families['numbers']!);
    expect(
      deviation(
        few((key) => small.get(key)),
        small.ownership(),
      ),
    ).toBeLessThan(6);
    const cache = new Map<number, string | undefined>();
    const cached: Owner = (position) => {
      if (!cache.has(position)) cache.set(position, owner(position));
      return cache.get(position);
    };
    expect(
      deviation(
        few((key) => cached(djb2(key as string))),
        small.ownership(),
      ),
    ).toBeGreaterThan(100);
    const short = (key: RingKey): number => (hashPosition(key) & 0xff) << 24;
    expect(
      deviation(
        few((key) => cached(short(key) >>> 0)),
        small.ownership(),
      ),
    ).toBeGreaterThan(6);
  });

  it('spread what one node cannot take over all the others, not over a neighbour', () => {
    const counts = new Map<string, number>();
    let [tried, k] = [0, 0];
    for (; tried < 5000; k++) {
      if (ring.get(`${k}`) !== 'node-7') continue;
      tried++;
      const next = ring.pick(`${k}`, (id) => id !== 'node-7')!;
      counts.set(next, (counts.get(next) ?? 0) + 1);
    }
    expect(counts.size).toBeGreaterThan(40);
    expect(Math.max(...counts.values()) / tried).toBeLessThan(0.15);
    expect(ringOf(2).pick('key', () => true)).toBe(ringOf(2).get('key'));
  });
});
