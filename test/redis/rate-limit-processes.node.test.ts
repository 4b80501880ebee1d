import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ruleOf } from '../../src/rate-limit/stored-rule.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import type { TestProcess } from '../support/processes.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { rulesOfCallers } from './fixtures/rate-limit-rules.ts';

type Taken = readonly (readonly [atMs: number, units: number])[];

const DAY = 86_400_000;
const { available } = redisAvailability();

/** The most by which what was taken between any two moments exceeds what may be taken in that time; 0 if it never does. */
function excess(taken: Taken, most: (ms: number) => number): number {
  let worst = 0;
  for (let from = 0; from < taken.length; from++) {
    let sum = 0;
    for (let to = from; to < taken.length; to++) {
      sum += taken[to]![1];
      worst = Math.max(worst, sum - most(taken[to]![0] - taken[from]![0]));
    }
  }
  return worst;
}

const unitsOf = (taken: Taken): number => taken.reduce((sum, [, units]) => sum + units, 0);

describe.skipIf(!available || !canRunTypeScript)('four processes whose clocks are days apart and drift', () => {
  let redis: RedisServer;
  /** By the clock of the server. */
  const onServer = new Map<string, Taken>();
  /** By those who were admitted. */
  const admitted = new Map<string, Taken>();

  const start = (offsetMs: number, speed: number): Promise<TestProcess> =>
    spawnScript(new URL('fixtures/rate-limit-caller.ts', import.meta.url), {
      args: [redis.port, offsetMs, speed].map(String),
    });

  beforeAll(async () => {
    redis = await startRedis();
    const callers = await Promise.all([start(0, 1), start(DAY, 1.1), start(-DAY, 0.9), start(3 * DAY, 1.02)]);
    await Promise.all(callers.map((caller) => caller.waitForLine('ready')));
    // Real time passes here: it is what limits are about.
    await delay(3500);
    for (const caller of callers) caller.sendLine('stop');
    await Promise.all(callers.map((caller) => caller.exit));
    for (const line of callers.flatMap(({ lines }) => lines).filter((text) => text.startsWith('admitted '))) {
      const [name, times] = JSON.parse(line.slice('admitted '.length)) as [string, number[]];
      const own = times.map((atMs) => [atMs, 1] as const);
      admitted.set(
        name,
        [...(admitted.get(name) ?? []), ...own].sort(([a], [b]) => a - b),
      );
    }
    for (const [name, { policy }] of Object.entries(rulesOfCallers)) {
      const notes = (await redis.send(['LRANGE', `taken:${ruleOf(policy).numbers[0]}`, '0', '-1'])) as string[];
      onServer.set(
        name,
        notes.map((note) => note.split(' ').map(Number) as [number, number]),
      );
    }
  }, 60_000);
  afterAll(() => redis?.stop());

  it.each(['bucket', 'first', 'epoch', 'sliding', 'log'])('admit what the server has counted: %s', (name) => {
    expect(admitted.get(name)!.length).toBeGreaterThan(100);
    expect(admitted.get(name)!.length).toBe(unitsOf(onServer.get(name)!));
  });

  it.each([
    ['bucket', (ms: number) => 21 + Math.floor((80 * ms) / 1000)],
    ['first', (ms: number) => 22 * (Math.floor(ms / 500) + 2)],
    ['epoch', (ms: number) => 23 * (Math.floor(ms / 500) + 2)],
    ['sliding', (ms: number) => (ms < 500 ? 24 + Math.ceil((24 * ms) / 500) : Infinity)],
    ['log', (ms: number) => (ms < 500 ? 25 : Infinity)],
  ])('never take more together than the limit: %s', (name, most) => {
    expect(excess(onServer.get(name)!, most)).toBe(0);
  });

  it.each([
    ['bucket', 80],
    ['first', 44],
    ['epoch', 46],
    ['sliding', 48],
    ['log', 50],
  ])('use nine tenths of the limit at the least: %s', (name, perSecond) => {
    const taken = onServer.get(name)!;
    const seconds = (taken.at(-1)![0] - taken[0]![0]) / 1000;
    expect(unitsOf(taken)).toBeGreaterThanOrEqual(0.9 * perSecond * seconds);
  });

  it('admit out of leases what was taken before, for as long as leases live', () => {
    const own = admitted.get('leased')!;
    // Clocks that run at nine tenths let a lease live that much longer.
    expect(excess(own, (ms) => 26 + (80 * (ms + 100 / 0.9 + 1)) / 1000)).toBe(0);
    expect(own.length).toBeGreaterThan(100);
    expect(own.length).toBeLessThanOrEqual(unitsOf(onServer.get('leased')!));
  });
});

describe.skipIf(!available || !canRunTypeScript)('processes that are killed, before a server that freezes', () => {
  it('take no more together than the limit', async () => {
    await using redis = await startRedis();
    const start = async (offsetMs: number): Promise<TestProcess> => {
      const args = [redis.port, offsetMs, 1].map(String);
      const caller = await spawnScript(new URL('fixtures/rate-limit-caller.ts', import.meta.url), { args });
      await caller.waitForLine('ready');
      return caller;
    };
    const callers = await Promise.all([start(0), start(DAY)]);
    for (let round = 0; round < 3; round++) {
      await delay(300);
      redis.freeze();
      await delay(200);
      redis.thaw();
      await redis.send(['SCRIPT', 'FLUSH']);
      await callers[round % 2]!.kill();
      callers[round % 2] = await start(-DAY * round);
    }
    await Promise.all(callers.map((caller) => caller.kill()));
    const notes = (await redis.send([
      'LRANGE',
      `taken:${ruleOf(rulesOfCallers['bucket']!.policy).numbers[0]}`,
      '0',
      '-1',
    ])) as string[];
    const taken = notes.map((note) => note.split(' ').map(Number) as [number, number]);
    expect(taken.length).toBeGreaterThan(50);
    expect(excess(taken, (ms) => 21 + Math.floor((80 * ms) / 1000))).toBe(0);
  }, 60_000);
});
