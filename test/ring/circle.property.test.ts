import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Circle } from '../../src/ring/circle.ts';
import { arrange, find, makePoints, pointsOf, revise } from '../../src/ring/circle.ts';
import type { Member } from '../../src/ring/member.ts';

/** Hashes that are equal more often than chance has it. */
const anyMember = fc.record({ id: fc.string({ maxLength: 2 }), tie: fc.nat(1) });
const positions = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
);
const crowds = fc.uniqueArray(fc.record({ member: anyMember, own: fc.array(positions, { maxLength: 12 }) }), {
  minLength: 1,
  maxLength: 6,
  selector: ({ member }) => member.id,
});

type Crowd = readonly {
  readonly member: { readonly id: string; readonly tie: number };
  readonly own: readonly number[];
}[];

function circleOf(crowd: Crowd): Circle {
  const points = makePoints(crowd.reduce((sum, { own }) => sum + own.length, 0));
  let at = 0;
  for (const [owner, { own }] of crowd.entries()) {
    points.positions.set(own, at);
    points.owners.fill(owner, at, (at += own.length));
  }
  return arrange(crowd.map(memberOf), points);
}

function memberOf({ member, own }: Crowd[number]): Member {
  return { ...member, weight: own.length, zone: undefined, a: 0, b: 0 };
}

/** (position, id) in the order that is promised. */
function sorted(crowd: Crowd): [number, string][] {
  const all = crowd.flatMap(({ member, own }) => own.map((position) => ({ position, ...member })));
  all.sort((x, y) => x.position - y.position || x.tie - y.tie || (x.id < y.id ? -1 : 1));
  return all.map(({ position, id }) => [position, id]);
}

function listed(circle: Circle): [number, string][] {
  const points = pointsOf(circle);
  return [...points.positions].map((position, at) => [position, circle.ids[points.owners[at]!]!]);
}

describe('points at one position', () => {
  it('are in the order of the second hashes, then of the ids', () => {
    fc.assert(
      fc.property(crowds, (crowd) => {
        expect(listed(circleOf(crowd))).toEqual(sorted(crowd));
      }),
    );
  });

  it('are in that order also when a member comes or goes by copying', () => {
    fc.assert(
      fc.property(crowds, (crowd) => {
        const own = Uint32Array.from(crowd.at(-1)!.own).sort();
        const others = crowd.slice(0, -1);
        const [all, fewer] = [circleOf(crowd), circleOf(others)];
        fc.pre(all.bits === fewer.bits);
        const last = crowd.length - 1;
        expect(listed(revise(fewer, all.members, last, own, 1))).toEqual(sorted(crowd));
        expect(listed(revise(all, all.members, last, own, -1))).toEqual(sorted(others));
      }),
    );
  });

  it('are found from every position before them', () => {
    fc.assert(
      fc.property(crowds, positions, (crowd, position) => {
        const circle = circleOf(crowd);
        const points = sorted(crowd);
        const owner = circle.ids[circle.words[find(circle, position)]! & circle.mask];
        expect(owner).toBe((points.find(([at]) => at >= position) ?? points[0])?.[1]);
      }),
    );
  });
});

describe('a crowd', () => {
  it('of more points than chance could put close together is refused', () => {
    const points = { positions: new Uint32Array(70_000).fill(5), owners: new Uint32Array(70_000) };
    const members = [memberOf({ member: { id: 'a', tie: 0 }, own: [5] })];
    expect(() => arrange(members, points)).toThrow(RangeError);
  });
});
