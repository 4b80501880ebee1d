import { describe, expect, it } from 'vitest';
import type { WorkerLeaseOptions } from '../../src/snowflake/index.ts';
import {
  acquireWorkerLease,
  createSnowflake,
  NoWorkerIdError,
  snowflakeCodec,
  WorkerLeaseLostError,
} from '../../src/snowflake/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, gate } from '../support/gate.ts';
import { attempt, START_MS, tinyLayout } from './kit.ts';
import { setup, warmLease } from './lease.kit.ts';

const codec = snowflakeCodec(tinyLayout);

describe('window of a lease', () => {
  it('holds every id that its generator issues, whatever the clock of the holder reads', async () => {
    const { clock, store, options } = setup();
    const lease = await warmLease(options);
    const ids = createSnowflake({ worker: lease, layout: tinyLayout, maxLeadMs: 1e6, clock });
    store.down = new Error('unreachable');
    for (const ms of [0, 2998, -1e6, 2999, 3000, 1e9, -5, 2999]) {
      clock.setEpoch(START_MS + ms);
      for (let k = 0; k < 4000; k++) {
        const id = attempt(() => ids.next());
        if (typeof id !== 'bigint') {
          expect(id).toBeInstanceOf(WorkerLeaseLostError);
          break;
        }
        expect(codec.timestampMs(id)).toBeGreaterThanOrEqual(lease.fromMs);
        expect(codec.timestampMs(id)).toBeLessThan(START_MS + 3000);
      }
    }
    expect(ids.lastTimestampMs).toBe(START_MS + 2999);
  });

  it('goes on to its end while the store is unreachable, and not a millisecond longer', async () => {
    const { clock, store, events, options } = setup();
    const lease = await warmLease(options);
    const ids = createSnowflake({ worker: lease, layout: tinyLayout, clock });
    ids.next();
    store.down = new Error('unreachable');
    await clock.advance(2999);
    expect(codec.timestampMs(ids.next())).toBe(START_MS + 2999);
    await clock.advance(1);
    const error = attempt(() => ids.next()) as WorkerLeaseLostError;
    expect([error.code, error.reason, error.workerId]).toEqual(['ERR_WORKER_LEASE_LOST', 'expired', 0]);
    expect(lease.signal.aborted).toBe(false);
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['acquired', 'renewal-failed']));
    // The store is back, and nobody has taken the worker id: the lease goes on.
    store.down = undefined;
    await clock.advance(1000);
    expect(codec.timestampMs(ids.next())).toBe(clock.epochMs());
  });

  it('begins with its first millisecond for a holder whose clock is behind, and with no id before', async () => {
    const { clock, store, options } = setup();
    const first = await warmLease({ ...options, workerIds: 1 });
    await first.release(START_MS + 99);
    clock.setEpoch(START_MS - 1000);
    const waiting = warmLease({ ...options, workerIds: 1 });
    await clock.advance(100);
    const lease = await waiting;
    expect([lease.fromMs, store.windows.length]).toEqual([START_MS + 100, 2]);
    expect(createSnowflake({ worker: lease, layout: tinyLayout, clock }).next()).toBe(codec.minId(START_MS + 100));
  });

  it('leaves out ticks that it covers only in part', async () => {
    const { clock, store, options } = setup();
    const layout = { ...tinyLayout, tickMs: 10, epochMs: START_MS - 3 };
    const one = { ...options, workerIds: 1, ttlMs: 100 };
    const lease = await warmLease(one);
    const ids = createSnowflake({ worker: lease, layout, maxLeadMs: 1e6, clock });
    store.down = new Error('unreachable');
    for (;;) if (attempt(() => ids.next()) instanceof Error) break;
    // The window ends at START_MS + 100, within the tick of START_MS + 97.
    expect(ids.lastTimestampMs).toBe(START_MS + 87);
    store.down = undefined;
    clock.stall(100);
    const next = createSnowflake({ worker: await warmLease(one), layout, clock });
    clock.setEpoch(START_MS);
    expect(snowflakeCodec(layout).timestampMs(next.next())).toBe(START_MS + 107);
  });

  it('serves one generator alone, and refuses a second', async () => {
    const { options, clock } = setup();
    const lease = await warmLease(options);
    createSnowflake({ worker: lease, clock });
    expect(() => createSnowflake({ worker: lease, clock })).toThrow('the lease of worker id 0 has a generator already');
  });

  it('fits the worker ids of the layout', async () => {
    const { options, clock } = setup();
    await warmLease(options);
    const lease = await warmLease(options);
    expect(() => createSnowflake({ worker: lease, layout: { ...tinyLayout, workerBits: 0 }, clock })).toThrow(
      /worker must be/,
    );
  });
});

