import { describe, expect, it } from 'vitest';
import type { Ring } from '../../src/ring/index.ts';
import { createBoundedLoads, createKetamaRing, createRing, diffRings, renderRing } from '../../src/ring/index.ts';
import { heapGrowth } from '../support/leaks.ts';
import { ringOf } from './kit.ts';

/** Less than a hundredth of a byte per call. */
const NOTHING = 2000;

describe('memory', () => {
  it('stays the same over any number of keys and places, hostile ones too', async () => {
    const ring = ringOf(20);
    const ketama = createKetamaRing(['a', 'b', 'c']);
    const loads = createBoundedLoads(ring, { factor: 1.25 });
    const growth = await heapGrowth(
      (index) => {
        const key = `${index % 2 ? '漢' : 'key'}-${index}`;
        ring.get(key);
        ring.getN(key, 3, { spread: 'zone' });
        ring.walk(key).next();
        ketama.get(key);
        const lease = loads.acquire(key)!;
        // What was taken twice, and given back twice, is nothing.
        loads.acquire(key)!.release();
        lease.release();
        lease.release();
      },
      { operations: 50_000 },
    );
    expect(growth).toBeLessThan(NOTHING);
    for (const id of ring.nodes.keys()) expect(loads.load(id)).toBe(0);
  });

  it('of a ring does not depend on how often nodes came and went', async () => {
    let ring: Ring = ringOf(20);
    const growth = await heapGrowth(
      (index) => {
        ring = ring
          .with(`joining ${index}`)
          .reweight('node-3', 1 + (index % 3))
          .without(`joining ${index}`);
        if (index % 100 === 0) diffRings(ring, ringOf(20));
      },
      { operations: 500 },
    );
    expect(growth).toBeLessThan(NOTHING * 10);
    expect(ring.size).toBe(20);
    expect(renderRing(ring)).toBe(renderRing(createRing({ nodes: ring.nodes.values() })));
  });

  it('is not kept for a key of a megabyte, of any kind', () => {
    const ring = ringOf(5);
    for (const unit of ['x', 'é', '漢', '😀', '\ud800']) {
      const key = unit.repeat(2 ** 20);
      expect(ring.get(key)).toBe(ring.getN(key, 2)[0]);
      expect(ring.with(key).nodes.has(key)).toBe(true);
    }
  });
});
