import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createSharedSnowflake, snowflakeCodec } from '../../src/snowflake/index.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { tinyLayout } from './kit.ts';

const layout = { ...tinyLayout, sequenceBits: 6 };

/** Starts threads on one buffer, all at one moment, and answers with what each posts. */
function startThreads(buffer: SharedArrayBuffer, threads: number, count: number): Promise<BigUint64Array[]>[] {
  return Array.from({ length: threads }, () => {
    const worker = new Worker(new URL('fixtures/shared-thread.ts', import.meta.url), {
      workerData: { buffer, count, layout },
    });
    const posted: BigUint64Array[] = [];
    return new Promise((resolve, reject) => {
      worker.on('message', (ids: BigUint64Array) => void posted.push(ids));
      worker.on('error', reject);
      worker.on('exit', () => resolve(posted));
    });
  });
}

function go(buffer: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(buffer, 24, 1), 0, 1);
  Atomics.notify(new Int32Array(buffer, 24, 1), 0);
}

describe.skipIf(!canRunTypeScript)('threads of one worker id', () => {
  it('issues each id once over all threads, and in each thread ids that grow', async () => {
    const buffer = new SharedArrayBuffer(32);
    const running = startThreads(buffer, 4, 30_000);
    go(buffer);
    const all = await Promise.all(running);
    const seen = new Set<bigint>();
    for (const posted of all) {
      const ids = posted.at(-1)!;
      expect(ids).toHaveLength(30_000);
      for (let at = 0; at < ids.length; at++) {
        seen.add(ids[at]!);
        if (at > 0 && ids[at]! <= ids[at - 1]!) expect.unreachable(`${ids[at]} after ${ids[at - 1]}`);
      }
    }
    expect(seen.size).toBe(120_000);
    expect(new Set([...seen].map((id) => snowflakeCodec(layout).decode(id).workerId))).toEqual(new Set([3]));
  });

  it('goes on when a thread is ended at any moment, and repeats nothing of it', async () => {
    const buffer = new SharedArrayBuffer(32);
    const worker = new Worker(new URL('fixtures/shared-thread.ts', import.meta.url), {
      workerData: { buffer, count: 5_000_000, layout },
    });
    const told = new Set<bigint>();
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', (ids: BigUint64Array) => {
        for (const id of ids) told.add(id);
        if (told.size === 20) resolve();
      });
      worker.on('online', () => go(buffer));
    });
    await worker.terminate();
    const last = [...told].at(-1)!;
    const survivor = createSharedSnowflake(buffer, { worker: 3, layout, maxLeadMs: 1e9 });
    for (let k = 0; k < 10_000; k++) expect(survivor.next()).toBeGreaterThan(last);
  });
});
