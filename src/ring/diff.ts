import { refuse } from '../core/check.ts';
import { pointsOf } from './points.ts';
import type { Ring } from './ring.ts';
import { insideOf } from './ring.ts';

/** Positions from `start` to `end`, both included, whose keys go to another node. */
export interface Move {
  readonly start: number;
  readonly end: number;
  /** `undefined` when no node owned them. */
  readonly from: string | undefined;
  /** `undefined` when no node owns them any more. */
  readonly to: string | undefined;
}

export interface RingDiff {
  /** The share of all positions that move: exactly the sum of the ranges. */
  readonly movedFraction: number;
  /** Sorted, without overlap, and no two that touch and move between the same nodes. */
  readonly ranges: readonly Move[];
}

/**
 * Exactly which positions change their owner between two rings, from whom and to whom. O(points).
 *
 * Compare a key's {@link hashPosition}, with the seed of the rings, to find the range it is in. Throws a RangeError
 * when the rings have different seeds, since then a key has no position that both share.
 *
 * @example
 * ```ts
 * import { createRing, diffRings } from 'holdfast/ring';
 *
 * const before = createRing({ nodes: ['a', 'b', 'c'] });
 * const { movedFraction, ranges } = diffRings(before, before.without('b'));
 * console.log(movedFraction, ranges.length, ranges[0]); // about a third, all of it from b
 * ```
 */
export function diffRings(before: Ring, after: Ring): RingDiff {
  const [old, young] = [insideOf(before), insideOf(after)];
  if (old.seed !== young.seed) refuse('after', `a ring of seed ${old.seed}`, young.seed);
  const [lefts, rights] = [ownersAlong(before), ownersAlong(after)];
  const ranges: { start: number; end: number; from: string | undefined; to: string | undefined }[] = [];
  let moved = 0;
  for (let start = 0; start < 2 ** 32;) {
    const [from, to] = [lefts.owner, rights.owner];
    const end = Math.min(lefts.end, rights.end);
    if (from !== to) {
      moved += end - start + 1;
      const last = ranges.at(-1);
      if (last?.end === start - 1 && last.from === from && last.to === to) last.end = end;
      else ranges.push({ start, end, from, to });
    }
    start = end + 1;
    lefts.pass(end);
    rights.pass(end);
  }
  return { movedFraction: moved / 2 ** 32, ranges };
}

interface Walker {
  owner: string | undefined;
  /** The last position that `owner` owns from here on. */
  end: number;
  /** Goes on to whatever owns what is behind `position`. */
  pass(position: number): void;
}

function ownersAlong(ring: Ring): Walker {
  const { circle } = insideOf(ring);
  const { positions, owners } = pointsOf(circle);
  let at = 0;
  const walker: Walker = {
    owner: undefined,
    end: -1,
    pass(position) {
      for (; walker.end <= position && at <= positions.length; at++) {
        walker.end = positions[at] ?? 2 ** 32 - 1;
        walker.owner = circle.ids[owners[at] ?? owners[0]!];
      }
    },
  };
  walker.pass(-1);
  return walker;
}