describe('renewal', () => {
  it('extends the window every third of `ttlMs`, and four times as often while the store fails', async () => {
    const { clock, store, options } = setup();
    const lease = await warmLease(options);
    await clock.advance(999);
    expect([store.calls, lease.untilMs]).toEqual([['acquire'], START_MS + 3000]);
    await clock.advance(1);
    expect([store.calls, lease.untilMs]).toEqual([['acquire', 'renew'], START_MS + 4000]);
    store.down = new Error('unreachable');
    await clock.advance(2000);
    expect(store.calls).toHaveLength(2 + 1 + 4);
  });

  it.each(['fulfilled', 'rejected', 'taken'])('that is %s after a release changes nothing', async (how) => {
    const { clock, store, events, options } = setup();
    const lease = await warmLease(options);
    const answer = gate<number | null>();
    store.renew = () => answer.promise;
    await clock.advance(1000);
    await lease.release();
    const { untilMs } = lease;
    if (how === 'rejected') answer.fail(new Error('unreachable'));
    else answer.open(how === 'taken' ? null : untilMs + 1);
    await flush();
    expect([lease.untilMs, clock.pendingTimers, events.map(({ type }) => type)]).toEqual([untilMs, 0, ['acquired']]);
    expect(lease.signal.reason).toMatchObject({ reason: 'released' });
  });

  it('rejects who waits for an id within a second when the lease ends', async () => {
    const { clock, store, options } = setup();
    const leases = [await warmLease(options), await warmLease(options)];
    const waiting = leases.map((worker) => createSnowflake({ worker, layout: tinyLayout, maxLeadMs: 0, clock }));
    for (const ids of waiting) ids.next();
    clock.setEpoch(START_MS - 3_600_000);
    const ends = waiting.map((ids) => ids.nextAsync().then(String, ({ reason }: WorkerLeaseLostError) => reason));
    await clock.advance(500);
    void leases[0]!.release();
    store.loseEverything();
    await clock.advance(1000);
    expect([await Promise.all(ends), clock.pendingTimers]).toEqual([['released', 'taken'], 0]);
  });

  it('aborts the signal and makes `next` throw when the store has given the worker id away', async () => {
    const { clock, store, events, options } = setup();
    const lease = await warmLease(options);
    const ids = createSnowflake({ worker: lease, layout: { ...tinyLayout, sequenceBits: 12 }, clock });
    ids.next();
    store.loseEverything();
    await clock.advance(999);
    ids.next();
    clock.setEpoch(clock.epochMs() - 1);
    await clock.advance(1);
    // The clock reads the same as for the last id, so only the end of the lease can be the reason.
    const error = attempt(() => ids.next());
    expect(error).toMatchObject({ code: 'ERR_WORKER_LEASE_LOST', reason: 'taken', name: 'WorkerLeaseLostError' });
    expect(lease.signal.reason).toBe(error);
    expect(events.at(-1)).toEqual({ type: 'lost', workerId: 0 });
    await clock.advance(10_000);
    expect([clock.pendingTimers, store.calls]).toEqual([0, ['acquire', 'renew']]);
  });
});

