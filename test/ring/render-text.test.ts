import { describe, expect, it } from 'vitest';
import { createRing, renderRing } from '../../src/ring/index.ts';
import { ringOf } from './kit.ts';
import { apart, found, key, nodes, ownerOf, pointOf, ring, turnOfKey, VNODES } from './pictures.ts';

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
    expect(marksOf(12).filter((mark) => mark === '1')).toHaveLength(1);
    expect(renderRing(many, { key, width: 64, replicas: 12 }).split('\n\n')[0]).not.toContain('0');
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
    const shapeOf = (text: string): string => text.split('\n\n')[0]!.replaceAll(/[A-Z.]/g, '#');
    expect(shapeOf(renderRing(idle))).toBe(shapeOf(renderRing(ring)));
    // Not even a node without a name.
    expect(renderRing(createRing({ nodes: [{ id: '', weight: 0 }] })).split('\n\n')[0]).not.toContain('A');
  });

  it('marks the nodes that getN gives, whatever their zones', () => {
    const zoned = createRing({
      nodes: nodes.map((id) => ({ id, zone: id === found[2] ? 'b' : 'a' })),
      vnodes: VNODES,
    });
    expect(zoned.getN(key, 2, { spread: 'zone' })).not.toEqual(zoned.getN(key, 2));
    const rows = renderRing(zoned, { key, replicas: 2 }).split('\n').slice(-3);
    expect(rows.map((row) => row.slice(11, 12))).toEqual(nodes.map((id) => ['1', '2', ' '][found.indexOf(id)]));
  });
});
