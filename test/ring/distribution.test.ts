import { describe, expect, it } from 'vitest';
import { createMaglev, createRendezvous, createRing, jumpHash } from '../../src/ring/index.ts';
import { ringOf } from './kit.ts';

const COUNT = 20_000;
const pad = (k: number, length: number): string => String(k).padStart(length, '0');

/** Keys as they come: numbers, prefixes, suffixes, short ones, long ones, other scripts, bytes. */
const families: Readonly<Record<string, (k: number) => string | Uint8Array>> = {
  numbers: (k) => String(k),
  'padded numbers': (k) => pad(k, 10),
  'prefixed numbers': (k) => `user:${k}`,
  'suffixed numbers': (k) => `${k}:profile:settings`,
  'two characters and more': (k) => k.toString(36),
  'powers of two apart': (k) => String(k * 65_536),
  UUIDs: (k) => `${pad(k, 8)}-0000-4000-8000-${pad((k * 7919) % 1_000_003, 12)}`,
  URLs: (k) => `https://example.com/articles/${k % 100}/comments/${k}?page=1`,
  CJK: (k) => `鍵${String.fromCharCode(0x4e00 + (k % 20_000))}${Math.floor(k / 20_000)}`,
  emoji: (k) => `😀${String.fromCodePoint(0x1f300 + (k % 200))}${k}`,
  bytes: (k) => Uint8Array.of(k, k >> 8, 0, 0),
};

/** How many standard deviations a chi-square statistic is above its mean. */
function deviation(counts: ReadonlyMap<string, number>, shares: ReadonlyMap<string, number>): number {
  let chi = 0;
  for (const [id, share] of shares) chi += ((counts.get(id) ?? 0) - COUNT * share) ** 2 / (COUNT * share);
  const freedom = shares.size - 1;
  return (chi - freedom) / Math.sqrt(2 * freedom);
}

function countOf(
  get: (key: string | Uint8Array) => string | undefined,
  family: (k: number) => string | Uint8Array,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (let k = 0; k < COUNT; k++) {
    const id = get(family(k))!;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

const nodes = Array.from({ length: 50 }, (_, k) => ({ id: `node-${k}`, weight: 1 + (k % 3) }));
const weights = nodes.reduce((sum, { weight }) => sum + weight, 0);
const fair = new Map(nodes.map(({ id, weight }) => [id, weight / weights]));
const even = new Map(Array.from({ length: 50 }, (_, k) => [String(k), 1 / 50]));

describe.each(Object.entries(families))('keys that are %s', (_, family) => {
  it('follow the ownership of the ring', () => {
    const ring = createRing({ nodes });
    expect(
      Math.abs(
        deviation(
          countOf((key) => ring.get(key), family),
          ring.ownership(),
        ),
      ),
    ).toBeLessThan(6);
  });

  it('follow the weights of rendezvous', () => {
    const rendezvous = createRendezvous({ nodes });
    expect(
      Math.abs(
        deviation(
          countOf((key) => rendezvous.get(key), family),
          fair,
        ),
      ),
    ).toBeLessThan(6);
  });

  it('follow the weights of maglev', () => {
    const maglev = createMaglev({ nodes });
    expect(
      Math.abs(
        deviation(
          countOf((key) => maglev.get(key), family),
          fair,
        ),
      ),
    ).toBeLessThan(6);
  });

  it('fall evenly into the buckets of jumpHash', () => {
    expect(
      Math.abs(
        deviation(
          countOf((key) => String(jumpHash(key, 50)), family),
          even,
        ),
      ),
    ).toBeLessThan(6);
  });
});

describe('balance', () => {
  it('spreads the shares of equal nodes by 1/sqrt(vnodes) around their mean', () => {
    for (const vnodes of [40, 160, 512]) {
      const shares = [...ringOf(1000, vnodes).ownership().values()].map((share) => share * 1000);
      const variance = shares.reduce((sum, share) => sum + (share - 1) ** 2, 0) / 1000;
      // A deviation estimated from 1000 shares is off by 2.2 % itself.
      expect(Math.abs(Math.sqrt(variance * vnodes) - 1)).toBeLessThan(0.11);
    }
  });

  it('has its fullest node where theory puts it', () => {
    for (const [count, peak] of [
      [10, 1.1],
      [100, 1.22],
      [1000, 1.3],
    ] as const) {
      const peaks = Array.from({ length: 9 }, (_, seed) => {
        const ring = createRing({ nodes: Array.from({ length: count }, (__, k) => `${k}`), seed });
        return Math.max(...ring.ownership().values()) * count;
      });
      expect(Math.abs(peaks.sort((x, y) => x - y)[4]! - peak)).toBeLessThan(0.06);
    }
  });

  it('is even for names that are numbers, repeat one character, or are nearly equal', () => {
    for (const name of [String, (k: number): string => '1'.repeat(k + 1), (k: number): string => `10.0.0.${k}:6379`]) {
      const shares = [
        ...createRing({ nodes: Array.from({ length: 20 }, (_, k) => name(k)) })
          .ownership()
          .values(),
      ];
      expect(Math.max(...shares) * 20).toBeLessThan(1.35);
      expect(Math.min(...shares) * 20).toBeGreaterThan(0.65);
    }
  });

  it('places independently for another seed', () => {
    const nodesOf = (seed: number): ((key: string) => string | undefined) => {
      const ring = createRing({ nodes, seed });
      return (key) => ring.get(key);
    };
    const [one, other] = [nodesOf(1), nodesOf(2)];
    let same = 0;
    for (let k = 0; k < COUNT; k++) if (one(`${k}`) === other(`${k}`)) same++;
    const chance = [...fair.values()].reduce((sum, share) => sum + share ** 2, 0);
    expect(Math.abs(same / COUNT / chance - 1)).toBeLessThan(0.25);
  });
});
