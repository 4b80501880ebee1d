import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { flush } from '../support/gate.ts';
import { childrenOf, untilGone } from '../support/pids.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import { redisAvailability } from '../support/redis.ts';

const DEMO = new URL('../../docs/examples/demo.ts', import.meta.url);
const TIMEOUT_MS = 60_000;
const redis = redisAvailability();

interface DemoRun {
  readonly code: number | null;
  readonly lines: readonly string[];
  /** Lines that summed up a burst. */
  readonly sums: readonly string[];
}

async function runDemo(args: readonly string[], env: Readonly<Record<string, string>>): Promise<DemoRun> {
  await using demo = await spawnScript(DEMO, { args: ['rate-limit', ...args], env });
  const { code } = await demo.exit;
  return { code, lines: demo.lines, sums: demo.lines.filter((line) => line.includes(' x 200, ')) };
}

/** The rows of the tables: number, process where there are two, status, RateLimit, Retry-After. */
function rowsOf(lines: readonly string[]): string[][] {
  return lines.filter((line) => /^ {2,3}\d+ {2}/.test(line)).map((line) => line.trim().split(/ {2,}/));
}

describe.skipIf(!canRunTypeScript)('the rate-limit demo', () => {
  it('shows 20 answers and 5 refusals, and says where no redis-server is found', { timeout: TIMEOUT_MS }, async () => {
    const { code, lines, sums } = await runDemo([], { REDIS_SERVER: '/nowhere/redis-server' });
    expect(sums).toEqual([expect.stringMatching(/^20 x 200, 5 x 429 in \d+ ms: as promised$/)]);
    const rows = rowsOf(lines);
    expect(rows.map(([, status]) => status)).toEqual([...Array(20).fill('200'), ...Array(5).fill('429')]);
    expect(rows[0]).toEqual(['1', '200', '"api";r=19;t=1']);
    expect(rows[24]).toEqual(['25', '429', '"api";r=0;t=1', '1']);
    expect(lines.at(-1)).toMatch(/^Two processes: left out, because no redis-server was found/);
    expect(code).toBe(0);
  });

  it.skipIf(!redis.available)(
    'shows the same for two processes that share the limit through Redis',
    { timeout: TIMEOUT_MS },
    async () => {
      const { code, lines, sums } = await runDemo([], redis.available ? { REDIS_SERVER: redis.path } : {});
      expect(sums.map((line) => line.replace(/\d+ ms/, 'N ms'))).toEqual([
        '20 x 200, 5 x 429 in N ms: as promised',
        '20 x 200, 5 x 429 in N ms: as promised',
      ]);
      const shared = rowsOf(lines).slice(25);
      expect(shared.map(([, server]) => server)).toEqual(Array.from({ length: 25 }, (_, k) => String((k % 2) + 1)));
      expect(shared[19]).toEqual(['20', '2', '200', '"api";r=0;t=2']);
      expect(shared[20]).toEqual(['21', '1', '429', '"api";r=0;t=1', '1']);
      expect(code).toBe(0);
    },
  );

  it('exits with 1 when the counts are others', { timeout: TIMEOUT_MS }, async () => {
    const { code, sums } = await runDemo(['--without'], {});
    expect(sums).toEqual([expect.stringMatching(/^25 x 200, 0 x 429 in \d+ ms: (?:NOT the|this machine)/)]);
    expect(code).toBe(1);
  });

  it.skipIf(!redis.available)('leaves no server behind when it is killed', { timeout: TIMEOUT_MS }, async () => {
    await using demo = await spawnScript(DEMO, {
      args: ['rate-limit'],
      env: redis.available ? { REDIS_SERVER: redis.path } : {},
    });
    await demo.waitForLine(/^Two processes/, 30_000);
    const children: number[] = [];
    while (demo.isRunning && children.length < 2) {
      for (const child of childrenOf(demo.pid)) {
        for (const pid of [child, ...childrenOf(child)]) if (!children.includes(pid)) children.push(pid);
      }
      await flush();
    }
    expect(children.length).toBeGreaterThan(1);
    await demo.kill();
    for (const pid of children) await untilGone(pid);
  });

  it('ends a server whose parent is gone before it has found Redis', async () => {
    const server = fileURLToPath(new URL('../../docs/examples/rate-limit/server-process.ts', import.meta.url));
    const parent = `const { fork } = require('node:child_process');
      console.log(fork(${JSON.stringify(server)}, ['/nowhere.sock'], { execArgv: [] }).pid);
      process.kill(process.pid, 'SIGKILL');`;
    const { stdout } = spawnSync(process.execPath, ['-e', parent], { encoding: 'utf8' });
    expect(Number(stdout)).toBeGreaterThan(0);
    await untilGone(Number(stdout));
  });

  it('explains itself', async () => {
    const { code, lines } = await runDemo(['--help'], {});
    expect([code, lines[0]]).toEqual([0, 'npm run demo -- rate-limit [options]']);
  });
});
