import type { Circle } from './circle.ts';
import { eachPoint } from './circle.ts';

/** Points side by side, in order. */
export interface Points {
  readonly positions: Uint32Array;
  readonly owners: Uint32Array;
}

export function pointsOf(circle: Circle): Points {
  const count = circle.words.length - 1;
  const points = { positions: new Uint32Array(count), owners: new Uint32Array(count) };
  let at = 0;
  eachPoint(circle, (position, owner) => {
    points.positions[at] = position;
    points.owners[at++] = owner;
  });
  return points;
}
