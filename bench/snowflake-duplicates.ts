// `node bench/snowflake-duplicates.ts [count]`: makes ids over processes, threads and faults and counts duplicates.
// 1e9 takes minutes and 0.5 GB of files under the system's temporary folder; the default, 2e7, seconds.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { systemClock } from '../src/core/clock.ts';
import { createSharedSnowflake, createSnowflake } from '../src/snowflake/index.ts';
import type { Snowflake, SnowflakeLayout } from '../src/snowflake/index.ts';

/** Few bits below the time, so that all ids stand close together and a mistake meets another id. */
const layout: SnowflakeLayout = { timestampBits: 41, workerBits: 4, sequenceBits: 12, epochMs: 1_577_836_800_000 };
/** Ids may lead as far as they like: how many there are is the point, not their time. */
const maxLeadMs = 1e12;
const BATCH = 50_000;

interface Job {
  readonly file: string;
  readonly worker: number;
  readonly count: number;
  /** Where the process before ended. */
  readonly notBeforeMs: number;
  readonly buffer?: SharedArrayBuffer;
  readonly seed: number;
}

/** Issues `count` ids in every form, with a clock that is set back, stops and leaps, and with restarts; writes them. */
function issue({ file, worker, count, notBeforeMs, buffer, seed }: Job): number {
  let offsetMs = 0;
  const clock = { ...systemClock, epochMs: () => Math.floor(Date.now() / 3) * 3 + offsetMs };
  const make = (beforeMs: number): Snowflake => {
    const options = { worker, layout, maxLeadMs, clock, notBeforeMs: beforeMs };
    return buffer ? createSharedSnowflake(buffer, options) : createSnowflake(options);
  };
  let ids = make(notBeforeMs);
  const out = openSync(file, 'w');
  for (let done = 0, round = seed; done < count; round++) {
    const batch = new BigUint64Array(Math.min(BATCH, count - done));
    if (round % 4 === 0) for (let at = 0; at < batch.length; at++) batch[at] = ids.next();
    else if (round % 16 === 1) for (let at = 0; at < batch.length; at++) batch[at] = BigInt(ids.nextString());
    else ids.fill(batch);
    writeSync(out, batch);
    done += batch.length;
    offsetMs += ((round * 7919) % 41) - 20;
    if (round % 9 === 0) ids = make(ids.lastTimestampMs);
  }
  closeSync(out);
  return ids.lastTimestampMs;
}

/** Runs a job in a process of its own. Answers where it ended. */
function inProcess(job: Job): Promise<number> {
  const args = [fileURLToPath(import.meta.url), 'process', JSON.stringify(job)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (text) => (printed += String(text)));
  return new Promise((resolve, reject) => {
    child.on('close', (code) =>
      code === 0 ? resolve(Number(printed)) : reject(new Error(`a process ended with ${code}`)),
    );
  });
}

function inThread(job: Job): Promise<number> {
  const thread = new Worker(new URL(import.meta.url), { workerData: job });
  return new Promise((resolve, reject) => {
    thread.on('message', resolve);
    thread.on('error', reject);
  });
}

/** One worker id through several lives, each a process, or four threads that share it. Answers its duplicates. */
async function lifeOf(worker: number, count: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-ids-'));
  const files: string[] = [];
  const fileOf = (seed: number): string => files[files.push(join(folder, `${seed}.ids`)) - 1]!;
  let notBeforeMs = 0;
  try {
    for (let life = 0; life < LIVES; life++) {
      const each = Math.ceil(count / LIVES);
      if (worker % 4)
        notBeforeMs = await inProcess({ file: fileOf(life), worker, count: each, notBeforeMs, seed: life });
      else {
        const job = { worker, count: Math.ceil(each / 4), notBeforeMs, buffer: new SharedArrayBuffer(24) };
        const threads = [0, 1, 2, 3].map((seed) => inThread({ ...job, file: fileOf(4 * life + seed), seed }));
        notBeforeMs = Math.max(...(await Promise.all(threads)));
      }
    }
    return duplicatesIn(files, worker);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The ids of some files as 32-bit halves, a part at a time. */
function* chunksOf(files: readonly string[]): Generator<Uint32Array> {
  const chunk = new Uint32Array(1 << 20);
  for (const path of files) {
    const file = openSync(path, 'r');
    for (let bytes = 1; bytes > 0;) {
      bytes = readSync(file, chunk);
      yield chunk.subarray(0, bytes / 4);
    }
    closeSync(file);
  }
}

/** Ids that are there more than once, and ids of another worker, which could be there twice as well. */
function duplicatesIn(files: readonly string[], worker: number): number {
  // A bit for each sequence of each tick that there is.
  const ticks = new Map<number, Uint32Array<ArrayBuffer>>();
  let wrong = 0;
  for (const halves of chunksOf(files)) {
    let lastTick = -1;
    let taken = new Uint32Array(128);
    for (let at = 0; at < halves.length; at += 2) {
      const low = halves[at]!;
      const tick = halves[at + 1]! * 2 ** 16 + (low >>> 16);
      if (tick !== lastTick) {
        taken = ticks.get(tick) ?? new Uint32Array(128);
        ticks.set((lastTick = tick), taken);
      }
      const word = (low & 4095) >>> 5;
      const bit = 1 << (low & 31);
      if (taken[word]! & bit || ((low >>> 12) & 15) !== worker) wrong++;
      taken[word]! |= bit;
    }
    total += halves.length / 2;
  }
  return wrong;
}

const LIVES = 4;
let total = 0;

async function main(): Promise<void> {
  const count = Number(process.argv[2] ?? 2e7);
  if (!(count >= 1e4 && count <= 1e9)) throw new RangeError('count must be a number of at least 1e4 and at most 1e9');
  const startMs = performance.now();
  let duplicates = 0;
  for (let worker = 0; worker < 16; worker++) {
    duplicates += await lifeOf(worker, Math.ceil(count / 16));
    console.log(`${total} ids, ${duplicates} duplicates`);
  }
  console.log(`${((performance.now() - startMs) / 1000).toFixed(1)} s: 48 processes and 64 threads`);
  process.exitCode = duplicates === 0 ? 0 : 1;
}

if (!isMainThread) parentPort!.postMessage(issue(workerData as Job));
else if (process.argv[2] === 'process') console.log(issue(JSON.parse(process.argv[3]!) as Job));
else await main();
