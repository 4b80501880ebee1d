import { integer, oneOf } from '../core/check.ts';
import { find, take } from './circle.ts';
import type { RingKey } from './key.ts';
import { hashKey } from './key.ts';
import { pointsOf } from './points.ts';
import { renderSvg } from './render-svg.ts';
import type { Ring } from './ring.ts';
import { insideOf } from './ring.ts';

export interface RenderOptions {
  /**
   * Text for a terminal, or a picture that suits light and dark pages.
   *
   * @defaultValue `ascii`
   */
  readonly format?: 'ascii' | 'svg' | undefined;
  /**
   * Columns, at least 24, or pixels, at least 200.
   *
   * @defaultValue 80, or 640
   */
  readonly width?: number | undefined;
  /** A key to mark, with the nodes that serve it. */
  readonly key?: RingKey | undefined;
  /**
   * How many of those nodes.
   *
   * @defaultValue 3
   */
  readonly replicas?: number | undefined;
}

/** What there is to draw, whatever it is drawn with. */
export interface Picture {
  /** Nodes sorted by id. */
  readonly nodes: readonly { readonly id: string; readonly share: number }[];
  /** The index of the node at a turn from 0 at the top, clockwise, to below 1. */
  readonly nodeAt: (turn: number) => number;
  /** The turn of the key, and the turns of the points at which its nodes are found. */
  readonly key:
    | {
        readonly label: string;
        readonly turn: number;
        readonly found: readonly { readonly node: number; readonly turn: number }[];
      }
    | undefined;
}

/**
 * Draws a ring: who owns which part, and where a key goes.
 *
 * Every node's share in the list is exact; the circle shows what its resolution allows.
 *
 * @example
 * ```ts
 * import { createRing, renderRing } from 'holdfast/ring';
 *
 * const ring = createRing({ nodes: ['a', 'b', 'c'], vnodes: 4 });
 * console.log(renderRing(ring, { key: 'user:7', width: 60 }));
 * ```
 */
export function renderRing(ring: Ring, options: RenderOptions = {}): string {
  const { format = 'ascii', key, replicas = 3 } = options;
  const isSvg = oneOf('format', format, ['ascii', 'svg']) === 'svg';
  const { width = isSvg ? 640 : 80 } = options;
  integer('width', width, isSvg ? 200 : 24, 10_000);
  const picture = pictureOf(ring, key, integer('replicas', replicas, 1));
  return isSvg ? renderSvg(picture, width) : renderText(picture, width);
}

function pictureOf(ring: Ring, key: RingKey | undefined, replicas: number): Picture {
  const { circle, seed } = insideOf(ring);
  const nodes = [...ring.ownership()].map(([id, share]) => ({ id, share })).sort((x, y) => (x.id < y.id ? -1 : 1));
  const numbers = new Map<string | undefined, number>(nodes.map(({ id }, number) => [id, number]));
  const ownerAt = (position: number): string | undefined =>
    circle.ids[circle.words[find(circle, position)]! & circle.mask];
  const nodeAt = (turn: number): number => numbers.get(ownerAt(Math.floor(turn * 2 ** 32))) ?? -1;
  if (key === undefined) return { nodes, nodeAt, key: undefined };
  const position = hashKey(key, seed) >>> 0;
  const ids = take(circle, find(circle, position), replicas, false);
  const found = ids.map((id) => ({ node: numbers.get(id)!, turn: turnOfPoint(ring, position, id) }));
  const label = typeof key === 'string' ? key : `${key.length} bytes`;
  return { nodes, nodeAt, key: { label, turn: position / 2 ** 32, found } };
}

/** The turn of the first point of a node at or after a position. */
function turnOfPoint(ring: Ring, position: number, id: string): number {
  const { circle } = insideOf(ring);
  const { positions, owners } = pointsOf(circle);
  const own = positions.filter((_, at) => circle.ids[owners[at]!] === id);
  return (own.find((point) => point >= position) ?? own[0]!) / 2 ** 32;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

function renderText({ nodes, nodeAt, key }: Picture, width: number): string {
  const size = Math.min(width, 64);
  const [x0, y0] = [(size - 1) / 2, Math.floor(size / 4)];
  const rows = Array.from({ length: 2 * y0 + 1 }, () => Array.from({ length: size }, () => ' '));
  const put = (turn: number, radius: number, text: string): void => {
    const x = Math.round(x0 + (x0 - 1) * radius * Math.sin(turn * 2 * Math.PI));
    rows[Math.round(y0 - y0 * radius * Math.cos(turn * 2 * Math.PI))]![x] = text;
  };
  // Four steps a column, so that no cell of the outline is left out.
  for (let step = 0; step < 4 * size; step++) {
    const node = nodeAt(step / (4 * size));
    for (const radius of [1, 0.9]) put(step / (4 * size), radius, node < 0 ? '.' : letterOf(node));
  }
  if (key) for (const radius of [0.2, 0.3, 0.4, 0.5, 0.6]) put(key.turn, radius, '*');
  // The first ones last, so that they stay visible.
  for (const [rank, { turn }] of [...(key?.found ?? []).entries()].reverse()) {
    put(turn, 0.76 - 0.12 * (rank % 4), rank < 9 ? String(rank + 1) : '+');
  }
  const lines = rows.map((row) => row.join('').trimEnd());
  if (key) lines.push('', `* ${printable(key.label)}`);
  lines.push('');
  for (const [node, { id, share }] of nodes.entries()) {
    const rank = key?.found.findIndex((one) => one.node === node) ?? -1;
    const percent = `${(share * 100).toFixed(2).padStart(6)} %`;
    lines.push(`${letterOf(node)} ${percent} ${rank < 0 ? ' ' : rank + 1} ${printable(id)}`);
  }
  return lines.map((line) => Array.from(line).slice(0, width).join('')).join('\n');
}

function letterOf(node: number): string {
  return LETTERS[node] ?? '#';
}

/** Text in one line that a terminal takes for text. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Z}]/gu, (character) => (character === ' ' ? ' ' : '\ufffd'));
}
