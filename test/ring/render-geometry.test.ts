import { describe, expect, it } from 'vitest';
import type { Ring } from '../../src/ring/index.ts';
import { createRing, diffRings, hashPosition, renderRing } from '../../src/ring/index.ts';
import { ringOf } from './kit.ts';

/*
 * Where things are drawn, read back from the pictures: a turn is 0 at the top and goes clockwise to 1.
 */

type OwnerAt = (turn: number) => string | undefined;

/** Who owns a turn, or nobody where that is too close to a border to tell by the eye. */
function ownerOf(ring: Ring): OwnerAt {
  const { ranges } = diffRings(createRing(), ring);
  return (turn) => {
    const position = Math.floor((turn - Math.floor(turn)) * 2 ** 32);
    return ranges.find(({ start, end }) => start <= position && position <= end)?.to;
  };
}

/** The turn of the only point of a node: the end of what it took over, save where that goes on beyond the top. */
function pointOf(id: string): number {
  const ends = diffRings(ring.without(id), ring).ranges.map(({ end }) => end);
  return ends.find((end) => end < 2 ** 32 - 1)! / 2 ** 32;
}

function apart(one: number, other: number): number {
  const difference = Math.abs(one - other) % 1;
  return Math.min(difference, 1 - difference);
}

interface Cell {
  readonly text: string;
  readonly turn: number;
  readonly radius: number;
}

/** The characters of a drawing with the turn and the radius at which they stand. */
function cellsOf(drawing: string, size: number): Cell[] {
  const [x0, y0] = [(size - 1) / 2, Math.floor(size / 4)];
  return drawing.split('\n').flatMap((line, y) =>
    [...line].flatMap((text, x) => {
      const [right, up] = [(x - x0) / (x0 - 1), (y0 - y) / y0];
      const turn = (Math.atan2(right, up) / (2 * Math.PI) + 1) % 1;
      return text === ' ' ? [] : [{ text, turn, radius: Math.hypot(right, up) }];
    }),
  );
}

/** Few points, so that borders are rare, and a key whose nodes are all found at different turns. */
const nodes = ['alpha', 'beta', 'gamma'];
const ring = createRing({ nodes, vnodes: 1 });
const key = 'user:7';
const found = ring.getN(key, 3);
const turnOfKey = hashPosition(key) / 2 ** 32;

