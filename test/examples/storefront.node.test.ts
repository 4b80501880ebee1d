import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { childrenOf, untilGone } from '../support/pids.ts';
import { postgresAvailability } from '../support/postgres.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

const DEMO = new URL('../../docs/examples/demo.ts', import.meta.url);
const TIMEOUT_MS = 300_000;
const { available } = postgresAvailability();

interface Report {
  readonly kept: boolean;
  readonly engines: string;
  readonly promises: readonly { readonly id: string; readonly verdict: string; readonly detail: string }[];
  readonly figures: Readonly<Record<string, string>>;
}

/** Runs the demo. Both of its streams are read, so that parsing fails if it prints anything but JSON. */
async function runDemo(...args: readonly string[]): Promise<{ code: number | null; report: Report }> {
  await using demo = await spawnScript(DEMO, { args: ['--fast', '--json', ...args] });
  const { code } = await demo.exit;
  return { code, report: JSON.parse(demo.lines.join('\n')) as Report };
}

function broken({ promises }: Report): readonly string[] {
  return promises.filter(({ verdict }) => verdict === 'broken').map(({ id, detail }) => `${id}: ${detail}`);
}

describe.skipIf(!canRunTypeScript)('the storefront', () => {
  it.skipIf(!available)(
    'keeps every promise while its payment service, its database and one of its processes fail',
    { timeout: TIMEOUT_MS },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'holdfast-storefront-test-'));
      try {
        const file = join(folder, 'run.html');
        const { code, report } = await runDemo('--seed', '5', '--report', file);
        expect(broken(report)).toEqual([]);
        expect([code, report.kept, report.promises.length]).toEqual([0, true, 15]);
        const html = readFileSync(file, 'utf8');
        for (const fault of ['payment killed', 'payment hung', 'database frozen', 'shop killed'])
          expect(html).toContain(`>${fault}</text>`);
        expect(html.match(/<td class="kept">/g)).toHaveLength(15);
        expect(html).not.toMatch(/(?:src|href)=/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  it.skipIf(!available)('sells exactly 100 units to 500 buyers at once', { timeout: TIMEOUT_MS }, async () => {
    const { code, report } = await runDemo('--flash-sale');
    expect(broken(report)).toEqual([]);
    expect(report.promises.find(({ id }) => id === 'sale')).toMatchObject({ detail: '100 sold of 100' });
    expect(code).toBe(0);
  });

  it.skipIf(!available).for([
    ['double-charge', 'charged-once'],
    ['oversell', 'units'],
  ] as const)('exits with 1 for a fault that is built in: %s', { timeout: TIMEOUT_MS }, async ([plant, promise]) => {
    const { code, report } = await runDemo('--plant', plant);
    expect(broken(report).map((line) => line.split(':')[0])).toContain(promise);
    expect(code).toBe(1);
  });

  it('needs no server of a database', { timeout: TIMEOUT_MS }, async () => {
    const { code, report } = await runDemo('--pglite');
    expect(broken(report)).toEqual([]);
    expect([code, report.engines.startsWith('PGlite')]).toEqual([0, true]);
  });

  it.skipIf(!available)('leaves no process behind when it is killed', { timeout: TIMEOUT_MS }, async () => {
    await using demo = await spawnScript(DEMO, { args: ['storefront', '--fast'] });
    await demo.waitForLine(/ s {2}database frozen/, 60_000);
    const children = childrenOf(demo.pid);
    expect(children.length).toBeGreaterThan(5);
    await demo.kill();
    await Promise.all(children.map(untilGone));
  });

  it('refuses options that it does not know, with exit code 2', { timeout: TIMEOUT_MS }, async () => {
    for (const args of [['--sped'], ['--seed', '1.5'], ['--plant', 'roses']]) {
      await using demo = await spawnScript(DEMO, { args });
      expect(await demo.exit).toEqual({ code: 2, signal: null });
      expect(demo.lines.join('\n')).toContain(args.at(-1)!.replace(/^--?/, ''));
    }
  });
});
