import { describe, expect, it } from 'vitest';
import { createRing, renderRing } from '../../src/ring/index.ts';
import { ringOf } from './kit.ts';

const ring = createRing({ nodes: ['a', 'b', 'c', 'd'], vnodes: 8 });

describe('renderRing as text', () => {
  it('fits into its width, 80 columns unless told', () => {
    for (const width of [24, 40, 80, 132]) {
      const lines = renderRing(ring, { width, key: 'user:7' }).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
    }
    expect(
      Math.max(
        ...renderRing(ringOf(70))
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(80);
  });

  it('lists every node with its exact share, and marks the key and its replicas', () => {
    const text = renderRing(ring, { key: 'user:7', replicas: 3 });
    const replicas = ring.getN('user:7', 3);
    for (const [id, share] of ring.ownership()) {
      const rank = replicas.indexOf(id) + 1;
      expect(text).toContain(`${(share * 100).toFixed(2)} % ${rank || ' '} ${id}`);
    }
    expect(text).toContain('* user:7');
    for (const rank of ['1', '2', '3']) expect(text.split('\n\n')[0]).toContain(rank);
  });

  it('draws each part of the circle with the letter of its owner', () => {
    const [drawing] = renderRing(createRing({ nodes: ['a', 'b'], vnodes: 20 })).split('\n\n');
    const letters = (drawing!.match(/[AB]/g) ?? []).length;
    const share = (drawing!.match(/A/g) ?? []).length / letters;
    expect(
      Math.abs(
        share -
          createRing({ nodes: ['a', 'b'], vnodes: 20 })
            .ownership()
            .get('a')!,
      ),
    ).toBeLessThan(0.05);
    expect(renderRing(createRing())).toMatch(/^[ .\n]+$/);
  });

  it('keeps names from breaking the lines', () => {
    const text = renderRing(createRing({ nodes: ['a\nb', '\u001b[31mred'] }), { key: 'x\ny' });
    expect(text).not.toContain('\u001b');
    expect(text).toContain('a\ufffdb');
  });
});

describe('renderRing as SVG', () => {
  it('is one well-formed element, whatever the names are', () => {
    const hostile = createRing({ nodes: ['<script>', '&amp;"', '\ud800', '\u0000', ']]>', 'x'.repeat(500)] });
    const svg = renderRing(hostile, { format: 'svg', key: '</svg>' });
    const names = [...svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)];
    const open: string[] = [];
    for (const [, closes, name, isEmpty] of names) {
      if (closes) expect(open.pop()).toBe(name);
      else if (!isEmpty) open.push(name!);
    }
    expect(open).toEqual([]);
    expect(svg.match(/<svg/g)).toHaveLength(1);
    for (const text of ['script>', '\ud800', '\u0000']) expect(svg).not.toContain(text);
  });

  it('draws shares as arcs, and the key with its replicas', () => {
    const svg = renderRing(ring, { format: 'svg', key: 'user:7', replicas: 2, width: 400 });
    expect(svg).toContain('width="400"');
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).toContain('user:7');
    for (const share of ring.ownership().values()) expect(svg).toContain(`${(share * 100).toFixed(2)} %`);
    expect(renderRing(createRing({ nodes: ['only'] }), { format: 'svg' }).match(/<path/g)).toHaveLength(2);
  });

  it('says how many nodes the list leaves out', () => {
    expect(renderRing(ringOf(40), { format: 'svg' })).toContain('and 16 more');
  });
});

it('refuses bad options of renderRing', () => {
  expect(() => renderRing(ring, { width: 23 })).toThrow(/^width must be/);
  expect(() => renderRing(ring, { format: 'svg', width: 100 })).toThrow(/^width must be/);
  expect(() => renderRing(ring, { format: 'png' as 'svg' })).toThrow(/^format must be one of ascii, svg/);
  expect(() => renderRing(ring, { replicas: 0 })).toThrow(/^replicas must be/);
});
