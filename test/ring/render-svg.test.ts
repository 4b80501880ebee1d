import { describe, expect, it } from 'vitest';
import { createRing, diffRings, renderRing } from '../../src/ring/index.ts';
import { ringOf } from './kit.ts';
import { apart, found, key, nodes, ownerOf, pointOf, ring, turnOfKey } from './pictures.ts';

describe('renderRing as SVG', () => {
  const colors = (svg: string): string[] => [...svg.matchAll(/<rect [^>]*fill="([^"]+)"/g)].map(([, color]) => color!);

  /** The point of a picture as its turn and radius. */
  const polar = (x: string, y: string, size: number): { turn: number; radius: number } => {
    const [right, up] = [Number(x) - size / 2, size / 2 - Number(y)];
    return { turn: (Math.atan2(right, up) / (2 * Math.PI) + 1) % 1, radius: Math.hypot(right, up) };
  };

  const arcsOf = (svg: string, size: number): { from: number; to: number; color: string }[] => {
    const arcs = svg.matchAll(/<path d="M(\S+) (\S+)A(\S+) (\S+) 0 (0) 1 (\S+) (\S+)" stroke="([^"]+)"\/>/g);
    return [...arcs].map(([, x1, y1, rx, ry, , x2, y2, color]) => {
      const [start, end] = [polar(x1!, y1!, size), polar(x2!, y2!, size)];
      for (const radius of [start.radius, end.radius, Number(rx), Number(ry)]) {
        expect(Math.abs(radius - size * 0.4)).toBeLessThan(0.02);
      }
      return { from: start.turn, to: end.turn || 1, color: color! };
    });
  };

  it.each([200, 640])('goes round in arcs of the colors of their owners, in %s pixels', (width) => {
    for (const one of [ring, ringOf(2, 3), ringOf(1), createRing({ nodes, vnodes: 20 }), ringOf(10, 60)]) {
      const svg = renderRing(one, { format: 'svg', width });
      const ids = [...one.nodes.keys()].sort();
      const ownerAt = ownerOf(one);
      const arcs = arcsOf(svg, width * 0.6);
      expect(new Set(colors(svg)).size).toBe(ids.length);
      let end = 0;
      for (const { from, to, color } of arcs) {
        expect(apart(from, end)).toBeLessThan(1e-3);
        end = to;
        const length = (to - from + 1) % 1;
        expect(length).toBeLessThan(0.5 + 1e-3);
        for (const share of [0.1, 0.5, 0.9]) {
          const turn = from + length * share;
          if (length < 0.01) continue;
          const near = [-0.002, 0, 0.002].map((step) => ownerAt(turn + step));
          if (new Set(near).size === 1) expect(color).toBe(colors(svg)[ids.indexOf(near[0]!)]);
        }
      }
      expect(apart(end, 0)).toBeLessThan(1e-3);
      // A border is drawn within half a part of where it is, a part being half a degree.
      const borders = diffRings(createRing(), one).ranges.map((range) => range.end / 2 ** 32);
      for (const [at, { from, color }] of arcs.entries()) {
        if (color === arcs.at(at - 1)!.color) continue;
        expect(Math.min(...borders.map((border) => apart(border, from)))).toBeLessThan(0.5 / 720 + 1e-4);
      }
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

  it('has colors that tell neighbours in the list apart, and no text beside its own', () => {
    const svg = renderRing(ringOf(12), { format: 'svg' });
    const parts = colors(svg).map((color) => /^hsl\((\S+) 62% (48|62)%\)$/.exec(color)!.slice(1).map(Number));
    for (const [at, [hue, lightness]] of parts.entries()) {
      expect(hue).toBeGreaterThanOrEqual(0);
      expect(hue).toBeLessThan(360);
      expect(lightness).toBe(at % 2 ? 62 : 48);
      if (at > 0) expect(apart(hue! / 360, parts[at - 1]![0]! / 360)).toBeCloseTo(137.508 / 360, 4);
    }
    const rest = svg.replaceAll(/<(title|style|text)[^>]*>[^<]*<\/\1>/g, '').replaceAll(/<[^>]+>/g, '');
    expect(rest.trim()).toBe('');
    expect(svg).not.toMatch(/%  \(\d/);
    expect(svg).toContain('<g stroke-width="26.88">');
    expect(renderRing(createRing({ nodes: ['a\u0000b'] }), { format: 'svg' })).toContain(' a\ufffdb</text>');
  });

  it('is gray where nobody owns anything', () => {
    const svg = renderRing(createRing({ nodes: [{ id: 'idle', weight: 0 }] }), { format: 'svg', key });
    expect(arcsOf(svg, 384).map(({ color }) => color)).toEqual(['#8884', '#8884']);
    expect(svg).not.toContain('<circle');
  });
});
