import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findRedis, startRedis } from '../rate-limit/processes.ts';
import type { FromChild, Member } from './fleet-cache.ts';
import { joinFleet, STALE_MS } from './fleet-cache.ts';
import type { Chapter, Report } from './report.ts';

const ROUNDS = 200;
const CALLERS = 100;

/** Two processes with Redis between them: changed in one, never stale in the other. */
export const fleet: Chapter = async (report) => {
  report.chapter('Two processes with Redis: changed in one, read in the other');
  const program = findRedis();
  if (program === undefined) return report.line('skipped: no redis-server on the PATH, nor in REDIS_SERVER');
  const origin = createOrigin();
  const redis = await startRedis(program);
  const here = await joinFleet(redis.path, async (key) => origin.load(key));
  const there = await startOther(redis.path, origin);
  try {
    await here.cache.clear({ wait: 'all' });
    await together(report, here, there, origin);
    await rounds(report, here, there, origin);
    await frozen(report, here, there, origin);
    await redis[Symbol.asyncDispose]();
    await withoutRedis(report, there, origin);
  } finally {
    there.end();
    await here.close();
    await redis[Symbol.asyncDispose]();
  }
};

/** What the truth is, and how often somebody asked for it. */
interface TrueVersions {
  loads: number;
  load(key: string): number;
  change(key: string): number;
}

function createOrigin(): TrueVersions {
  const versions = new Map<string, number>();
  return {
    loads: 0,
    load(key) {
      this.loads++;
      return versions.get(key) ?? 0;
    },
    change(key) {
      const next = (versions.get(key) ?? 0) + 1;
      versions.set(key, next);
      return next;
    },
  };
}

interface Other {
  readonly child: ChildProcess;
  read(key: string): Promise<number | undefined>;
  end(): void;
}

async function startOther(path: string, origin: TrueVersions): Promise<Other> {
  const script = fileURLToPath(new URL('fleet-process.ts', import.meta.url));
  const child = fork(script, [path], { execArgv: [] });
  const reads = new Map<number, (version: number | undefined) => void>();
  let asked = 0;
  child.on('message', (message: FromChild) => {
    if ('load' in message) child.send({ loaded: message.load, version: origin.load(message.key) });
    else if ('read' in message) reads.get(message.read)?.(message.version);
  });
  await once(child, 'message');
  return {
    child,
    read: (key) =>
      new Promise((resolve) => {
        reads.set(++asked, resolve);
        child.send({ read: asked, key });
      }),
    end: () => void child.kill('SIGKILL'),
  };
}

async function together(report: Report, here: Member, there: Other, origin: TrueVersions): Promise<void> {
  const reads = Array.from({ length: CALLERS }, () => [here.cache.getOrLoad('cold'), there.read('cold')]);
  const values = new Set(await Promise.all(reads.flat()));
  report.promise(
    `${2 * CALLERS} callers of a cold key in two processes load it once`,
    origin.loads === 1 && values.size === 1,
    `${origin.loads} loads`,
  );
}

async function rounds(report: Report, here: Member, there: Other, origin: TrueVersions): Promise<void> {
  let stale = 0;
  const startMs = performance.now();
  for (let round = 0; round < ROUNDS; round++) {
    await there.read('price');
    const version = origin.change('price');
    await here.cache.delete('price', { wait: 'all' });
    if ((await there.read('price')) !== version) stale++;
  }
  const eachMs = (performance.now() - startMs) / ROUNDS;
  report.promise(
    `${ROUNDS} times deleted here and read there at once, never stale`,
    stale === 0,
    `${stale} stale, ${eachMs.toFixed(1)} ms for a round`,
  );
}

async function frozen(report: Report, here: Member, there: Other, origin: TrueVersions): Promise<void> {
  await there.read('price');
  there.child.kill('SIGSTOP');
  const version = origin.change('price');
  const startMs = performance.now();
  await here.cache.delete('price', { wait: 'all' });
  const waitedMs = Math.round(performance.now() - startMs);
  there.child.kill('SIGCONT');
  const read = await there.read('price');
  report.promise(
    'a frozen process (SIGSTOP) holds a delete up, and has nothing old when it goes on',
    read === version && waitedMs >= STALE_MS / 3,
    `waited ${waitedMs} ms, at most ${STALE_MS} and 2 %`,
  );
}

async function withoutRedis(report: Report, there: Other, origin: TrueVersions): Promise<void> {
  const startMs = performance.now();
  const version = origin.change('other');
  const read = await there.read('other');
  report.promise(
    'with Redis killed a read goes on, from the origin',
    read === version,
    `version ${read} after ${Math.round(performance.now() - startMs)} ms`,
  );
}
