import { describe, expect, it } from 'vitest';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { WaitQueue } from '../../src/core/wait-queue.ts';
import { RecordingWaiter } from './recording-waiter.ts';

const MANY = 30_000;

/** Counts how often the queue looks at deadlines: its comparisons, and so its work. */
class CountedWaiter extends RecordingWaiter {
  static looks = 0;

  constructor(id: number, log: string[]) {
    super(id, log);
    let deadlineMs = Infinity;
    Object.defineProperty(this, 'deadlineMs', {
      get() {
        CountedWaiter.looks++;
        return deadlineMs;
      },
      set(value: number) {
        deadlineMs = value;
      },
    });
  }
}

function looksOf(work: () => void): number {
  CountedWaiter.looks = 0;
  work();
  return CountedWaiter.looks;
}

function filled(count: number, deadlineOf: (k: number) => number): [WaitQueue<CountedWaiter>, CountedWaiter[]] {
  const queue = new WaitQueue<CountedWaiter>(createVirtualClock());
  const waiters = Array.from({ length: count }, (_, k) => new CountedWaiter(k, []));
  for (const [k, waiter] of waiters.entries()) queue.push(waiter, { deadlineMs: deadlineOf(k) });
  return [queue, waiters];
}

describe('cost', () => {
  it('of joining does not grow with those who wait, where deadlines come in order', () => {
    const [queue] = filled(MANY, (k) => 1000 + k);
    const looks = looksOf(() => {
      for (let k = 0; k < 100; k++) queue.push(new CountedWaiter(k, []), { deadlineMs: 1000 + MANY + k });
    });
    expect(looks).toBeLessThanOrEqual(100 * 6);
  });

  it('of joining grows with the logarithm of those who wait, where deadlines come in the worst order', () => {
    const looks = looksOf(() => void filled(MANY, (k) => MANY - k));
    expect(looks).toBeLessThanOrEqual(MANY * (2 * Math.log2(MANY) + 6));
  });

  it.each([
    ['in order of arrival', (waiters: CountedWaiter[]) => waiters],
    ['in the reverse order', (waiters: CountedWaiter[]) => [...waiters].reverse()],
    ['in a random order', (waiters: CountedWaiter[]) => shuffled(waiters)],
  ])('of leaving is constant on average, whoever leaves: %s', (_, order) => {
    const random = createSeededRandom(5);
    for (const deadlineOf of [(k: number) => k, () => random() * MANY, (k: number) => MANY - k]) {
      const [queue, waiters] = filled(MANY, deadlineOf);
      const leaving = order(waiters);
      const looks = looksOf(() => {
        for (const waiter of leaving) queue.remove(waiter);
      });
      expect(queue.length).toBe(0);
      expect(looks).toBeLessThanOrEqual(MANY * 12);
    }
  });

  it('of expiring everybody grows with the logarithm of those who wait', async () => {
    const random = createSeededRandom(6);
    const clock = createVirtualClock();
    const queue = new WaitQueue<CountedWaiter>(clock);
    const log: string[] = [];
    const deadlines = Array.from({ length: MANY }, () => random() * 1000);
    for (const [k, deadlineMs] of deadlines.entries()) queue.push(new CountedWaiter(k, log), { deadlineMs });
    CountedWaiter.looks = 0;
    clock.stall(1000);
    await clock.advance(0);
    expect(CountedWaiter.looks).toBeLessThanOrEqual(MANY * (4 * Math.log2(MANY) + 8));
    const order = log.map((line) => deadlines[Number.parseInt(line, 10)]!);
    expect(order).toEqual([...deadlines].sort((a, b) => a - b));
  });

  it('of a priority grows with the logarithm of the priorities in use', () => {
    let looks = 0;
    const counted = (value: number): number => ({ valueOf: () => (looks++, value) }) as unknown as number;
    const queue = new WaitQueue<RecordingWaiter>(createVirtualClock());
    for (let k = 0; k < 4096; k++) queue.push(new RecordingWaiter(k, []), { priority: counted((k * 2731) % 4096) });
    for (let left = 4096; left > 0; left--) expect(((queue.shift()?.id ?? -1) * 2731) % 4096).toBe(left - 1);
    // Both sides of a comparison are looked at.
    expect(looks).toBeLessThanOrEqual(4096 * 2 * 2 * 13);
  });
});

function shuffled<T>(items: readonly T[]): T[] {
  const random = createSeededRandom(7);
  const copy = [...items];
  for (let k = copy.length - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [copy[k], copy[other]] = [copy[other]!, copy[k]!];
  }
  return copy;
}
