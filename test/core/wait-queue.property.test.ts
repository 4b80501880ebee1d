import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WaitQueue } from '../../src/core/wait-queue.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { timeStepMs } from '../support/arbitraries.ts';
import { RecordingWaiter } from './recording-waiter.ts';

it('a wait never ends early and, on an exact clock, at most a millisecond late', async () => {
  const waits = fc.array(fc.tuple(timeStepMs(), fc.nat({ max: 5 })), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(waits, fc.double({ min: 0, max: 1, noNaN: true }), async (list, nowMs) => {
      const clock = createVirtualClock({ nowMs });
      const queue = new WaitQueue<RecordingWaiter>(clock);
      const late: number[] = [];
      for (const [waitMs, priority] of list) {
        const deadlineMs = clock.now() + waitMs;
        queue.push(new RecordingWaiter(0, [], () => late.push(clock.now() - deadlineMs)), { deadlineMs, priority });
        await clock.advance(0.25);
      }
      await clock.advance(2 ** 34);
      expect(late).toHaveLength(list.length);
      for (const ms of late) expect(ms >= 0 && ms <= 1).toBe(true);
    }),
  );
});

it('those who stay expire in order of their deadlines, however many leave before, and whoever they are', async () => {
  const fates = fc.array(fc.tuple(fc.nat({ max: 100 }), fc.integer({ min: 0, max: 9 })), {
    minLength: 30,
    maxLength: 200,
  });
  await fc.assert(
    fc.asyncProperty(fates, fc.nat({ max: 9 }), async (list, leaving) => {
      const clock = createVirtualClock();
      const queue = new WaitQueue<RecordingWaiter>(clock);
      const log: string[] = [];
      const waiters = list.map((_, id) => new RecordingWaiter(id, log));
      for (const [id, [deadlineMs]] of list.entries()) queue.push(waiters[id]!, { deadlineMs });
      for (const [id, [, luck]] of list.entries()) if (luck <= leaving) queue.remove(waiters[id]!);
      await clock.advance(100);
      const staying = list.flatMap(([deadlineMs, luck], id) => (luck <= leaving ? [] : [{ deadlineMs, id }]));
      staying.sort((a, b) => a.deadlineMs - b.deadlineMs || a.id - b.id);
      expect(log).toEqual(staying.map(({ id }) => `${id} expired`));
      expect(queue.length).toBe(0);
    }),
  );
});
