import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import type { TestProcess } from '../support/processes.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';

const { available } = redisAvailability();
const file = new URL('fixtures/tier-member.ts', import.meta.url);

interface Counts {
  readonly reads: number;
  readonly stale: number;
  readonly changes: number;
  readonly rejected: number;
  readonly loads: number;
  readonly failed: number;
}

function latest({ lines }: TestProcess): Counts {
  const line = lines.filter((each) => /^(tick|counts) /.test(each)).at(-1);
  const none: Counts = { reads: 0, stale: 0, changes: 0, rejected: 0, loads: 0, failed: 0 };
  return line === undefined ? none : (JSON.parse(line.slice(line.indexOf(' '))) as Counts);
}

const sum = (fleet: readonly TestProcess[], what: keyof Counts): number =>
  fleet.reduce((all, each) => all + latest(each)[what], 0);

async function start(name: string, role: string, ...ports: readonly number[]): Promise<TestProcess> {
  const process = await spawnScript(file, { args: [name, ...ports.map(String), role] });
  await process.waitForLine('ready');
  return process;
}

/** Waits until so many more changes were acknowledged. */
async function more(fleet: readonly TestProcess[], changes: number): Promise<void> {
  const before = sum(fleet, 'changes');
  await expect.poll(() => sum(fleet, 'changes') - before, { timeout: 60_000, interval: 50 }).toBeGreaterThan(changes);
}

async function stop(fleet: readonly TestProcess[]): Promise<void> {
  for (const process of fleet) process.sendLine('stop');
  for (const process of fleet) expect((await process.exit).code, process.lines.join('\n')).toBe(0);
}

/** Nobody was told anything wrong, whatever happened. */
function judge(fleet: readonly TestProcess[], least: number): void {
  const wrong = fleet.flatMap(({ lines }) => lines.filter((line) => /^(stale|unhandled|failed)/.test(line)));
  expect(wrong).toEqual([]);
  console.log(
    ['reads', 'changes', 'rejected', 'loads'].map((what) => `${sum(fleet, what as keyof Counts)} ${what}`).join(', '),
  );
  expect(sum(fleet, 'changes')).toBeGreaterThan(least);
  expect(sum(fleet, 'reads')).toBeGreaterThan(least);
}

describe.skipIf(!available || !canRunTypeScript)('three processes with one Redis', () => {
  it('read nothing that is older than an acknowledged change, in hundreds of rounds', async () => {
    await using server = await startRedis();
    await using origin = await startRedis();
    const fleet = await Promise.all(
      ['one', 'two', 'three'].map((name) => start(name, 'writer', server.port, server.port, origin.port)),
    );
    await more(fleet, 400);
    await stop(fleet);
    judge(fleet, 400);
    expect(sum(fleet, 'rejected')).toBe(0);
  }, 120_000);

  it('nor while messages of the bus are lost and connections are reset', async () => {
    await using server = await startRedis();
    await using origin = await startRedis();
    await using bus = await startFaultProxy({ target: { port: server.port } });
    await using link = await startFaultProxy({ target: { port: server.port } });
    const fleet = await Promise.all([
      start('one', 'writer', server.port, server.port, origin.port),
      start('deaf', 'reader', server.port, bus.port, origin.port),
      start('far', 'writer', link.port, link.port, origin.port),
    ]);
    for (let round = 0; round < 3; round++) {
      bus.set({ blackHole: 'both' });
      await more(fleet, 10);
      bus.set();
      bus.resetAll();
      await more(fleet, 10);
      bus.refuse();
      bus.resetAll();
      await more(fleet, 10);
      await bus.accept();
      link.resetAll();
      await more(fleet, 10);
      link.set({ blackHole: 'downstream' });
      await delay(700);
      link.set();
      await more(fleet, 10);
    }
    await stop(fleet);
    judge(fleet, 150);
  }, 120_000);

  it('nor while processes are frozen and killed, and the server is frozen, flushed and restarted', async () => {
    await using server = await startRedis();
    await using origin = await startRedis();
    const fleet = await Promise.all(
      ['one', 'two', 'three'].map((name) =>
        start(name, name === 'three' ? 'reader' : 'writer', server.port, server.port, origin.port),
      ),
    );
    const killed: TestProcess[] = [];
    for (let round = 0; round < 3; round++) {
      fleet[2]!.freeze();
      await more(fleet, 5);
      await delay(600);
      fleet[2]!.thaw();
      await more(fleet, 20);
      await server.send(['FLUSHALL']);
      await more(fleet, 5);
      server.freeze();
      await delay(800);
      server.thaw();
      await more(fleet, 5);
      await server.restart();
      await more(fleet, 5);
      await fleet[1]!.kill();
      killed.push(
        ...fleet.splice(1, 1, await start(`again ${round}`, 'writer', server.port, server.port, origin.port)),
      );
      await more(fleet, 20);
    }
    await stop(fleet);
    judge([...fleet, ...killed], 150);
    expect(sum(fleet, 'rejected')).toBeGreaterThan(0);
  }, 180_000);
});
