import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';

interface Planned {
  readonly id: number;
  readonly dueMs: number;
}

it('whatever is set and cleared, timers fire in order of time and then of setting, each at its time', async () => {
  const timers = fc.array(fc.tuple(fc.integer({ min: -5, max: 60 }), fc.integer({ min: 0, max: 3 })), {
    maxLength: 40,
  });
  const steps = fc.array(fc.nat({ max: 30 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(timers, steps, async (list, advances) => {
      const clock = createVirtualClock();
      const log: string[] = [];
      const planned: Planned[] = [];
      for (const [id, [ms, luck]] of list.entries()) {
        const handle = clock.setTimeout(() => log.push(`${id} at ${clock.now()}`), ms);
        if (luck === 0) clock.clearTimeout(handle);
        else planned.push({ id, dueMs: Math.max(0, ms) });
      }
      planned.sort((a, b) => a.dueMs - b.dueMs || a.id - b.id);
      let nowMs = 0;
      for (const ms of advances) {
        await clock.advance(ms);
        nowMs += ms;
        const due = planned.filter((timer) => timer.dueMs <= nowMs);
        const next = planned[due.length];
        expect(log).toEqual(due.map(({ id, dueMs }) => `${id} at ${dueMs}`));
        expect(clock.now()).toBe(nowMs);
        expect(clock.pendingTimers).toBe(planned.length - due.length);
        expect(clock.nextTimerMs).toBe(next && next.dueMs - nowMs);
      }
    }),
  );
});

it('serves a hundred thousand timers without looking through all of them for each', { timeout: 40_000 }, async () => {
  const random = createSeededRandom(1);
  const clock = createVirtualClock();
  const fired: number[] = [];
  for (let k = 0; k < 100_000; k++) {
    const ms = Math.floor(random() * 1000);
    const handle = clock.setTimeout(() => fired.push(ms), ms);
    if (k % 4 === 0) clock.clearTimeout(handle);
  }
  expect(clock.pendingTimers).toBe(75_000);
  await clock.advance(1000);
  expect(fired).toHaveLength(75_000);
  expect(fired).toEqual([...fired].sort((a, b) => a - b));
});
