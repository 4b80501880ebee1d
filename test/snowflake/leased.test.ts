import { describe, expect, it, vi } from 'vitest';
import type { LeasedSnowflakeOptions, WorkerLeaseEvent } from '../../src/snowflake/index.ts';
import { createLeasedSnowflake, WorkerLeaseLostError } from '../../src/snowflake/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, gate } from '../support/gate.ts';
import { attempt, START_MS, tinyLayout } from './kit.ts';
import { MemoryStore } from './lease.kit.ts';

function setup(part: Partial<LeasedSnowflakeOptions> = {}) {
  const clock = createVirtualClock({ epochMs: START_MS });
  const store = new MemoryStore(() => START_MS + clock.now());
  const events: WorkerLeaseEvent[] = [];
  const options: LeasedSnowflakeOptions = {
    store,
    clock,
    layout: tinyLayout,
    workerIds: 4,
    ttlMs: 3000,
    coldStart: 'immediate',
    onEvent: (event) => void events.push(event),
    ...part,
  };
  return { clock, store, events, options };
}

describe('createLeasedSnowflake', () => {
  it('issues under a lease that it renews, in every form', async () => {
    const { clock, options } = setup({ layout: { ...tinyLayout, epochMs: 1.7e12 } });
    const ids = await createLeasedSnowflake(options);
    const all = [];
    for (let k = 0; k < 10; k++) {
      all.push(ids.next(), BigInt(ids.nextString()), BigInt(ids.nextNumber()), ...ids.nextBatch(2));
      all.push(...ids.fill(new BigUint64Array(2)), await ids.nextAsync());
      await clock.advance(2000);
    }
    expect(all).toEqual([...all].sort((a, b) => (a < b ? -1 : 1)));
    expect([new Set(all).size, ids.workerId]).toEqual([80, 0]);
    await ids.close();
  });

  it('takes another lease after a loss by itself, throws in the gap only, and its ids keep growing', async () => {
    const { clock, store, events, options } = setup({ coldStart: 'wait' });
    const waiting = createLeasedSnowflake(options);
    await clock.advance(3000);
    const ids = await waiting;
    // Borrowed from the future of the old lease, so that the clock alone would go back.
    const last = ids.nextBatch(2000).at(-1)!;
    store.loseEverything();
    await clock.advance(1000);
    expect(attempt(() => ids.next())).toMatchObject({ code: 'ERR_WORKER_LEASE_LOST', reason: 'taken' });
    await clock.advance(2999);
    expect(() => ids.next()).toThrow(WorkerLeaseLostError);
    await clock.advance(1);
    expect(ids.next()).toBeGreaterThan(last);
    expect(events.map(({ type }) => type).filter((type) => type !== 'renewed')).toEqual([
      'acquired',
      'lost',
      'acquired',
    ]);
    await ids.close();
  });

  // Between the end of the wait and the generator lie some steps of promises, and the loss may be heard of in each
  // where both timers fire at once, as those of test frameworks do.
  it.each([0, 1, 2, 3, 4])(
    'takes another lease when the first is lost as its window begins, %s steps later',
    async (steps) => {
      vi.useFakeTimers({ now: START_MS });
      try {
        const store = new MemoryStore(() => Date.now());
        const renew = store.renew.bind(store);
        store.renew = async (renewal) => {
          for (let k = 0; k < steps; k++) await undefined;
          return renew(renewal);
        };
        const waiting = createLeasedSnowflake({ store, workerIds: 4, ttlMs: 3000 });
        await vi.advanceTimersByTimeAsync(2500);
        store.loseEverything();
        vi.advanceTimersByTime(500);
        await vi.advanceTimersByTimeAsync(3500);
        const ids = await waiting;
        expect(typeof attempt(() => ids.next())).toBe('bigint');
        await ids.close();
        expect(vi.getTimerCount()).toBe(0);
      } finally {
        vi.useRealTimers();
      }
    },
  );

  it('goes on trying while the store is down, and `nextAsync` waits for the end of the gap', async () => {
    const { clock, store, events, options } = setup();
    const ids = await createLeasedSnowflake(options);
    const first = ids.next();
    store.loseEverything();
    await clock.advance(990);
    const counting = countingSignal();
    const acquire = store.acquire.bind(store);
    let isDown = true;
    store.acquire = (request) => (isDown ? Promise.reject(new Error('unreachable')) : acquire(request));
    await clock.advance(10);
    const [served, abandoned] = [ids.nextAsync(), ids.nextAsync({ signal: counting.signal })];
    await clock.advance(5000);
    counting.abort('enough');
    await expect(abandoned).rejects.toBe('enough');
    expect(events.filter(({ type }) => type === 'acquire-failed').length).toBeGreaterThan(10);
    isDown = false;
    await clock.advance(300);
    expect(await served).toBeGreaterThan(first);
    expect(counting.listeners).toBe(0);
    await ids.close();
  });

  it('gives the worker id back from its last id on when it is closed, and issues nothing after', async () => {
    const { clock, store, options } = setup();
    {
      await using ids = await createLeasedSnowflake(options);
      ids.next();
      await ids.close();
      expect(store.calls.at(-1)).toBe(`release ${START_MS + 2}`);
      expect(attempt(() => ids.next())).toMatchObject({ reason: 'released' });
      await expect(ids.nextAsync()).rejects.toMatchObject({ reason: 'released' });
    }
    expect([clock.pendingTimers, store.calls.length]).toEqual([0, 2]);
  });

  it.each(['for the clock', 'for another lease'])(
    'rejects who waits %s when it is closed, at once, and leaves no timer for them',
    async (what) => {
      const { clock, store, options } = setup();
      const ids = await createLeasedSnowflake(options);
      ids.next();
      if (what === 'for the clock') clock.setEpoch(START_MS - 3_600_000);
      else {
        store.loseEverything();
        store.acquire = () => Promise.reject(new Error('unreachable'));
        await clock.advance(1000);
      }
      const counting = countingSignal();
      const waiting = ids.nextAsync({ signal: counting.signal });
      await flush();
      expect(counting.listeners).toBe(1);
      const closing = ids.close();
      await expect(waiting).rejects.toThrow(WorkerLeaseLostError);
      await closing;
      expect([counting.listeners, counting.peak, clock.pendingTimers]).toEqual([0, 1, 0]);
    },
  );

  it('ends its lease when it is disposed of, also while the store is down', async () => {
    const { clock, store, options, events } = setup();
    {
      await using ids = await createLeasedSnowflake(options);
      ids.next();
      expect(ids.lastTimestampMs).toBe(START_MS + 1);
    }
    expect([store.calls.at(-1), clock.pendingTimers]).toEqual([`release ${START_MS + 2}`, 0]);
    const ids = await createLeasedSnowflake(options);
    store.loseEverything();
    await clock.advance(999);
    const acquire = store.acquire.bind(store);
    store.acquire = () => Promise.reject(new Error('unreachable'));
    await clock.advance(1);
    expect([events.at(-1)?.type, clock.pendingTimers]).toEqual(['acquire-failed', 1]);
    await ids.close();
    expect([events.at(-1)?.type, clock.pendingTimers]).toEqual(['acquire-failed', 0]);
    store.acquire = acquire;
    await expect(ids.nextAsync()).rejects.toMatchObject({ code: 'ERR_WORKER_LEASE_LOST' });
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'gives back a lease that arrives %s steps of promises before it is closed',
    async (steps) => {
      const { clock, store, events, options } = setup({ workerIds: 1 });
      const ids = await createLeasedSnowflake(options);
      store.loseEverything();
      const [acquire, answer] = [store.acquire.bind(store), gate()];
      store.acquire = (request) => answer.promise.then(() => acquire(request));
      await clock.advance(1000);
      answer.open();
      for (let k = 0; k < steps; k++) await undefined;
      await ids.close();
      await flush();
      expect(clock.pendingTimers).toBe(0);
      expect(events.filter(({ type }) => type === 'acquire-failed')).toEqual([]);
      // Nobody holds the only worker id.
      expect((await createLeasedSnowflake(options)).workerId).toBe(0);
    },
  );

  it('gives back a lease that arrives while it is being closed', async () => {
    const { clock, store, options } = setup({ coldStart: 'wait' });
    const waiting = createLeasedSnowflake(options);
    await clock.advance(3000);
    const ids = await waiting;
    store.loseEverything();
    await clock.advance(1000);
    expect(store.calls.filter((call) => call === 'acquire')).toHaveLength(2);
    await ids.close();
    await clock.advance(10_000);
    expect(clock.pendingTimers).toBe(0);
    expect(store.calls.filter((call) => call.startsWith('release'))).toHaveLength(1);
    const before = store.calls.length;
    await clock.advance(10_000);
    expect(store.calls).toHaveLength(before);
  });

  it('refuses bad options before it takes anything', async () => {
    for (const part of [{ workerIds: 5 }, { maxLeadMs: -1 }, { ttlMs: 0 }, { layout: { ...tinyLayout, tickMs: 0 } }]) {
      const { store, options } = setup(part);
      await expect(createLeasedSnowflake(options)).rejects.toThrow(RangeError);
      expect(store.calls).toEqual([]);
    }
    const { options } = setup({ workerIds: undefined });
    await expect(createLeasedSnowflake(options)).rejects.toThrow(
      'workerIds must be an integer of at least 1 and at most 4, got 1024',
    );
  });
});
