import { describe, expect, it } from 'vitest';
import { isRejection } from '../../src/policy/index.ts';
import { createRateQueue, RateLimitError, slidingLog, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateQueue, RateQueueOptions } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush } from '../support/gate.ts';
import { bench, tenth } from './queue-kit.ts';

/** One call every 100 ms, a while after the clock has begun; the first has gone on, `waiting` others wait. */
async function busy(
  waiting: number,
  options: RateQueueOptions = {},
): Promise<{ readonly queue: RateQueue; readonly clock: VirtualClock; readonly ends: Promise<unknown>[] }> {
  const clock = createVirtualClock();
  const queue = createRateQueue(tokenBucket({ limit: 10, periodMs: 1000, burst: 1 }), { clock, ...options });
  await queue.acquire();
  await clock.advance(500);
  await queue.acquire();
  const ends = Array.from({ length: waiting }, () => queue.acquire().catch((error: unknown) => error));
  return { queue, clock, ends };
}

async function refusal(call: Promise<unknown>): Promise<RateLimitError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RateLimitError);
  expect([isRejection(error), ((error as Error).stack ?? '').includes('\n    at ')]).toEqual([true, false]);
  return error as RateLimitError;
}

describe('a refusal', () => {
  it('says in words what the matter is', async () => {
    const { queue, clock, ends } = await busy(2, { maxQueue: 2 });
    expect((await refusal(queue.acquire({ cost: 2 }))).message).toBe('no policy gives 2 units at once');
    expect((await refusal(queue.acquire())).message).toBe('every place of the queue is taken');
    await clock.advance(100);
    expect((await refusal(queue.acquire({ maxWaitMs: 50 }))).message).toBe('would wait more than 50 ms');
    queue.close();
    expect(String(await ends[1])).toMatch(/the queue is closed$/);
    const fair = await busy(1, { fair: true });
    const late = refusal(fair.queue.acquire({ maxWaitMs: 200 }));
    const other = fair.queue.acquire({ lane: 'other' });
    await fair.clock.advance(201);
    await other;
    expect((await late).message).toBe('others went first for too long');
  });

  it('of a wait that those ahead make too long says until when they certainly do', async () => {
    const { queue } = await busy(5);
    // The one ahead that goes on last within 150 ms does so after 100, the next one after 200.
    expect(await refusal(queue.acquire({ maxWaitMs: 150 }))).toMatchObject({
      code: 'ERR_RATE_LIMIT_MAX_WAIT',
      retryAfterMs: 50,
    });
  });

  it('of a wait behind a log is exact in its plan as well', async () => {
    const { clock, queue, join } = bench(slidingLog({ limit: 3, windowMs: 10 }));
    join({ cost: 2 });
    clock.stall(4);
    join();
    join({ cost: 3 });
    // They go on at 0, 4 and 14; one more at 24.
    expect((await refusal(queue.acquire({ maxWaitMs: 15 }))).retryAfterMs).toBe(5);
    expect((await refusal(queue.acquire({ maxWaitMs: 19 }))).retryAfterMs).toBe(1);
    join({ maxWaitMs: 20 });
    expect(queue.size).toBe(2);
  });
});

