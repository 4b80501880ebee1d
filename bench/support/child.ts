// What runs in the fresh process: prepares one subject, checks it, measures it, prints one line of JSON.
import { deepStrictEqual } from 'node:assert/strict';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Case, Loop, LoopCase } from './case.ts';

/** What the parent asks of a child. */
export interface Task {
  readonly caseName: string;
  readonly subject: string;
  readonly mode: 'time' | 'allocation' | 'instructions' | 'observe';
  readonly isQuick: boolean;
  /** Takes the processor time of the main thread instead of the time on the wall. */
  readonly isCpuTime?: boolean;
  /** Operations after the warm-up, in mode `instructions`. */
  readonly operations?: number;
  /** Divides the warm-up by this. */
  readonly share?: number;
}

/** Numbers by the name of their measure. */
export type Answer = Readonly<Record<string, number>>;

/** Carries out the task given in the last argument. */
export async function serve(cases: readonly Case[]): Promise<void> {
  const task = JSON.parse(process.argv.at(-1)!) as Task;
  const found = cases.find(({ name }) => name === task.caseName);
  if (!found) throw new Error(`no case ${task.caseName}`);
  const answer = found.kind === 'observed' ? await observe(found.subjects, task) : await measure(found, task);
  process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit());
}

async function observe(subjects: (Case & { kind: 'observed' })['subjects'], task: Task): Promise<Answer> {
  return subjects.find(({ name }) => name === task.subject)!.prepare();
}

async function measure(loopCase: LoopCase, task: Task): Promise<Answer> {
  const subject = loopCase.subjects.find(({ name }) => name === task.subject)!;
  const loop = await subject.prepare();
  if (!subject.isPart) deepStrictEqual(await loop.once(), loopCase.expected);
  if (task.mode === 'time')
    return { time: await nsPerOperation(loop, task.isQuick ? 0.3 : 1, task.isCpuTime ? cpuMs : wallMs) };
  await loop.many(upTo(WARM_OPERATIONS[task.mode] / (task.share ?? 1), loop));
  if (task.mode === 'allocation') return { allocation: await bytesPerOperation(loop) };
  await loop.many(upTo(task.operations!, loop));
  return {};
}

/**
 * Warm-up of the modes that count operations, not time. With the engine's clock-free decisions some
 * paths are compiled after 40 000 operations only: a count taken before is that of another code.
 */
const WARM_OPERATIONS = { allocation: 10_000, instructions: 80_000, observe: 0 } as const;

function upTo(n: number, { batch = 1 }: Loop): number {
  return Math.max(1, Math.round(n / batch)) * batch;
}

const wallMs = (): number => performance.now();

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

async function elapsedMs(loop: Loop, n: number, readMs: () => number): Promise<number> {
  const startMs = readMs();
  await loop.many(n);
  return readMs() - startMs;
}

/** Median of five stretches of about 40 ms after 250 ms of warm-up, or one of a batch that takes half a second by itself. */
async function nsPerOperation(loop: Loop, effort: number, readMs: () => number): Promise<number> {
  const { batch = 1 } = loop;
  let n = upTo(64, loop);
  let lastMs = await elapsedMs(loop, n, readMs);
  for (let warmMs = lastMs; warmMs < 250 * effort || lastMs < 10 * effort; warmMs += lastMs) {
    if (lastMs < 20 * effort) n *= 2;
    lastMs = await elapsedMs(loop, n, readMs);
  }
  const wanted = upTo((n * 40 * effort) / lastMs, loop);
  const samples = lastMs > 500 && n === batch ? 1 : 5;
  const times: number[] = [];
  globalThis.gc!();
  for (let k = 0; k < samples; k++) times.push((await elapsedMs(loop, wanted, readMs)) / wanted);
  return times.sort((a, b) => a - b)[samples >> 1]! * 1e6;
}

/** Lets the observer of collections hear of those that have been: it takes the loop a few turns. */
async function told(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await nextTurn();
}

/** Growth of the heap over one stretch, or undefined when a collection fell into it. */
async function growth(loop: Loop, n: number, collections: () => number): Promise<number | undefined> {
  globalThis.gc!();
  await told();
  const collected = collections();
  const before = process.memoryUsage().heapUsed;
  await loop.many(n);
  const after = process.memoryUsage().heapUsed;
  await told();
  return collections() === collected ? after - before : undefined;
}

/**
 * The slope between stretches of n and 2n: what a stretch costs by itself cancels. The stretches are
 * long enough for the calls to outweigh what else allocates, and short enough to stay in new space.
 */
async function bytesPerOperation(loop: Loop): Promise<number> {
  let seen = 0;
  const observer = new PerformanceObserver((list) => {
    seen += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  const grown = (n: number): Promise<number | undefined> => growth(loop, n, () => seen);
  let n = upTo(4_000, loop);
  while (n < 1_000_000 && ((await grown(n)) ?? Infinity) < WANTED_BYTES) n *= 2;
  const slopes: number[] = [];
  for (let tries = 0; slopes.length < 5 && tries < 30; tries++) {
    const short = await grown(n);
    const long = short === undefined ? undefined : await grown(2 * n);
    if (long === undefined) n = upTo(n / 2, loop);
    else slopes.push((long - short!) / n);
  }
  observer.disconnect();
  if (slopes.length < 5) throw new Error('no stretch without a garbage collection');
  return slopes.sort((a, b) => a - b)[2]!;
}

/** A stretch of this much and one of twice as much fit the new space given to the process. */
const WANTED_BYTES = 20e6;
