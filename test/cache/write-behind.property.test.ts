import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { BatchOutcome, CachedStore, StoreWrite, WriteBehindOptions } from '../../src/cache/index.ts';
import { createCache, createCachedStore } from '../../src/cache/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { exponentialBackoff } from '../../src/core/backoff.ts';
import { flush } from '../support/gate.ts';

type Write = StoreWrite<string, number>;
type Answer = 'works' | 'fails' | 'works, and says it failed' | 'fails in part';

const KEYS = ['a', 'b', 'c'];

/** A table that answers late, in any order, and not always the truth. Values are versions, and so is what a delete leaves. */
class Slow {
  readonly rows = new Map<string, number>();
  readonly busy = new Set<string>();
  running = 0;
  answers: readonly Answer[];
  #calls = 0;
  readonly #travel: () => Promise<void>;

  constructor(s: fc.Scheduler, answers: readonly Answer[]) {
    this.answers = answers;
    this.#travel = s.scheduleFunction(async () => {});
  }

  async load(key: string): Promise<number | undefined> {
    await this.#travel();
    const row = this.rows.get(key);
    await this.#travel();
    return row;
  }

  async write(writes: readonly Write[], versionOf: (write: Write) => number): Promise<BatchOutcome> {
    const answer = this.answers.length === 0 ? 'works' : this.answers[this.#calls++ % this.answers.length]!;
    for (const { key } of writes) {
      // Two calls for one key could land in the wrong order.
      expect(this.busy.has(key)).toBe(false);
      this.busy.add(key);
    }
    this.running++;
    await this.#travel();
    const isLost = (at: number): boolean => answer === 'fails' || (answer === 'fails in part' && at % 2 === 0);
    for (const [at, write] of writes.entries()) {
      if (isLost(at)) continue;
      expect(versionOf(write)).toBeGreaterThanOrEqual(this.rows.get(write.key) ?? 0);
      this.rows.set(write.key, versionOf(write));
    }
    await this.#travel();
    this.running--;
    for (const { key } of writes) this.busy.delete(key);
    if (answer === 'fails in part') return writes.map((_, at) => (isLost(at) ? new Error('lost') : undefined));
    if (answer !== 'works') throw new Error(answer);
    return undefined;
  }
}

interface World {
  readonly store: Slow;
  readonly clock: VirtualClock;
  readonly cached: CachedStore<string, number>;
  /** The newest version of each key whose write was acknowledged. */
  readonly acknowledged: Map<string, number>;
  readonly limits: { readonly maxPending: number; readonly maxConcurrent: number };
}

function createWorld(s: fc.Scheduler, answers: readonly Answer[], options: WriteBehindOptions<string, number>): World {
  const [store, clock] = [new Slow(s, answers), createVirtualClock()];
  const limits = { maxPending: 2, maxConcurrent: 2 };
  const backoff = exponentialBackoff({ baseMs: 20, maxMs: 100, random: createSeededRandom(1) });
  const cached = createCachedStore<string, number>(
    {
      load: (key) => store.load(key),
      writeMany: (writes) => store.write(writes, (write) => (write.type === 'put' ? write.value : 0)),
    },
    {
      cache: createCache({ maxEntries: 2, clock }),
      write: 'behind',
      behind: { flushIntervalMs: 10, maxBatchSize: 2, backoff, ...limits, ...options },
      clock,
    },
  );
  return { store, clock, cached, acknowledged: new Map(), limits };
}

type Task = readonly ['put' | 'read' | 'leave' | 'flush' | 'wait', key: string];

const tasks = fc.array(
  fc.tuple(
    fc.constantFrom<Task[0]>('put', 'put', 'put', 'read', 'read', 'leave', 'flush', 'wait'),
    fc.constantFrom(...KEYS),
  ),
  { minLength: 2, maxLength: 20 },
);

/** The store works again and again, or nothing would ever end. */
const answers = fc
  .array(fc.constantFrom<Answer>('works', 'fails', 'works, and says it failed', 'fails in part'), { maxLength: 6 })
  .map((some): readonly Answer[] => [...some, 'works']);

function createRunner({ cached, clock, store, acknowledged, limits }: World): (task: Task) => Promise<void> {
  let version = 0;
  const order: Record<string, number> = {};
  const put = async (key: string, signal?: AbortSignal): Promise<void> => {
    const own = ++version;
    await cached.put(key, own, { signal });
    // Those of a key are taken on in the order of their calls.
    expect(own).toBeGreaterThan(order[key] ?? 0);
    order[key] = own;
    acknowledged.set(key, Math.max(own, acknowledged.get(key) ?? 0));
  };
  const run: Record<Task[0], (key: string) => unknown> = {
    put: (key) => put(key),
    leave: async (key) => {
      const leaver = new AbortController();
      const written = put(key, leaver.signal);
      leaver.abort('left');
      await written.catch((reason: unknown) => expect(reason).toBe('left'));
    },
    read: async (key) => {
      const floor = acknowledged.get(key) ?? 0;
      expect((await cached.get(key)) ?? 0).toBeGreaterThanOrEqual(floor);
    },
    flush: async () => {
      const before = new Map(acknowledged);
      const failed = await cached.flush().then(
        () => new Set(),
        (error: AggregateError) => new Set(error.errors.map(({ key }: { key: unknown }) => key)),
      );
      for (const [key, floor] of before)
        if (!failed.has(key)) expect(store.rows.get(key) ?? 0).toBeGreaterThanOrEqual(floor);
    },
    wait: () => clock.advance(15),
  };
  return async ([task, key]) => {
    await run[task](key);
    expect(cached.pendingWrites).toBeLessThanOrEqual(limits.maxPending);
    expect(store.running).toBeLessThanOrEqual(limits.maxConcurrent);
  };
}

it('in any interleaving is seen by every later read, reaches the store in order, and is durable after flush and close', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), tasks, answers, async (s, list, how) => {
      const world = createWorld(s, how, {});
      const { cached, clock, store, acknowledged } = world;
      const run = createRunner(world);
      const begin = s.scheduleFunction(async (task: Task) => task);
      let isOver = false;
      const all = Promise.all(list.map(async (task) => run(await begin(task)))).then(() => (isOver = true));
      all.catch(() => (isOver = true));
      // What waits for room waits for time too, where the store has failed.
      for (let turn = 0; !isOver && turn < 2000; turn++) {
        await flush();
        if (s.count() > 0) await s.waitOne();
        else await clock.advance(15);
      }
      expect(isOver).toBe(true);
      await all;
      store.answers = [];
      // A call that had begun before may still fail.
      for (let isClosed = false, turn = 0; !isClosed && turn < 10; turn++) {
        isClosed = await s.waitFor(
          cached.close().then(
            () => true,
            () => false,
          ),
        );
      }
      expect(store.rows).toEqual(acknowledged);
      expect([cached.pendingWrites, store.running, clock.pendingTimers]).toEqual([0, 0, 0]);
    }),
  );
});
