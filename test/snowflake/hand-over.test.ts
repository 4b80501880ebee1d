import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Snowflake, WorkerLease, WorkerLeaseOptions } from '../../src/snowflake/index.ts';
import { createSnowflake } from '../../src/snowflake/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { attempt, START_MS, tinyLayout } from './kit.ts';
import { MemoryStore, setup, warmLease } from './lease.kit.ts';

describe('release', () => {
  it('frees the worker id from the last id on, so that a successor starts at once', async () => {
    const { clock, store, options } = setup();
    const one = { ...options, workerIds: 1 };
    const lease = await warmLease(one);
    const ids = createSnowflake({ worker: lease, layout: tinyLayout, clock });
    const last = ids.nextBatch(10).at(-1)!;
    await lease.release();
    expect(store.calls.at(-1)).toBe(`release ${START_MS + 4}`);
    expect(attempt(() => ids.next())).toMatchObject({ reason: 'released' });
    const waiting = warmLease(one);
    await clock.advance(4);
    const next = await waiting;
    expect([next.workerId, next.fromMs, next.fencingToken > lease.fencingToken]).toEqual([0, START_MS + 4, true]);
    expect(createSnowflake({ worker: next, layout: tinyLayout, clock }).next()).toBeGreaterThan(last);
  });

  it('keeps the worker id to the end of its window when nobody says what was used', async () => {
    const { store, options } = setup();
    const lease = await warmLease(options);
    await lease.release();
    await lease.release();
    expect(store.calls).toEqual(['acquire', `release ${START_MS + 3000}`]);
  });

  it('takes a later time from the caller, never an earlier one than its generator used', async () => {
    const { clock, store, options } = setup();
    for (const [lastMs, untilMs] of [
      [START_MS + 100, START_MS + 101],
      [START_MS - 100, START_MS + 2],
      [START_MS + 9000, START_MS + 3000],
    ]) {
      const lease = await warmLease({ ...options, pool: String(lastMs) });
      createSnowflake({ worker: lease, layout: tinyLayout, clock }).next();
      await lease.release(lastMs);
      expect(store.calls.at(-1)).toBe(`release ${untilMs}`);
    }
  });

  it('never rejects: an unreachable store is an event, and the lease runs out', async () => {
    const { clock, store, events, options } = setup();
    {
      await using lease = await warmLease(options);
      expect(lease.workerId).toBe(0);
      store.down = new Error('unreachable');
    }
    expect(events.at(-1)).toEqual({ type: 'release-failed', workerId: 0, error: store.down });
    expect(clock.pendingTimers).toBe(0);
  });
});

/** A pool of one worker id, held by one process and waited for by another, with a store that is `oneWayMs` away. */
async function fullPool(oneWayMs: number, ttlMs: number) {
  const clock = createVirtualClock({ epochMs: START_MS });
  const store = new MemoryStore(() => START_MS + clock.now());
  const far = <A, R>(call: (argument: A) => PromiseLike<R>) => {
    const hop = (): Promise<void> => new Promise((resolve) => void clock.setTimeout(resolve, oneWayMs));
    return async (argument: A): Promise<R> => {
      await hop();
      const answer = await call(argument);
      await hop();
      return answer;
    };
  };
  const options: WorkerLeaseOptions = {
    store: {
      acquire: far((request) => store.acquire(request)),
      renew: far((renewal) => store.renew(renewal)),
      release: far((release) => store.release(release)),
    },
    clock,
    workerIds: 1,
    ttlMs,
    whenTaken: 'wait',
  };
  const begin = (): Promise<Snowflake & { readonly lease: WorkerLease }> =>
    warmLease(options).then((lease) =>
      Object.assign(createSnowflake({ worker: lease, layout: tinyLayout, clock }), { lease }),
    );
  const holding = begin();
  await clock.advance(2 * oneWayMs);
  const holder = await holding;
  return { clock, store, holder, successor: begin() };
}

/** Milliseconds until a promise is fulfilled, in steps of one. */
async function waitedMs(clock: { advance(ms: number): Promise<void> }, promise: Promise<unknown>): Promise<number> {
  let isDone = false;
  void promise.then(() => (isDone = true));
  let ms = 0;
  for (; !isDone; ms++) await clock.advance(1);
  return ms;
}

describe('a full pool', () => {
  it('hands a worker id over within a poll and three round trips, whose first id comes at once', async () => {
    const anyMs = fc.nat({ max: 200 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), anyMs, async (oneWayMs, heldMs) => {
        const { clock, store, holder, successor } = await fullPool(oneWayMs, 10_000);
        await clock.advance(heldMs);
        const last = holder.nextBatch(5).at(-1)!;
        const callsBefore = store.calls.length;
        void holder.lease.release();
        const ms = await waitedMs(clock, successor);
        // Under 50 ms as far as 8 ms from the store.
        expect(ms).toBeLessThanOrEqual(25 + 6 * oneWayMs);
        expect((await successor).next()).toBeGreaterThan(last);
        // One question may be on its way when the worker id is given back; no call more than the grant after that.
        const calls = store.calls.slice(callsBefore).map((call) => call.split(' ')[0]);
        expect([
          ['release', 'acquire'],
          ['acquire', 'release', 'acquire'],
        ]).toContainEqual(calls);
      }),
    );
  });

  it('hands a worker id over within `ttlMs` and 100 ms after its holder crashed, and not before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 10 }), fc.nat({ max: 3000 }), async (oneWayMs, heldMs) => {
        const { clock, store, holder, successor } = await fullPool(oneWayMs, 1000);
        await clock.advance(heldMs);
        const last = attempt(() => holder.next());
        // A crash: what it would send from now on never arrives.
        store.renew = () => new Promise(() => {});
        const untilMs = holder.lease.untilMs - clock.epochMs();
        const ms = await waitedMs(clock, successor);
        expect(ms).toBeGreaterThanOrEqual(untilMs);
        expect(ms).toBeLessThanOrEqual(1100);
        expect((await successor).next()).toBeGreaterThan(last as bigint);
      }),
      { numRuns: 30 },
    );
  });
});