describe('acquireWorkerLease', () => {
  it('gives every holder a worker id of its own, and rejects at once when all are taken', async () => {
    const { options } = setup();
    const leases = [await warmLease(options), await warmLease(options)];
    expect(leases.map(({ workerId }) => workerId)).toEqual([0, 1]);
    const error = await warmLease(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NoWorkerIdError);
    expect(error).toMatchObject({ code: 'ERR_NO_WORKER_ID', message: 'all 2 worker ids of pool default are taken' });
    expect((await warmLease({ ...options, pool: 'other' })).workerId).toBe(0);
  });

  it('waits for a worker id where it is told to, until its signal aborts', async () => {
    const { clock, store, options } = setup();
    const lease = await warmLease({ ...options, workerIds: 1 });
    const counting = countingSignal();
    const wait = { ...options, workerIds: 1, whenTaken: 'wait' as const };
    const [abandoned, served] = [warmLease({ ...wait, signal: counting.signal }), warmLease(wait)];
    await clock.advance(10_000);
    const reason = new Error('enough');
    counting.abort(reason);
    await expect(abandoned).rejects.toBe(reason);
    expect(counting.listeners).toBe(0);
    await lease.release(clock.epochMs() - 1);
    await clock.advance(50);
    expect((await served).workerId).toBe(0);
    // Nobody asks any more.
    const isAsked = (): number => store.calls.filter((call) => call === 'acquire').length;
    const before = isAsked();
    await clock.advance(1000);
    expect([before, isAsked()]).toEqual([before, before]);
    const other = countingSignal();
    await warmLease({ ...options, pool: 'other', signal: other.signal });
    expect([other.added, other.listeners]).toEqual([1, 0]);
  });

  it('gives back what it took when its signal aborts before the window begins', async () => {
    const { clock, store, options } = setup();
    const counting = countingSignal();
    const waiting = acquireWorkerLease({ ...options, signal: counting.signal });
    await clock.advance(1500);
    const reason = new Error('enough');
    counting.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect([store.calls.at(-1), clock.pendingTimers, counting.listeners]).toEqual([`release ${START_MS + 3000}`, 0, 0]);
    await expect(acquireWorkerLease({ ...options, signal: counting.signal })).rejects.toBe(reason);
    expect(store.calls.filter((call) => call === 'acquire')).toHaveLength(1);
  });

  it('rejects with the reason of its signal while the store has not answered, and gives back what it grants', async () => {
    const { clock, store, events, options } = setup();
    const [counting, answer] = [countingSignal(), gate()];
    const acquire = store.acquire.bind(store);
    store.acquire = (request) => answer.promise.then(() => acquire(request));
    const waiting = warmLease({ ...options, signal: counting.signal });
    const reason = new Error('enough');
    counting.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect([store.calls, counting.listeners, counting.peak]).toEqual([[], 0, 1]);
    answer.open();
    await flush();
    // The window began long ago: nothing of it was used.
    expect([store.calls, events, clock.pendingTimers]).toEqual([['acquire', 'release 0'], [], 0]);
    expect((await warmLease(options)).workerId).toBe(0);
  });

  it('rejects with what the store rejects with', async () => {
    const { store, options } = setup();
    store.down = new Error('unreachable');
    await expect(acquireWorkerLease(options)).rejects.toBe(store.down);
  });

  const bad: readonly (readonly [string, Partial<WorkerLeaseOptions>])[] = [
    ['store must be a store of worker leases, got object', { store: {} as never }],
    ['store', { store: undefined as never }],
    ['pool must be a text, got 5', { pool: 5 as never }],
    ['workerIds', { workerIds: 0 }],
    ['ttlMs', { ttlMs: 0 }],
    ['ttlMs', { ttlMs: Infinity }],
    ['ttlMs must be an integer of at least 1 and at most 2147483647, got 2147483648', { ttlMs: 2 ** 31 }],
    ['renewEveryMs', { renewEveryMs: 3001 }],
    ['coldStart', { coldStart: 'never' as never }],
    ['whenTaken', { whenTaken: 'queue' as never }],
    ['onEvent', { onEvent: 1 as never }],
  ];
  it.each(bad)('refuses a bad %s by name and asks the store for nothing', async (name, part) => {
    const { store, options } = setup();
    await expect(acquireWorkerLease({ ...options, ...part })).rejects.toThrow(
      name.includes(' ') ? name : `${name} must be`,
    );
    expect(store.calls).toEqual([]);
  });
});

describe('events', () => {
  it('change nothing when their listener throws', async () => {
    const { clock, options } = setup();
    const reported: unknown[] = [];
    const before = globalThis.reportError;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const lease = await warmLease({
        ...options,
        onEvent: () => {
          throw new Error('listener');
        },
      });
      await clock.advance(1000);
      expect(lease.untilMs).toBe(START_MS + 4000);
      expect(reported).toHaveLength(2);
    } finally {
      globalThis.reportError = before;
    }
  });
});
