import { describe, expect, it } from 'vitest';
import { createMaglev, createRendezvous, createRing, hashPosition, jumpHash } from '../../src/ring/index.ts';
import vectors from './vectors.json' with { type: 'json' };

describe('placement of version 1', () => {
  it('is what it was in the first version, for good', () => {
    for (const { key, seed, position } of vectors.positions) expect(hashPosition(key, seed)).toBe(position);
    for (const { nodes, vnodes, seed, ownership, getN, zones } of vectors.rings) {
      const ring = createRing({ nodes, vnodes, seed });
      const positions = [...ring.ownership()].map(([id, share]) => [`id ${id}`, share * 2 ** 32]);
      expect(Object.fromEntries(positions)).toEqual(ownership);
      for (const row of getN) expect(ring.getN(row.key, 3)).toEqual(row.nodes);
      for (const row of zones) expect(ring.getN(row.key, 3, { spread: 'zone' })).toEqual(row.nodes);
    }
  });

  it('takes a lone surrogate for the three bytes that UTF-8 would have for it', () => {
    expect(hashPosition('\ud800')).toBe(hashPosition(Uint8Array.of(0xed, 0xa0, 0x80)));
    expect(hashPosition('\ud800')).not.toBe(hashPosition('\ufffd'));
  });

  it('is kept by rendezvous, maglev and jump hash too', () => {
    for (const { nodes, seed, getN } of vectors.rendezvous) {
      for (const row of getN) expect(createRendezvous({ nodes, seed }).getN(row.key, 3)).toEqual(row.nodes);
    }
    for (const { nodes, seed, get } of vectors.maglev) {
      const maglev = createMaglev({ nodes, seed });
      for (const row of get) expect(maglev.get(row.key)).toBe(row.node);
    }
    for (const { key, buckets, bucket } of vectors.jump) expect(jumpHash(key, buckets)).toBe(bucket);
  });
});