describe('renderRing as text', () => {
  it.each([24, 41, 64])('draws the owner of every part at its place, in %s columns', (width) => {
    const [drawing] = renderRing(ring, { width }).split('\n\n');
    const cells = cellsOf(drawing!, width);
    const ownerAt = ownerOf(ring);
    const turns = new Set<number>();
    for (const { text, turn, radius } of cells) {
      expect(radius).toBeGreaterThan(0.8);
      expect(radius).toBeLessThan(1.1);
      turns.add(Math.floor(turn * 16));
      const near = [-0.02, 0, 0.02].map((step) => ownerAt(turn + step));
      if (new Set(near).size === 1) expect(text).toBe('ABC'[nodes.indexOf(near[0]!)]);
    }
    // All around, and as wide and high as it may be.
    expect(turns.size).toBe(16);
    const lines = drawing!.split('\n');
    expect(lines).toHaveLength(2 * Math.floor(width / 4) + 1);
    expect(Math.max(...lines.map((line) => line.length))).toBe(width - 1);
  });

  it('leaves no gap in the outline', () => {
    for (const width of [24, 64]) {
      const [drawing] = renderRing(ring, { width }).split('\n\n');
      const lines = drawing!.split('\n');
      const isDrawn = (x: number, y: number): boolean => /[A-C]/.test(lines[y]?.[x] ?? '');
      for (let y = 0; y < lines.length; y++) {
        for (let x = 0; x < width; x++) {
          if (!isDrawn(x, y)) continue;
          const around = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [x + dx, y + dy] as const));
          expect(around.filter(([nx, ny]) => isDrawn(nx, ny)).length).toBeGreaterThanOrEqual(3);
        }
      }
    }
  });

  it('never draws wider than 64 columns, and writes names in as many as it has', () => {
    const long = createRing({ nodes: ['x'.repeat(200)] });
    const [drawing, list] = renderRing(long, { width: 100 }).split('\n\n');
    expect(Math.max(...drawing!.split('\n').map((line) => line.length))).toBe(63);
    expect(list).toBe(`A 100.00 %   ${'x'.repeat(87)}`);
    expect(renderRing(long).split('\n\n')[1]).toHaveLength(80);
  });

  it('points from the middle to the key, and numbers the points at which its nodes are found', () => {
    const [drawing] = renderRing(ring, { key, width: 64 }).split('\n\n');
    const cells = cellsOf(drawing!, 64);
    const stars = cells.filter(({ text }) => text === '*');
    expect(stars.length).toBeGreaterThanOrEqual(4);
    for (const star of stars) {
      expect(apart(star.turn, turnOfKey)).toBeLessThan(0.05);
      expect(star.radius).toBeLessThan(0.7);
    }
    expect(Math.min(...stars.map(({ radius }) => radius))).toBeLessThan(0.3);
    for (const [rank, id] of found.entries()) {
      const marks = cells.filter(({ text }) => text === String(rank + 1));
      expect(marks).toHaveLength(1);
      expect(apart(marks[0]!.turn, pointOf(id))).toBeLessThan(0.03);
      expect(Math.abs(marks[0]!.radius - (0.76 - 0.12 * rank))).toBeLessThan(0.06);
    }
  });

  it('marks three nodes unless told, the first over the others, and those after the ninth with a plus', () => {
    const many = ringOf(12, 1);
    const marksOf = (replicas?: number): string[] => {
      const text = renderRing(many, { key, width: 64, ...(replicas !== undefined && { replicas }) });
      return [...text.split('\n\n')[0]!].filter((character) => /[1-9+]/.test(character));
    };
    expect(new Set(marksOf())).toEqual(new Set(marksOf(3)));
    expect(marksOf(3).sort()).toEqual(['1', '2', '3']);
    expect(new Set(marksOf(12))).toContain('+');
    expect(marksOf(12).every((mark) => !'0'.includes(mark))).toBe(true);
    // One point each at nearly the same place: what is drawn last stays.
    const crowd = createRing({ nodes: Array.from({ length: 4000 }, (_, k) => `${k}`), vnodes: 1 });
    const [drawing] = renderRing(crowd, { key, width: 64, replicas: 9 }).split('\n\n');
    const marks = [...drawing!.replaceAll(/[^1-9*]/g, '')].filter((character) => character !== '*');
    // Four radii, the fifth and the ninth at that of the first.
    expect(marks).toContain('1');
    expect(marks).not.toContain('9');
  });

  it('lists nodes by name, each with a letter as long as there are letters', () => {
    const many = ringOf(64, 1);
    const list = renderRing(many, { key: Uint8Array.of(1, 2, 3) }).split('\n');
    expect(list).toContain('* 3 bytes');
    const rows = list.slice(list.indexOf('* 3 bytes') + 2);
    expect(rows.map((row) => row.slice(13))).toEqual([...many.nodes.keys()].sort());
    const letters = rows.map((row) => row[0]!);
    expect(new Set(letters.slice(0, 62)).size).toBe(62);
    expect(letters.slice(62)).toEqual(['#', '#']);
    const [first] = many.getN(Uint8Array.of(1, 2, 3), 1);
    expect(rows.find((row) => row.slice(13) === first)?.slice(2, 13)).toMatch(/^ {2}\d\.\d\d % 1 $/);
  });

  it('draws points where nobody owns anything, and lists those who own nothing', () => {
    const idle = createRing({ nodes: [{ id: 'idle', weight: 0 }] });
    expect(renderRing(idle, { key })).toMatch(/^[ .*\n]+\n\n\* user:7\n\nA   0\.00 %   idle$/);
    expect(renderRing(createRing(), { key: 'a b' })).toContain('* a b');
  });
});

