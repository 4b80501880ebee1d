import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createBloomFilter } from '../../src/bloom/index.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { layouts } from './kit.ts';

interface Task {
  readonly buffer: SharedArrayBuffer;
  readonly start: SharedArrayBuffer;
  readonly from: number;
  readonly to: number;
}

/** Runs a file in a real thread and answers what it sends. */
function runThread<T>(file: string, workerData: unknown): Promise<T> {
  const worker = new Worker(new URL(file, import.meta.url), { workerData });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

/** Adds its keys in a real thread; answers which were told to be new. */
function addInThread(task: Task): Promise<readonly boolean[]> {
  return runThread('./fixtures/add-keys.ts', task);
}

describe.skipIf(!canRunTypeScript)('a shared filter', () => {
  it.each(layouts)(
    'loses no key that threads add at once, and tells at least one of them that it is new',
    async (layout) => {
      const keys = 20_000;
      const threads = 3;
      const filter = createBloomFilter({ capacity: keys, falsePositiveRate: 1e-9, layout, shared: true });
      const start = new SharedArrayBuffer(4);
      const buffer = filter.buffer as SharedArrayBuffer;
      // All threads add the same keys, so that they race for every bit.
      const told = await Promise.all(
        Array.from({ length: threads }, () => addInThread({ buffer, start, from: 0, to: keys })),
      );
      for (let key = 0; key < keys; key++) {
        expect(filter.has(key)).toBe(true);
        expect(told.some((answers) => answers[key])).toBe(true);
      }
      const alone = createBloomFilter({ capacity: keys, falsePositiveRate: 1e-9, layout });
      for (let key = 0; key < keys; key++) alone.add(key);
      expect(filter.toBytes()).toEqual(alone.toBytes());
    },
  );

  it('holds the keys of all threads when each adds its own', async () => {
    const keys = 30_000;
    const filter = createBloomFilter({ capacity: keys, falsePositiveRate: 1e-9, shared: true });
    const start = new SharedArrayBuffer(4);
    const buffer = filter.buffer as SharedArrayBuffer;
    const third = keys / 3;
    const told = await Promise.all(
      [0, 1, 2].map((at) => addInThread({ buffer, start, from: at * third, to: (at + 1) * third })),
    );
    expect(told.flat().filter(Boolean).length).toBe(keys);
    for (let key = 0; key < keys; key++) expect(filter.has(key)).toBe(true);
  });

  it('loses no bit to another thread that sets its own in the same word', async () => {
    // Small filters, so that the two threads meet in the same words: without atomic writes thousands of bits are lost.
    const keys = 100;
    const filters = Array.from({ length: 400 }, () =>
      createBloomFilter({ capacity: 2 * keys, falsePositiveRate: 1e-9, layout: 'standard', shared: true }),
    );
    const buffers = filters.map((filter) => filter.buffer);
    const arrivals = new SharedArrayBuffer(4 * filters.length);
    const fill = (thread: number): Promise<unknown> =>
      runThread('./fixtures/race-bits.ts', { buffers, arrivals, thread, keys });
    await Promise.all([fill(0), fill(1)]);
    const alone = createBloomFilter({ capacity: 2 * keys, falsePositiveRate: 1e-9, layout: 'standard' });
    for (const thread of [0, 1]) for (let key = 0; key < keys; key++) alone.add(`${thread}-${key}`);
    for (const filter of filters) expect(filter.toBytes()).toEqual(alone.toBytes());
  });
});
