import { expect, it } from 'vitest';
import { createConcurrencyLimiter, createRateQueue, tokenBucket } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { expectNoLeaks, heapGrowth } from '../support/leaks.ts';

it('a queue and a limiter leave no listener, timer or unhandled rejection behind on the system clock', async () => {
  await expectNoLeaks(async (caller) => {
    const { signal } = caller;
    const queue = createRateQueue(tokenBucket({ limit: 1000, periodMs: 1000, burst: 1 }));
    await Promise.all(Array.from({ length: 5 }, () => queue.acquire({ signal, maxWaitMs: 1000 })));
    const limiter = createConcurrencyLimiter({ limit: 1, maxQueue: 10 });
    const permit = await limiter.acquire({ signal });
    const waiting = [queue.acquire({ cost: 1, signal }), queue.acquire({ signal }), limiter.acquire({ signal })];
    const late = limiter.acquire({ maxWaitMs: 1 });
    await expect(late).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_MAX_WAIT' });
    caller.abort(new Error('enough'));
    await Promise.allSettled(waiting);
    permit.release();
    queue.close();
  });
});

it('waiting, aborting and going on keep nothing on the heap', async () => {
  const clock = createVirtualClock();
  const queue = createRateQueue(tokenBucket({ limit: 1, periodMs: 1, burst: 1 }), { clock, fair: true });
  const growth = await heapGrowth(
    (index) => {
      const controller = new AbortController();
      const options = { lane: String(index % 50), signal: controller.signal, maxWaitMs: 1_000_000 };
      const done = queue.acquire(options).catch(() => {});
      if (index % 2) controller.abort();
      clock.stall(1);
      return index % 1000 === 999 ? clock.advance(1000) : void done;
    },
    { operations: 20_000 },
  );
  expect(growth).toBeLessThan(100_000);
  expect(queue.size).toBeLessThan(1000);
});
