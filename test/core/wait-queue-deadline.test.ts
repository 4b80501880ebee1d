import { describe, expect, it } from 'vitest';
import type { Clock, TimerHandle } from '../../src/core/clock.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { bench, steppingClock } from './wait-queue-bench.ts';

describe('deadline', () => {
  it('ends the wait exactly at the deadline, not a millisecond before', async () => {
    const { clock, queue, log, waiter } = bench();
    queue.push(waiter(), { deadlineMs: 10 });
    await clock.advance(9);
    expect([log, queue.length]).toEqual([[], 1]);
    await clock.advance(1);
    expect([log, queue.length]).toEqual([['0 expired'], 0]);
    expect(queue.peek()).toBe(undefined);
  });

  it('is absolute, and over at once when it has passed', async () => {
    const { clock, queue, log, waiter } = bench(createVirtualClock({ nowMs: 1000 }));
    queue.push(waiter(), { deadlineMs: 1000 });
    queue.push(waiter(), { deadlineMs: -5 });
    queue.push(waiter(), { deadlineMs: -Infinity });
    expect([log, queue.length, clock.nextTimerMs]).toEqual([[], 3, 0]);
    await clock.advance(0);
    expect(log).toEqual(['2 expired', '1 expired', '0 expired']);
  });

  it('passes in order of time, then of arrival, whatever the order of arrival', async () => {
    const { clock, queue, log, waiter } = bench();
    const deadlines = [50, 10, 40, 10, 30, 20, 10, 50, 10, 20];
    for (const deadlineMs of deadlines) queue.push(waiter(), { deadlineMs, priority: deadlineMs % 3 });
    await clock.advance(100);
    const wanted = deadlines.map((ms, id) => [ms, id] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    expect(log).toEqual(wanted.map(([, id]) => `${id} expired`));
  });

  it('far beyond the longest timer of a runtime is still kept', async () => {
    const { clock, queue, log, waiter } = bench();
    queue.push(waiter(), { deadlineMs: 2 ** 40 });
    queue.push(waiter(), { deadlineMs: 2 ** 40 + 1 });
    await clock.advance(2 ** 40 - 1);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual(['0 expired']);
  });

  it('between two milliseconds rounds the timer up', () => {
    const { clock, queue, waiter } = bench(createVirtualClock({ nowMs: 0.5 }));
    queue.push(waiter(), { deadlineMs: 10 });
    expect(clock.nextTimerMs).toBe(10);
  });

  it('does not end the wait of one that has been served or removed', async () => {
    const { clock, queue, log, waiter } = bench();
    const removed = waiter();
    queue.push(waiter(), { deadlineMs: 10 });
    queue.push(removed, { deadlineMs: 10 });
    queue.push(waiter(), { deadlineMs: 10 });
    queue.shift();
    queue.remove(removed);
    await clock.advance(20);
    expect(log).toEqual(['2 expired']);
  });
});

describe('timer', () => {
  it('is one for all deadlines, and none while nobody with a deadline waits', () => {
    const { clock, queue, waiter } = bench();
    queue.push(waiter());
    expect(clock.pendingTimers).toBe(0);
    for (const deadlineMs of [30, 20, 40, 10]) {
      queue.push(waiter(), { deadlineMs });
      expect(clock.pendingTimers).toBe(1);
    }
    expect(clock.nextTimerMs).toBe(10);
    for (const left of [1, 1, 1, 1, 0]) {
      queue.shift();
      expect(clock.pendingTimers).toBe(left);
    }
    queue.push(waiter(), { deadlineMs: 5 });
    expect([clock.pendingTimers, clock.nextTimerMs]).toEqual([1, 5]);
  });

  it('is set anew only for an earlier deadline', () => {
    const clock = steppingClock(createVirtualClock());
    const { queue, waiter } = bench(createVirtualClock(), clock);
    for (const deadlineMs of [30, 30, 40, 20, 25, 20]) queue.push(waiter(), { deadlineMs });
    expect(clock.started).toEqual([30, 20]);
  });

  it('once it has fired is not set for those who have left', async () => {
    const virtual = createVirtualClock();
    const clock = steppingClock(virtual);
    const { queue, log, waiter } = bench(virtual, clock);
    const [first, left, last] = [waiter(), waiter(), waiter()];
    for (const [one, deadlineMs] of [
      [first, 10],
      [left, 20],
      [last, 30],
    ] as const)
      queue.push(one, { deadlineMs });
    queue.remove(left);
    await virtual.advance(30);
    expect([log, clock.started]).toEqual([
      ['0 expired', '2 expired'],
      [10, 20],
    ]);
  });

  it('takes back only a timer that waits', async () => {
    const virtual = createVirtualClock();
    const live = new Set<TimerHandle>();
    const strict: Clock = {
      now: () => virtual.now(),
      epochMs: () => 0,
      setTimeout(fn, ms) {
        const handle = virtual.setTimeout(() => {
          live.delete(handle);
          fn();
        }, ms);
        live.add(handle);
        return handle;
      },
      clearTimeout(handle) {
        if (!live.delete(handle)) throw new Error('not a timer that waits');
        virtual.clearTimeout(handle);
      },
    };
    const { queue, log, waiter } = bench(virtual, strict);
    queue.push(waiter(), { deadlineMs: 10 });
    queue.push(waiter(), { deadlineMs: 5 });
    await virtual.advance(10);
    queue.push(waiter(), { deadlineMs: 20 });
    queue.shift();
    expect([log, live.size]).toEqual([['1 expired', '0 expired'], 0]);
  });

  it('that comes early, because the clock stepped back, waits for the rest and expires nobody early', async () => {
    const virtual = createVirtualClock();
    const clock = steppingClock(virtual);
    const { queue, log, waiter } = bench(virtual, clock);
    queue.push(waiter(), { deadlineMs: 100 });
    clock.stepMs = -99;
    await virtual.advance(100);
    expect([log, clock.started, virtual.pendingTimers]).toEqual([[], [100, 99], 1]);
    await virtual.advance(98);
    expect(log).toEqual([]);
    await virtual.advance(1);
    expect([log, virtual.pendingTimers]).toEqual([['0 expired'], 0]);
  });

  it.each([
    ['was set back behind the start of the wait', -1000],
    ['shows the start of the wait again', -100],
  ])('ends the waits by its own time where the clock %s', async (_, stepMs) => {
    const virtual = createVirtualClock();
    const clock = steppingClock(virtual);
    const { queue, log, waiter } = bench(virtual, clock);
    for (const deadlineMs of [100, 100, 101]) queue.push(waiter(), { deadlineMs });
    clock.stepMs = stepMs;
    await virtual.advance(99);
    expect(log).toEqual([]);
    await virtual.advance(1);
    expect([log, clock.started]).toEqual([
      ['0 expired', '1 expired'],
      [100, 1 - stepMs],
    ]);
    await virtual.advance(1 - stepMs);
    expect([log.length, virtual.pendingTimers]).toEqual([3, 0]);
  });

  it('ends every wait on a clock that stands still', async () => {
    const virtual = createVirtualClock();
    const { queue, log, waiter } = bench(virtual, { ...steppingClock(virtual), now: () => 0 });
    for (const deadlineMs of [30, 10, 20, 0, -5]) queue.push(waiter(), { deadlineMs });
    await virtual.advance(0);
    expect(log).toEqual(['4 expired', '3 expired']);
    await virtual.advance(60);
    expect([log.slice(2), virtual.pendingTimers]).toEqual([['1 expired', '2 expired', '0 expired'], 0]);
  });

  it('that comes late, because the loop stalled, ends every wait that is over and no other', async () => {
    const { clock, queue, log, waiter } = bench();
    for (const deadlineMs of [30, 10, 20, 51, 50]) queue.push(waiter(), { deadlineMs });
    clock.stall(50);
    expect([log, queue.length]).toEqual([[], 5]);
    await clock.advance(0);
    expect([log, queue.length]).toEqual([['1 expired', '2 expired', '0 expired', '4 expired'], 1]);
    expect([clock.pendingTimers, clock.nextTimerMs]).toEqual([1, 1]);
  });
});

describe('onExpire', () => {
  it('finds the waiter out of the queue, and may push others, dated and not', async () => {
    const { clock, queue, log, waiter } = bench();
    const lengths: number[] = [];
    const again = waiter(() => {
      lengths.push(queue.length);
      queue.push(waiter(), { deadlineMs: clock.now() + 5 });
      queue.push(waiter());
    });
    queue.push(again, { deadlineMs: 10 });
    await clock.advance(10);
    expect([lengths, log, queue.length, clock.pendingTimers]).toEqual([[0], ['0 expired'], 2, 1]);
    await clock.advance(5);
    expect([log, queue.length, clock.pendingTimers]).toEqual([['0 expired', '1 expired'], 1, 0]);
  });

  it('may push one whose deadline has passed, which expires too', async () => {
    const { clock, queue, log, waiter } = bench();
    queue.push(
      waiter(() => queue.push(waiter(), { deadlineMs: 10 })),
      { deadlineMs: 10 },
    );
    queue.push(waiter(), { deadlineMs: 20 });
    await clock.advance(10);
    expect([log, queue.length, clock.pendingTimers]).toEqual([['0 expired', '2 expired'], 1, 1]);
  });

  it('may remove and serve others whose deadlines have passed, who then do not expire', async () => {
    const { clock, queue, log, waiter } = bench();
    const others = [waiter(), waiter(), waiter()];
    queue.push(
      waiter(() => {
        queue.remove(others[1]!);
        queue.shift();
      }),
      { deadlineMs: 10 },
    );
    for (const one of others) queue.push(one, { deadlineMs: 10 });
    await clock.advance(10);
    expect([log, queue.length, clock.pendingTimers]).toEqual([['3 expired', '2 expired'], 0, 0]);
  });
});
