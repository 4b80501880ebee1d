import { describe, expect, it } from 'vitest';
import { createMaglev, createRendezvous, createRing, jumpHash } from '../../src/ring/index.ts';
import { countOf, deviation, families } from './families.ts';
import { ringOf } from './kit.ts';

const nodes = Array.from({ length: 50 }, (_, k) => ({ id: `node-${k}`, weight: 1 + (k % 3) }));
const weights = nodes.reduce((sum, { weight }) => sum + weight, 0);
const fair = new Map(nodes.map(({ id, weight }) => [id, weight / weights]));
const even = new Map(Array.from({ length: 50 }, (_, k) => [String(k), 1 / 50]));

describe.each(Object.entries(families))('keys that are %s', (_, family) => {
  it('follow the ownership of the ring', () => {
    const ring = createRing({ nodes });
    expect(
      deviation(
        countOf((key) => ring.get(key), family),
        ring.ownership(),
      ),
    ).toBeLessThan(6);
  });

  it('follow the weights of rendezvous', () => {
    const rendezvous = createRendezvous({ nodes });
    expect(
      deviation(
        countOf((key) => rendezvous.get(key), family),
        fair,
      ),
    ).toBeLessThan(6);
  });

  it('follow the weights of maglev', () => {
    const maglev = createMaglev({ nodes });
    expect(
      deviation(
        countOf((key) => maglev.get(key), family),
        fair,
      ),
    ).toBeLessThan(6);
  });

  it('fall evenly into the buckets of jumpHash', () => {
    expect(
      deviation(
        countOf((key) => String(jumpHash(key, 50)), family),
        even,
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
    for (const [vnodes, count, peak] of [
      [160, 10, 1.1],
      [160, 100, 1.22],
      [160, 1000, 1.3],
      [512, 10, 1.08],
      [512, 100, 1.1],
    ] as const) {
      const peaks = Array.from({ length: 9 }, (_, seed) => {
        const ring = createRing({ nodes: Array.from({ length: count }, (__, k) => `${k}`), vnodes, seed });
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
});
