import { describe, expect, it } from 'vitest';
import { postgresAvailability } from '../support/postgres.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import type { ProcessExit } from '../support/processes.ts';

const DEMO = new URL('../../docs/examples/demo.ts', import.meta.url);
const TIMEOUT_MS = 180_000;
const { available } = postgresAvailability();

async function runDemo(...args: readonly string[]): Promise<ProcessExit & { readonly lines: readonly string[] }> {
  await using demo = await spawnScript(DEMO, { args: ['saga', ...args] });
  return { ...(await demo.exit), lines: demo.lines };
}

describe.skipIf(!canRunTypeScript)('the demo of sagas', () => {
  it.skipIf(!available)(
    'sells 100 units to 500 buyers over 3 processes of which one is killed, and the database bears it out',
    { timeout: TIMEOUT_MS },
    async () => {
      const { code, lines } = await runDemo();
      expect(lines.filter((line) => line.includes('BROKEN'))).toEqual([]);
      expect(code).toBe(0);
      expect(lines.filter((line) => /^ {3}ok /.test(line)).length).toBe(10);
      const text = lines.join('\n');
      expect(text).toContain('order-1: completed');
      expect(text).toMatch(/order-2: compensated\n.*reserve +done.*\n.*charge +failed {2}the card was declined\n/);
      // The process that was killed had taken the money; another one took up the saga and asked again.
      expect(text).toMatch(/order-3: completed\n.*reserve +done.*\n.*taken up again.*\n.*charge +interrupted/);
      expect(text).toContain('concert: sold: 100, has to be 100');
    },
  );

  it.skipIf(!available)(
    'exits with 1 when participants repeat what they are told twice',
    { timeout: TIMEOUT_MS },
    async () => {
      const { code, lines } = await runDemo('--without-guard');
      expect(code).toBe(1);
      expect(lines.filter((line) => line.includes('BROKEN')).join('\n')).toContain('charged more than once');
    },
  );

  it('prints its definition as a diagram', { timeout: TIMEOUT_MS }, async () => {
    const { code, lines } = await runDemo('--mermaid');
    expect([code, lines[0]]).toEqual([0, 'flowchart TD']);
  });

  it('refuses options that it does not know, with exit code 2', { timeout: TIMEOUT_MS }, async () => {
    expect(await runDemo('--pg')).toMatchObject({ code: 2, signal: null });
  });
});
