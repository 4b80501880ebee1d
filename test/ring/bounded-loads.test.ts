import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LoadLease } from '../../src/ring/index.ts';
import { createBoundedLoads, createRing } from '../../src/ring/index.ts';
import { anyKey, anyOptions, nodeLists, ringOf } from './kit.ts';

const factors = fc.oneof(fc.constantFrom(1, 1.25, 2), fc.double({ min: 1, max: 3, noNaN: true }));
const steps = fc.array(
  fc.oneof(
    anyKey.map((key) => ({ key })),
    fc.nat().map((held) => ({ held })),
  ),
  { maxLength: 60 },
);

describe('createBoundedLoads', () => {
  it('takes a place only at a node that stays within ceil(factor * total * weight / weights), the first such of the walk', () => {
    fc.assert(
      fc.property(nodeLists(1), anyOptions, factors, steps, (nodes, options, factor, todo) => {
        const ring = createRing({ nodes, ...options });
        const loads = createBoundedLoads(ring, { factor });
        const weights = nodes.reduce((sum, { weight = 1 }) => sum + weight, 0);
        const held: LoadLease[] = [];
        for (const step of todo) {
          if ('held' in step) {
            held.splice(step.held % (held.length + 1), 1)[0]?.release();
            continue;
          }
          const cap = (id: string): number =>
            Math.ceil((factor * (held.length + 1) * ring.nodes.get(id)!.weight!) / weights);
          const expected = [...ring.walk(step.key)].find(
            (id) => held.filter(({ node }) => node === id).length < cap(id),
          );
          const lease = loads.acquire(step.key);
          expect(lease?.node).toBe(expected);
          expect(lease === undefined).toBe(weights === 0);
          if (lease) held.push(lease);
        }
        for (const { id } of nodes) expect(loads.load(id)).toBe(held.filter(({ node }) => node === id).length);
      }),
    );
  });

  it('spreads one hot key evenly', () => {
    const loads = createBoundedLoads(ringOf(10), { factor: 1 });
    for (let k = 0; k < 1000; k++) loads.acquire('hot');
    for (let k = 0; k < 10; k++) expect(loads.load(`node-${k}`)).toBe(100);
  });

  it('spreads one hot key by weight, and none to a node without', () => {
    const weights = { a: 1, b: 3, c: 0.5, d: 0 };
    const ring = createRing({ nodes: Object.entries(weights).map(([id, weight]) => ({ id, weight })) });
    const loads = createBoundedLoads(ring, { factor: 1 });
    for (let k = 0; k < 90; k++) loads.acquire('hot');
    expect(Object.keys(weights).map((id) => loads.load(id))).toEqual([20, 60, 10, 0]);
    expect(loads.load('nobody')).toBe(0);
  });

  it('gives the owner while it has room', () => {
    const ring = ringOf(5);
    for (let k = 0; k < 100; k++) {
      expect(createBoundedLoads(ring, { factor: 1 }).acquire(`key ${k}`)?.node).toBe(ring.get(`key ${k}`));
    }
  });

  it('gives a place back once, however often it is released', () => {
    const loads = createBoundedLoads(createRing({ nodes: ['a'] }), { factor: 1 });
    const [first, second] = [loads.acquire('k')!, loads.acquire('k')!];
    first.release();
    first.release();
    first[Symbol.dispose]();
    expect(loads.load('a')).toBe(1);
    second[Symbol.dispose]();
    expect(loads.load('a')).toBe(0);
  });

  it('has no place when no node has a weight', () => {
    expect(
      createBoundedLoads(createRing({ nodes: [{ id: 'a', weight: 0 }] }), { factor: 1 }).acquire('k'),
    ).toBeUndefined();
    expect(createBoundedLoads(createRing(), { factor: 1 }).acquire('k')).toBeUndefined();
  });

  it.each([0.99, 0, -1, Number.NaN, Infinity])('refuses a factor of %s', (factor) => {
    expect(() => createBoundedLoads(ringOf(1), { factor })).toThrow(/^factor must be/);
  });
});
