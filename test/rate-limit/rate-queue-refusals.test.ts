import { describe, expect, it } from 'vitest';
import { createRateQueue, RateLimitError, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateQueue, RateQueueOptions } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

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

  it('of a wait that those ahead make too long says from when on they no longer do, counted from now', async () => {
    const { queue } = await busy(5);
    // The one ahead that goes on last within 150 ms does so after 100, the next one after 200.
    expect(await refusal(queue.acquire({ maxWaitMs: 150 }))).toMatchObject({
      code: 'ERR_RATE_LIMIT_MAX_WAIT',
      retryAfterMs: 50,
    });
  });
});

it('a run needs no signal among its options', async () => {
  const { queue, clock } = await busy(0);
  const ran = queue.run(() => 'ran', { cost: 1, maxWaitMs: 100 });
  await clock.advance(100);
  expect(await ran).toBe('ran');
});
