import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRoundRobin, createWeightedRoundRobin } from '../../src/balance/index.ts';
import { countOf, hosts, picks } from './kit.ts';

describe('createRoundRobin', () => {
  it('gives each host as many picks as any other, give or take one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(100), (count, total) => {
        const picker = createRoundRobin(hosts(...Array.from({ length: count }, () => 1)));
        const counts = Object.values(countOf(picks(picker, total)));
        if (total >= count) expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('goes on where it was when a host leaves', () => {
    const picker = createRoundRobin(hosts(1, 1, 1, 1));
    expect(picks(picker, 2)).toEqual(['a', 'b']);
    picker.remove('a');
    expect(picks(picker, 3)).toEqual(['c', 'd', 'b']);
    picker.add({ id: 'e' });
    expect(picks(picker, 1)).toEqual(['c']);
    // The next in turn, and one whose turn is later.
    picker.remove('d');
    expect(picks(picker, 1)).toEqual(['e']);
    expect(picks(picker, 1)).toEqual(['b']);
    picker.remove('e');
    expect(picks(picker, 2)).toEqual(['c', 'b']);
  });

  it('takes the next in turn after those it passed over', () => {
    const picker = createRoundRobin(hosts(1, 1, 1));
    expect(picks(picker, 2, { exclude: new Set(['a']) })).toEqual(['b', 'c']);
    expect(picks(picker, 2)).toEqual(['a', 'b']);
  });
});

describe('createWeightedRoundRobin', () => {
  it('gives each host exactly its weight in every cycle', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const picker = createWeightedRoundRobin(hosts(...weights));
        const cycle = weights.reduce((sum, weight) => sum + weight, 0);
        for (let round = 0; round < 3; round++) {
          const counts = countOf(picks(picker, cycle));
          expect(Object.values(counts).sort()).toEqual([...weights].sort());
        }
      }),
    );
  });

  it('spreads the picks of a heavy host out', () => {
    expect(picks(createWeightedRoundRobin(hosts(5, 1, 1)), 7).join('')).toBe('aabacaa');
  });

  it('goes by the new weight of a host that is added again', () => {
    const picker = createWeightedRoundRobin(hosts(1, 1));
    picker.add({ id: 'b', weight: 4 });
    expect(countOf(picks(picker, 10))).toEqual({ a: 2, b: 8 });
    picker.add({ id: 'b' });
    expect(countOf(picks(picker, 10))).toEqual({ a: 5, b: 5 });
  });
});
