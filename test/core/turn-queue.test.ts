import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TurnQueue } from '../../src/core/turn-queue.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { openBranch } from './open-scope.ts';
import { RecordingWaiter } from './recording-waiter.ts';

function bench() {
  const clock = createVirtualClock();
  const queue = new TurnQueue<RecordingWaiter>(clock);
  const log: string[] = [];
  let next = 0;
  const join = (lane?: string, deadlineMs = Infinity): RecordingWaiter => {
    const waiter = new RecordingWaiter(next++, log);
    queue.push(waiter, lane === undefined ? { deadlineMs } : { lane, deadlineMs });
    return waiter;
  };
  const served = (): number[] => {
    const ids: number[] = [];
    for (let one = queue.shift(); one; one = queue.shift()) ids.push(one.id);
    return ids;
  };
  return { clock, queue, log, join, served };
}

describe('lanes', () => {
  it('are served in turn, one waiter each, in order of arrival within a lane', () => {
    const { queue, join, served } = bench();
    for (const lane of ['a', 'a', 'a', 'b', 'c', 'b']) join(lane);
    expect([queue.length, queue.peek()?.id]).toEqual([6, 0]);
    expect(served()).toEqual([0, 3, 4, 1, 5, 2]);
    expect([queue.length, queue.peek(), queue.shift()]).toEqual([0, undefined, undefined]);
  });

  it('are one where nothing is said, and then it is first come, first served', () => {
    const { join, served } = bench();
    for (const lane of [undefined, '', undefined]) join(lane);
    expect(served()).toEqual([0, 1, 2]);
  });

  it('that are new come last, and so do those that were empty in between', () => {
    const { queue, join, served } = bench();
    for (const lane of ['a', 'b', 'a', 'b']) join(lane);
    expect(queue.shift()?.id).toBe(0);
    join('c');
    // It is the turn of b, then a, then c.
    expect(served()).toEqual([1, 2, 4, 3]);
    for (const lane of ['c', 'a']) join(lane);
    expect(served()).toEqual([5, 6]);
  });

  it('keep their turn when one who waits in them leaves, and pass it on when it was the last', () => {
    const { queue, join, served } = bench();
    const [first, , lone] = ['a', 'a', 'b', 'c'].map((lane) => join(lane));
    expect(queue.remove(first!)).toBe(true);
    expect(queue.peek()?.id).toBe(1);
    queue.shift();
    expect(queue.remove(lone!)).toBe(true);
    expect(served()).toEqual([3]);
  });

  it('may have any name', () => {
    const { join, served } = bench();
    for (const lane of ['__proto__', '__proto__', 'constructor', '\ud800']) join(lane);
    expect(served()).toEqual([0, 2, 3, 1]);
  });
});

it('a waiter of any lane expires and gives up as in every wait queue', async () => {
  const { clock, queue, log, join, served } = bench();
  join('a', 20);
  join('b', 10);
  const scope = openBranch();
  queue.push(new RecordingWaiter(9, log), { lane: 'b', scope });
  scope.abort('enough');
  await clock.advance(10);
  expect(log).toEqual(['9 gave up: enough', '1 expired']);
  expect(served()).toEqual([0]);
  expect(clock.pendingTimers).toBe(0);
});

it('those ahead are those who are served before one who comes now', () => {
  const lane = fc.constantFrom('a', 'b', 'c', 'd');
  fc.assert(
    fc.property(fc.array(lane, { maxLength: 20 }), fc.nat(20), lane, (lanes, served, name) => {
      const { queue, join } = bench();
      for (const one of lanes) join(one);
      for (let k = 0; k < served; k++) queue.shift();
      const ahead = [...queue.ahead(name)].map(({ id }) => id);
      const newcomer = join(name);
      const before: number[] = [];
      for (let one = queue.shift(); one !== newcomer; one = queue.shift()) before.push(one!.id);
      expect(ahead).toEqual(before);
    }),
  );
});
