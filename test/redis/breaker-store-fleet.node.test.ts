import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { OPEN_MS, startDependency, startFleet, stateOf, SYNC_MS, TTL_MS, until } from '../circuit-breaker/fleet-run.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { canRunTypeScript } from '../support/processes.ts';
import type { TestProcess } from '../support/processes.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const { available } = redisAvailability();

/** Of a machine that has other things to do: processes that print, and are read, late. */
const SLACK_MS = 3000;
/** For what is promised in the end. */
const PATIENCE_MS = 15_000;

const allAre = (fleet: readonly TestProcess[], state: string) => (): boolean =>
  fleet.every((process) => stateOf(process).state === state);

/** When a process first printed that. */
function openedAtMs({ lines }: TestProcess, what: string): number {
  return Number(lines.find((line) => line.startsWith(what))!.split(' ')[2]);
}

async function scriptCalls(server: RedisServer): Promise<number> {
  const stats = String(await server.send(['INFO', 'commandstats']));
  return ['evalsha', 'eval'].reduce((sum, name) => {
    return sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  }, 0);
}

async function leave(fleet: readonly TestProcess[]): Promise<void> {
  for (const process of fleet) process.sendLine('close');
  for (const process of fleet) expect(await process.exit).toEqual({ code: 0, signal: null });
  expect(fleet.flatMap(({ lines }) => lines.filter((line) => line.startsWith('unhandled')))).toEqual([]);
}

describe.skipIf(!available || !canRunTypeScript)('six processes that share a circuit through Redis', () => {
  it('open together, try one at a time, survive a killed holder of the trials, and close together', async () => {
    await using server = await startRedis();
    await using dependency = await startDependency();
    const fleet = await startFleet(6, server.port, dependency);

    const [before, startMs] = [await scriptCalls(server), performance.now()];
    await delay(10 * SYNC_MS);
    const calls = (await scriptCalls(server)) - before;
    expect(calls).toBeLessThanOrEqual(6 * (1 + Math.ceil((performance.now() - startMs) / SYNC_MS)));
    expect(calls).toBeGreaterThan(6);

    // One bad node, for a while, through several openings and trials of its own.
    dependency.badNodes = ['node 0'];
    await until('one open', allAre(fleet.slice(0, 1), 'open'), SLACK_MS);
    await delay(3 * OPEN_MS);
    expect(fleet.slice(1).every((process) => !process.lines.some((line) => line.startsWith('state ')))).toBe(true);

    // Two are a quorum, and the others hear of it.
    dependency.badNodes = ['node 0', 'node 1'];
    await until('all open', () => fleet.every((process) => stateOf(process).state !== 'closed'), OPEN_MS + SLACK_MS);
    // A process says first that it is open, and then who told it.
    const isTold = ({ lines }: TestProcess): boolean => lines.some((line) => line.startsWith('fleet fleet-opened'));
    await until('all told', () => fleet.slice(2).every(isTold), SLACK_MS);
    const toldAtMs = fleet.slice(2).map((process) => openedAtMs(process, 'fleet fleet-opened'));
    const secondAtMs = openedAtMs(fleet[1]!, 'state open');
    const reachedMs = Math.max(...toldAtMs) - secondAtMs;
    console.log(`the last of six was told ${reachedMs} ms after the second had opened`);
    // The first may be half-open just then, and open again only after a trial of its own.
    expect(reachedMs).toBeLessThan(2 * SYNC_MS + OPEN_MS + 1000);

    dependency.badNodes = [];
    dependency.mode = 'down';
    await delay(4 * OPEN_MS);
    expect(dependency.mostTrials).toBe(1);
    expect(dependency.trials).toBeGreaterThan(1);

    dependency.mode = 'hold';
    await until('a trial', () => dependency.held.length === 1, OPEN_MS + SLACK_MS);
    const [trial] = dependency.held;
    const victim = fleet.findIndex((_, k) => trial!.node === `node ${k}`);
    const [killed] = fleet.splice(victim, 1);
    await killed!.kill();
    const waitedMs = await until(
      'a trial elsewhere',
      () => dependency.held.some(({ node }) => node !== trial!.node),
      TTL_MS + OPEN_MS + SLACK_MS,
    );
    console.log(`the next trial came ${Math.round(waitedMs)} ms after the holder was killed`);
    expect(dependency.mostTrials).toBe(1);

    dependency.mode = 'up';
    for (const { answer } of dependency.held) answer(true);
    const closedMs = await until('all closed', allAre(fleet, 'closed'), 2 * SYNC_MS + SLACK_MS);
    console.log(`all had closed ${Math.round(closedMs)} ms after a good trial`);
    await leave(fleet);
    expect(Number(await server.send(['PTTL', 'holdfast:circuit:dependency']))).toBeGreaterThan(3_500_000);
  }, 120_000);

  it('go by their own rules while the server is frozen, gone or cut off, and share again by themselves', async () => {
    await using server = await startRedis();
    await using proxy = await startFaultProxy({ target: { port: server.port } });
    await using dependency = await startDependency();
    const fleet = await startFleet(6, proxy.port, dependency);
    const count = (type: string): number =>
      fleet.reduce((sum, { lines }) => sum + lines.filter((line) => line.startsWith(`fleet ${type}`)).length, 0);
    // The last word counts: a process that is slow may lose its store, and find it, once more than it is made to.
    const areAll = (word: string) => (): boolean =>
      fleet.every(
        ({ lines }) =>
          lines
            .filter((line) => /^fleet (dis)?connected/.test(line))
            .at(-1)
            ?.split(' ')[1] === word,
      );

    const faults: readonly (readonly [string, () => unknown, () => unknown])[] = [
      ['frozen', () => server.freeze(), () => server.thaw()],
      ['gone', () => server.kill(), () => server.restart()],
      [
        'cut off',
        () => {
          proxy.refuse();
          proxy.resetAll();
        },
        () => proxy.accept(),
      ],
      ['swallowed', () => proxy.set({ blackHole: 'both' }), () => proxy.set()],
    ];
    for (const [name, strike, heal] of faults) {
      await strike();
      await until(`${name}: all disconnected`, areAll('disconnected'), PATIENCE_MS);
      dependency.mode = 'down';
      await until(
        `${name}: all open`,
        () => fleet.every((process) => stateOf(process).state !== 'closed'),
        PATIENCE_MS,
      );
      dependency.mode = 'up';
      await until(`${name}: all closed`, allAre(fleet, 'closed'), PATIENCE_MS);
      await heal();
      await until(`${name}: all connected`, areAll('connected'), PATIENCE_MS);
      await server.send(['SCRIPT', 'FLUSH']);
      expect(dependency.mostTrials).toBeGreaterThan(0);
      dependency.mostTrials = 0;
      dependency.mode = 'down';
      await until(
        `${name}: all open again`,
        () => !fleet.some((process) => stateOf(process).state === 'closed'),
        SLACK_MS,
      );
      await delay(3 * OPEN_MS);
      expect(dependency.mostTrials).toBe(1);
      dependency.mode = 'up';
      await until(`${name}: all closed again`, allAre(fleet, 'closed'), TTL_MS + OPEN_MS + SLACK_MS);
      expect(count('fleet-recovered')).toBeGreaterThan(0);
    }
    await leave(fleet);
  }, 120_000);
});
