import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRing, diffRings } from '../../src/ring/index.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

const DEMO = new URL('../../docs/examples/demo.ts', import.meta.url);

async function runDemo(...args: readonly string[]): Promise<{ code: number | null; lines: readonly string[] }> {
  await using demo = await spawnScript(DEMO, { args: ['ring', ...args] });
  const { code } = await demo.exit;
  return { code, lines: demo.lines };
}

/** The first line that matches, without which nothing is right. */
function find(lines: readonly string[], pattern: RegExp): RegExpMatchArray {
  return lines.map((line) => pattern.exec(line)).find((match) => match !== null) ?? expect.fail(`no ${pattern}`);
}

describe.skipIf(!canRunTypeScript)('the demo of the ring', () => {
  const before = createRing({ vnodes: 150, nodes: ['cache-1', 'cache-2', 'cache-3'] });
  const after = before.without('cache-2');
  const percent = (share: number): string => `${(share * 100).toFixed(4)} %`;

  it('shows lookups with replicas, ownership, the share that moves and the drawing, as the library has them', async () => {
    const { code, lines } = await runDemo('--keys', '20000');
    expect(code).toBe(0);
    find(lines, /^Three nodes, 450 points$/);
    const rows = lines.filter((line) => line.includes(' > '));
    expect(rows.length).toBeGreaterThan(3);
    for (const row of rows) {
      const [key] = row.split(/ {2,}/);
      expect(row).toContain(`${before.getN(key!, 3).join(' > ')}  ${after.getN(key!, 2).join(' > ')}`);
      expect(row.endsWith('moves')).toBe(before.get(key!) !== after.get(key!));
    }
    expect(new Set(rows.map((row) => row.split('  ').at(-1)))).toEqual(new Set(['moves', 'stays']));
    for (const [id, share] of before.ownership()) find(lines, new RegExp(`^${id} +${percent(share)} `));
    const { movedFraction, ranges } = diffRings(before, after);
    find(lines, new RegExp(`exactly ${percent(movedFraction)} of all positions move, in ${ranges.length} ranges`));
    expect(percent(movedFraction)).toBe(percent(before.ownership().get('cache-2')!));
    const [, moved, astray] = find(lines, /^of 20000 keys (\d+) moved, .*; between nodes that stayed: (\d+)$/);
    expect(Math.abs(Number(moved) / 20_000 - movedFraction)).toBeLessThan(0.02);
    expect(astray).toBe('0');
    // The drawing: a circle of letters, the key and its three replicas.
    expect(lines.filter((line) => /^ *[ABC]{1,}/.test(line)).length).toBeGreaterThan(20);
    for (const rank of ['1', '2', '3']) find(lines, new RegExp(`[ABC] .*${rank}.* [ABC]|^[ABC] .* ${rank} cache-`));
  });

  it('writes the drawing as SVG when asked', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-ring-'));
    try {
      const file = join(folder, 'ring.svg');
      expect((await runDemo('--keys', '10', '--svg', file)).code).toBe(0);
      expect(await readFile(file, 'utf8')).toMatch(/^<svg[^]*cache-3[^]*<\/svg>\s*$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('explains itself instead of taking options that it does not know', async () => {
    for (const args of [['--keys', '0'], ['--keys', 'many'], ['--nope']]) {
      const { code, lines } = await runDemo(...args);
      expect(code).toBe(2);
      find(lines, /^npm run demo -- ring \[options\]$/);
    }
    expect((await runDemo('--help')).code).toBe(0);
  });
});