describe('refusals', () => {
  it('a cost that no policy ever gives, a full queue and too long a wait are refused at once, and take nothing', async () => {
    const { clock, queue, join, ended } = bench(tokenBucket({ limit: 10, periodMs: 1000, burst: 2 }), { maxQueue: 2 });
    join({ cost: 2 });
    join();
    const cost = await refusal(queue.acquire({ cost: 3 }));
    expect([cost.code, cost.retryAfterMs]).toEqual(['ERR_RATE_LIMIT_COST', Infinity]);
    const late = await refusal(queue.acquire({ cost: 2, maxWaitMs: 299 }));
    expect([late.code, late.retryAfterMs]).toEqual(['ERR_RATE_LIMIT_MAX_WAIT', 1]);
    join({ cost: 2, maxWaitMs: 300 });
    const full = await refusal(queue.acquire());
    // A place is free when the first call goes on, whatever this one costs.
    expect([full.code, full.retryAfterMs]).toEqual(['ERR_RATE_LIMIT_QUEUE_FULL', 100]);
    expect((await refusal(queue.acquire({ cost: 2 }))).retryAfterMs).toBe(100);
    await clock.advance(1000);
    expect([...ended.values()]).toEqual([0, 100, 300].map((ms) => `granted at ${ms}`));
  });

  it('the wait of a newcomer is known exactly, also after others have left or gone on', async () => {
    const { clock, queue } = bench();
    const caller = countingSignal();
    void queue.acquire();
    const waiting = queue.acquire({ signal: caller.signal }).catch(() => {});
    void queue.acquire({ maxWaitMs: 200 });
    expect((await refusal(queue.acquire({ maxWaitMs: 299 }))).retryAfterMs).toBe(1);
    caller.abort('gone');
    await waiting;
    void queue.acquire({ maxWaitMs: 200 });
    expect((await refusal(queue.acquire({ maxWaitMs: 250 }))).retryAfterMs).toBe(50);
    await clock.advance(130);
    expect([queue.size, clock.pendingTimers]).toEqual([1, 1]);
    const last = queue.acquire({ maxWaitMs: 170 }).then(() => clock.now());
    await clock.advance(170);
    expect(await last).toBe(300);
  });

  it('a wait that is too long is not gone through to its end', async () => {
    const { queue } = bench(tenth, { maxQueue: Infinity });
    for (let k = 0; k < 1000; k++) void queue.acquire();
    const { retryAfterMs } = await refusal(queue.acquire({ maxWaitMs: 1000 }));
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThan(1000);
  });

  it('a signal that has aborted is refused with its reason before anything else', async () => {
    const { queue, clock } = bench();
    const reason = { why: 'test' };
    const { signal, added } = countingSignal();
    const controller = new AbortController();
    controller.abort(reason);
    await expect(queue.acquire({ signal: controller.signal, cost: 5 })).rejects.toBe(reason);
    await expect(queue.acquire({ signal })).resolves.toBeUndefined();
    expect([added, clock.pendingTimers]).toEqual([0, 0]);
  });
});

describe('abort', () => {
  it('an abort rejects a waiting call with the reason of its signal, takes nothing, and moves the rest up', async () => {
    const { clock, ended, join } = bench(tokenBucket({ limit: 10, periodMs: 1000, burst: 10 }));
    const caller = countingSignal();
    join({ cost: 10 });
    join({ cost: 10, signal: caller.signal });
    join({ cost: 1 });
    expect(caller.listeners).toBe(1);
    caller.abort('enough');
    await flush();
    expect(ended.get(1)).toBe('enough');
    expect([caller.listeners, clock.pendingTimers, clock.nextTimerMs]).toEqual([0, 1, 100]);
    await clock.advance(100);
    expect(ended.get(2)).toBe('granted at 100');
    await clock.advance(10_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('nobody who has left the queue leaves a timer or a listener behind', async () => {
    const { clock, queue, join } = bench();
    const caller = countingSignal();
    join();
    join({ signal: caller.signal });
    join({ signal: caller.signal });
    expect([caller.listeners, clock.pendingTimers]).toEqual([2, 1]);
    caller.abort();
    await flush();
    expect([caller.listeners, clock.pendingTimers, queue.size]).toEqual([0, 0, 0]);
  });

  it('an abort after the grant changes nothing', async () => {
    const { clock, ended, join } = bench();
    const caller = countingSignal();
    join();
    join({ signal: caller.signal });
    await clock.advance(100);
    caller.abort('late');
    await flush();
    expect(ended.get(1)).toBe('granted at 100');
    expect(caller.listeners).toBe(0);
  });
});

it('a run needs no signal among its options', async () => {
  const { queue, clock } = await busy(0);
  const ran = queue.run(() => 'ran', { cost: 1, maxWaitMs: 100 });
  await clock.advance(100);
  expect(await ran).toBe('ran');
});