describe('renderRing as SVG', () => {
  const colors = (svg: string): string[] => [...svg.matchAll(/<rect [^>]*fill="([^"]+)"/g)].map(([, color]) => color!);

  /** The point of a picture as its turn and radius. */
  const polar = (x: string, y: string, size: number): { turn: number; radius: number } => {
    const [right, up] = [Number(x) - size / 2, size / 2 - Number(y)];
    return { turn: (Math.atan2(right, up) / (2 * Math.PI) + 1) % 1, radius: Math.hypot(right, up) };
  };

  const arcsOf = (svg: string, size: number): { from: number; to: number; isLarge: boolean; color: string }[] => {
    const arcs = svg.matchAll(/<path d="M(\S+) (\S+)A(\S+) (\S+) 0 ([01]) 1 (\S+) (\S+)" stroke="([^"]+)"\/>/g);
    return [...arcs].map(([, x1, y1, rx, ry, large, x2, y2, color]) => {
      const [start, end] = [polar(x1!, y1!, size), polar(x2!, y2!, size)];
      for (const radius of [start.radius, end.radius, Number(rx), Number(ry)]) {
        expect(Math.abs(radius - size * 0.4)).toBeLessThan(0.02);
      }
      return { from: start.turn, to: end.turn || 1, isLarge: large === '1', color: color! };
    });
  };

  it.each([200, 640])('goes round in arcs of the colors of their owners, in %s pixels', (width) => {
    for (const one of [ring, ringOf(2, 3), ringOf(1), createRing({ nodes, vnodes: 20 })]) {
      const svg = renderRing(one, { format: 'svg', width });
      const ids = [...one.nodes.keys()].sort();
      const ownerAt = ownerOf(one);
      const arcs = arcsOf(svg, width * 0.6);
      expect(new Set(colors(svg)).size).toBe(ids.length);
      let end = 0;
      for (const { from, to, isLarge, color } of arcs) {
        expect(apart(from, end)).toBeLessThan(1e-3);
        end = to;
        const length = (to - from + 1) % 1;
        if (Math.abs(length - 0.5) > 1e-3) expect(isLarge).toBe(length > 0.5);
        for (const share of [0.1, 0.5, 0.9]) {
          const turn = from + length * share;
          const near = [-0.002, 0, 0.002].map((step) => ownerAt(turn + step));
          if (new Set(near).size === 1) expect(color).toBe(colors(svg)[ids.indexOf(near[0]!)]);
        }
      }
      expect(apart(end, 0)).toBeLessThan(1e-3);
      // Neighbours in color are borders: as few arcs as that takes, and one more where half the circle ends.
      expect(arcs.filter(({ color }, at) => color === arcs[at - 1]?.color).length).toBeLessThanOrEqual(1);
    }
  });

  it('points from the middle to the key, and numbers the points at which its nodes are found', () => {
    const svg = renderRing(ring, { format: 'svg', key });
    const size = 384;
    const [line] = [...svg.matchAll(/<path d="M(\S+) (\S+)L(\S+) (\S+)" stroke="var\(--ink\)"/g)];
    const [inner, outer] = [polar(line![1]!, line![2]!, size), polar(line![3]!, line![4]!, size)];
    expect([apart(inner.turn, turnOfKey), apart(outer.turn, turnOfKey)].map((by) => by < 1e-3)).toEqual([true, true]);
    expect([inner.radius / (size * 0.4), outer.radius / (size * 0.4)].map((at) => at.toFixed(2))).toEqual([
      '0.25',
      '1.22',
    ]);
    const dots = [
      ...svg.matchAll(/<circle cx="(\S+)" cy="(\S+)"[^>]*\/><text x="(\S+)" y="(\S+)"[^>]*>(\d+)<\/text>/g),
    ];
    expect(dots.map(([, , , , , text]) => text)).toEqual(['1', '2', '3']);
    for (const [rank, [, x, y, textX, textY]] of dots.entries()) {
      expect([textX, textY]).toEqual([x, y]);
      const { turn, radius } = polar(x!, y!, size);
      expect(apart(turn, pointOf(found[rank]!))).toBeLessThan(1e-3);
      expect(radius / (size * 0.4)).toBeCloseTo(0.8 - 0.14 * rank, 2);
    }
    expect(svg).toContain(`<text x="192" y="192" dy="5" text-anchor="middle">${key}</text>`);
  });

  it('lists nodes by name below each other, with their share, and their rank where they serve the key', () => {
    const svg = renderRing(ring, { format: 'svg', key, replicas: 2 });
    const rows = [...svg.matchAll(/<rect x="384" y="(\d+)"[^>]*\/><text x="406" y="(\d+)">([^<]*)<\/text>/g)];
    expect(rows.map(([, , y]) => Number(y))).toEqual([40, 62, 84]);
    expect(rows.map(([, y]) => Number(y))).toEqual([29, 51, 73]);
    for (const [k, id] of nodes.entries()) {
      const rank = found.slice(0, 2).indexOf(id) + 1;
      const share = (ring.ownership().get(id)! * 100).toFixed(2);
      expect(rows[k]![3]).toBe(`${share} %  ${rank > 0 ? `(${rank}) ` : ''}${id}`);
    }
  });

  it('is as high as its list, and says for how many nodes it stands', () => {
    const few = renderRing(ring, { format: 'svg' });
    expect(few).toContain(
      'viewBox="0 0 640 384" width="640" height="384" role="img" aria-label="Hash ring of 3 nodes"',
    );
    expect(few).toContain('<title>Hash ring of 3 nodes</title>');
    expect(few).not.toMatch(/<circle|stroke-dasharray|more<\/text>/);
    for (const [count, height] of [
      [23, 546],
      [24, 568],
      [25, 590],
      [200, 590],
    ] as const) {
      const svg = renderRing(ringOf(count, 1), { format: 'svg' });
      expect(svg).toContain(`height="${height}"`);
      expect(svg.match(/<rect/g)).toHaveLength(Math.min(count, 24));
      if (count > 24) expect(svg).toContain(`<text x="384" y="568">and ${count - 24} more</text>`);
      else expect(svg).not.toContain(' more</text>');
    }
  });

  it('cuts long names and keys, and keeps those that just fit', () => {
    const svg = renderRing(createRing({ nodes: ['n'.repeat(20), 'm'.repeat(21), '😀'.repeat(20)] }), {
      format: 'svg',
      key: 'k'.repeat(25),
    });
    for (const text of ['n'.repeat(20), `${'m'.repeat(19)}…`, '😀'.repeat(20), `${'k'.repeat(23)}…`]) {
      expect(svg).toMatch(new RegExp(`[> ]${text}</text>`, 'u'));
    }
    expect(renderRing(ring, { format: 'svg', key: 'k'.repeat(24) })).toContain(`>${'k'.repeat(24)}</text>`);
    expect(renderRing(ring, { format: 'svg', key: Uint8Array.of(1, 2) })).toContain('>2 bytes</text>');
    expect(renderRing(createRing({ nodes: ['<&>"'] }), { format: 'svg' })).toContain('&#60;&#38;&#62;&#34;</text>');
  });

  it('is gray where nobody owns anything', () => {
    const svg = renderRing(createRing({ nodes: [{ id: 'idle', weight: 0 }] }), { format: 'svg', key });
    expect(arcsOf(svg, 384).map(({ color }) => color)).toEqual(['#8884', '#8884']);
    expect(svg).not.toContain('<circle');
  });
});
