import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ring, RingDiff } from '../../src/ring/index.ts';
import { createRing, diffRings, hashPosition } from '../../src/ring/index.ts';
import { anyKey, anyOptions, keys, nodeLists, pointsOfModel, ringOf, walkModel } from './kit.ts';

const twoRings = fc
  .record({ before: nodeLists(), after: nodeLists(), vnodes: fc.tuple(fc.nat(20), fc.nat(20)), options: anyOptions })
  .map(({ before, after, vnodes: [old, young], options: { seed } }) => ({
    before: createRing({ nodes: before, vnodes: old + 1, seed }),
    after: createRing({ nodes: after, vnodes: young + 1, seed }),
    pointsBefore: pointsOfModel(before, old + 1, seed),
    pointsAfter: pointsOfModel(after, young + 1, seed),
    seed,
  }));

function moveOf({ ranges }: RingDiff, position: number): RingDiff['ranges'][number] | undefined {
  return ranges.find(({ start, end }) => start <= position && position <= end);
}

function expectMove(diff: RingDiff, position: number, from: string | undefined, to: string | undefined): void {
  const move = moveOf(diff, position);
  if (from === to) expect(move).toBeUndefined();
  else expect(move).toMatchObject({ from, to });
}

describe('diffRings', () => {
  it('names exactly the keys that move, from whom and to whom', () => {
    fc.assert(
      fc.property(twoRings, fc.array(anyKey, { maxLength: 20 }), ({ before, after, seed }, some) => {
        const diff = diffRings(before, after);
        for (const key of [...some, ...keys])
          expectMove(diff, hashPosition(key, seed), before.get(key), after.get(key));
      }),
    );
  });

  it('is right at every position around every point', () => {
    fc.assert(
      fc.property(twoRings, ({ before, after, pointsBefore, pointsAfter }) => {
        const diff = diffRings(before, after);
        const edges = [...pointsBefore, ...pointsAfter].flatMap(({ position }) => [
          position - 1,
          position,
          position + 1,
        ]);
        for (const position of [0, 2 ** 32 - 1, ...edges]) {
          if (position < 0 || position >= 2 ** 32) continue;
          expectMove(diff, position, walkModel(pointsBefore, position)[0], walkModel(pointsAfter, position)[0]);
        }
      }),
    );
  });

  it('has sorted ranges that do not overlap or touch in vain, and whose sum is movedFraction', () => {
    fc.assert(
      fc.property(twoRings, ({ before, after }) => {
        const { ranges, movedFraction } = diffRings(before, after);
        let positions = 0;
        for (const [k, { start, end, from, to }] of ranges.entries()) {
          const last = ranges[k - 1];
          expect(start).toBeGreaterThan(last?.end ?? -1);
          expect(end).toBeGreaterThanOrEqual(start);
          if (last?.end === start - 1) expect([last.from, last.to]).not.toEqual([from, to]);
          positions += end - start + 1;
        }
        expect(movedFraction).toBe(positions / 2 ** 32);
      }),
    );
  });

  it('explains every change of ownership', () => {
    fc.assert(
      fc.property(twoRings, ({ before, after }) => {
        const change = new Map<string | undefined, number>();
        const add = (id: string | undefined, share: number): unknown => change.set(id, (change.get(id) ?? 0) + share);
        for (const { start, end, from, to } of diffRings(before, after).ranges) {
          add(from, -(end - start + 1) / 2 ** 32);
          add(to, (end - start + 1) / 2 ** 32);
        }
        const [old, young] = [before.ownership(), after.ownership()];
        for (const id of new Set([...old.keys(), ...young.keys()])) {
          expect(change.get(id) ?? 0).toBe((young.get(id) ?? 0) - (old.get(id) ?? 0));
        }
      }),
    );
  });

  it('is empty for rings that place alike', () => {
    fc.assert(
      fc.property(nodeLists(), anyOptions, (nodes, options) => {
        const diff = diffRings(
          createRing({ nodes, ...options }),
          createRing({ nodes: [...nodes].reverse(), ...options }),
        );
        expect(diff).toEqual({ movedFraction: 0, ranges: [] });
      }),
    );
  });

  it('moves everything to the first node, and from the last', () => {
    const all = { start: 0, end: 2 ** 32 - 1 };
    for (const vnodes of [1, 160]) {
      const [none, one] = [createRing({ vnodes }), createRing({ nodes: ['one'], vnodes })];
      expect(diffRings(none, one)).toEqual({ movedFraction: 1, ranges: [{ ...all, from: undefined, to: 'one' }] });
      expect(diffRings(one, none)).toEqual({ movedFraction: 1, ranges: [{ ...all, from: 'one', to: undefined }] });
      expect(diffRings(one, createRing({ nodes: ['two'], vnodes: 7 })).ranges).toEqual([
        { ...all, from: 'one', to: 'two' },
      ]);
    }
  });

  it('moves the share of a node that joins, and nothing else', () => {
    const before = ringOf(20);
    const after = before.with({ id: 'joining', weight: 2 });
    const { movedFraction, ranges } = diffRings(before, after);
    expect(movedFraction).toBe(after.ownership().get('joining'));
    expect(new Set(ranges.map(({ to }) => to))).toEqual(new Set(['joining']));
    // Expected 2/22; the spread of a share of 320 points is 1/sqrt(320) of it.
    expect(Math.abs(movedFraction / (2 / 22) - 1)).toBeLessThan(5 / Math.sqrt(320));
  });

  it('refuses rings of different seeds and rings that createRing has not made', () => {
    const ring = createRing({ nodes: ['a'], seed: 1 });
    expect(() => diffRings(ring, createRing({ nodes: ['a'] }))).toThrow(RangeError);
    expect(() => diffRings(ring, { ...ring } as Ring)).toThrow(TypeError);
    expect(() => diffRings(Object.create(ring) as Ring, ring)).toThrow(TypeError);
  });
});
