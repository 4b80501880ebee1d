import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Circle } from '../../src/ring/circle.ts';
import { arrange, find, revise } from '../../src/ring/circle.ts';
import type { Member } from '../../src/ring/member.ts';
import { pointsOf } from '../../src/ring/points.ts';

/** Hashes that are equal more often than chance has it. */
const anyMember = fc.record({ id: fc.string({ maxLength: 2 }), tie: fc.nat(1) });
const positions = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1),
  // One stretch apart, so that two words are equal but for their owners.
  fc.integer({ min: 25, max: 29 }).map((bits) => 1 + 2 ** bits),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
);
const crowds = fc.uniqueArray(fc.record({ member: anyMember, own: fc.uniqueArray(positions, { maxLength: 12 }) }), {
  minLength: 1,
  maxLength: 6,
  selector: ({ member }) => member.id,
});

type Crowd = readonly {
  readonly member: { readonly id: string; readonly tie: number };
  readonly own: readonly number[];
}[];

function circleOf(crowd: Crowd): Circle {
  return arrange(
    crowd.map(memberOf),
    crowd.map(({ own }) => Uint32Array.from(own)),
  );
}

function memberOf({ member, own }: Crowd[number]): Member {
  return { id: member.id, weight: own.length, zone: undefined, a: 0, b: member.tie };
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

  it('are in that order whichever members they are of, one after the other', () => {
    for (let count = 2; count <= 9; count++) {
      for (let turn = 0; turn < 2 * count; turn++) {
        const crowd = Array.from({ length: count }, (_, k) => ({
          member: { id: `${(k * 5 + turn) % 9}`, tie: (k + turn) % 2 },
          own: [7],
        }));
        expect(listed(circleOf(crowd))).toEqual(sorted(crowd));
      }
    }
  });

  it('are told from those at the same place of the next stretch', () => {
    // Few points, so that a stretch is an eighth of all positions.
    for (const step of [2 ** 29, 2 ** 30, 2 ** 31]) {
      const own = (count: number): number[] => Array.from({ length: count }, (_, k) => 5 + k * step);
      for (const [one, other] of [
        [own(1), own(2).slice(1)],
        [own(2), own(1)],
        [own(2).slice(1), own(1)],
        [own(2), own(2)],
      ]) {
        const crowd = [
          { member: { id: 'b', tie: 0 }, own: one! },
          { member: { id: 'a', tie: 1 }, own: other! },
        ];
        // Somebody else, so that the number of stretches stays when the second joins.
        const bystander = { member: { id: 'c', tie: 0 }, own: [2 ** 31 + 99] };
        for (const [stay, move] of [crowd, [...crowd].reverse()] as const) {
          const [fewer, all] = [circleOf([bystander, stay!]), circleOf([bystander, stay!, move!])];
          expect(fewer.bits).toBe(all.bits);
          expect(listed(all)).toEqual(sorted([bystander, ...crowd]));
          const positions = Uint32Array.from(move!.own);
          expect(listed(revise(fewer, all.members, 2, positions, 1))).toEqual(sorted([bystander, ...crowd]));
          expect(listed(revise(all, fewer.members, 2, positions, -1))).toEqual(sorted([bystander, stay!]));
        }
      }
    }
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
        expect(listed(revise(all, fewer.members, last, own, -1))).toEqual(sorted(others));
        const first = Uint32Array.from(crowd[0]!.own).sort();
        expect(listed(revise(all, all.members.slice(1), 0, first, -1))).toEqual(sorted(crowd.slice(1)));
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
