import { describe, expect, it } from 'vitest';
import { postgresAvailability } from '../support/postgres.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

const DEMO = new URL('../../docs/examples/demo.ts', import.meta.url);
const { available } = postgresAvailability();

async function runDemo(...args: readonly string[]): Promise<{ code: number | null; lines: readonly string[] }> {
  await using demo = await spawnScript(DEMO, { args: ['pool', ...args] });
  const { code } = await demo.exit;
  return { code, lines: demo.lines };
}

const promises = (lines: readonly string[]): string[] => lines.filter((line) => /^ {2}(kept {2}|BROKEN) /.test(line));

describe.skipIf(!available || !canRunTypeScript)('the demo of the pool', () => {
  it('keeps every promise while PostgreSQL is killed and started again', { timeout: 60_000 }, async () => {
    const { code, lines } = await runDemo();
    expect(promises(lines).filter((line) => line.includes('BROKEN'))).toEqual([]);
    expect(promises(lines)).toHaveLength(9);
    expect(code).toBe(0);
    expect(lines.join('\n')).toMatch(/leak: on loan for 1\d{3} ms, acquired\n.*forgetfulReport/);
  });

  it('exits with 1 when a promise is broken', { timeout: 60_000 }, async () => {
    const { code, lines } = await runDemo('--forget-close');
    expect(promises(lines)).toContainEqual(
      expect.stringMatching(/BROKEN after the close the server counts 0 connections \(2\)/),
    );
    expect(code).toBe(1);
  });
});
