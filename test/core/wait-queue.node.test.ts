import { expect, it } from 'vitest';
import { WaitQueue } from '../../src/core/wait-queue.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { heapGrowth } from '../support/leaks.ts';
import { openCall } from './open-scope.ts';
import { RecordingWaiter } from './recording-waiter.ts';

it.each([
  ['nobody', 0],
  ['one', 1],
  ['a thousand', 1000],
])('what left the queue is not kept until its far deadline, while %s waits on', async (_, staying) => {
  const clock = createVirtualClock();
  const queue = new WaitQueue<RecordingWaiter>(clock);
  const { scope } = openCall(new AbortController().signal);
  for (let k = 0; k < staying; k++) queue.push(new RecordingWaiter(k, []), { deadlineMs: 1e12, priority: 1 });
  const growth = await heapGrowth((k) => {
    const waiter = new RecordingWaiter(k, []);
    queue.push(waiter, { deadlineMs: 1e12 + (k % 7), scope, priority: k % 3 });
    queue.remove(waiter);
  });
  expect([queue.length, clock.pendingTimers]).toEqual([staying, staying > 0 ? 1 : 0]);
  // 100 000 waiters that stay would be over 10 MB.
  expect(growth).toBeLessThan(200_000);
});
