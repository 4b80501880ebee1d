import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';

const DEMO = new URL('../../docs/examples/demo.ts', import.meta.url);

async function runDemo(...args: readonly string[]): Promise<{ code: number | null; text: string }> {
  await using demo = await spawnScript(DEMO, { args: ['cache', '--accesses', '50000', ...args] });
  const { code } = await demo.exit;
  return { code, text: demo.lines.join('\n') };
}

describe.skipIf(!canRunTypeScript)('the demo of the cache', () => {
  it('keeps every promise while its origin is slow, written to, killed and restarted, and its store is away', async () => {
    const { code, text } = await runDemo();
    expect(text).not.toContain('BROKEN');
    expect(text.match(/^ {2}kept /gm)!.length).toBeGreaterThanOrEqual(12);
    const isShared = text.includes('never stale: 0 stale');
    expect(isShared || text.includes('skipped: no redis-server')).toBe(true);
    expect([code, text.includes('Every promise was kept.')]).toEqual([0, true]);
  });

  it.each([
    ['stale', 'BROKEN the last known price is served: 0 of 2000 callers'],
    ['sharing', 'BROKEN the origin is asked once: 1000 requests'],
    ['close', 'BROKEN the folder is back: what was acknowledged is on disk after close: 0 of 10 keys'],
  ])('shows what %s is for by a broken promise and its exit code', async (part, line) => {
    const { code, text } = await runDemo('--leave-out', part);
    expect([code, text.includes(line)]).toEqual([1, true]);
  });

  it('replays a trace', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-trace-'));
    try {
      const file = join(folder, 'keys.txt');
      writeFileSync(file, Array.from({ length: 3000 }, (_, k) => `key ${k % 100}`).join('\n'));
      const { code, text } = await runDemo('--trace', file, '--entries', '50');
      expect([code, text.includes('3000 accesses of keys.txt, 50 entries')]).toEqual([0, true]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses what it does not know', async () => {
    expect((await runDemo('--entries', '0')).code).toBe(2);
    expect((await runDemo('--leave-out', 'everything')).code).toBe(2);
  });
});
