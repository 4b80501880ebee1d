import { describe, expect, it } from 'vitest';
import { countingSignal } from '../support/counting-signal.ts';
import { openBranch, openCall } from './open-scope.ts';
import { bench, drained } from './wait-queue-bench.ts';

describe('order', () => {
  it('serves those of one priority in order of arrival', () => {
    const { queue, waiter } = bench();
    for (let k = 0; k < 5; k++) queue.push(waiter());
    expect(queue.length).toBe(5);
    expect(queue.peek()?.id).toBe(0);
    expect(queue.length).toBe(5);
    expect(drained(queue)).toEqual([0, 1, 2, 3, 4]);
    expect(queue.length).toBe(0);
  });

  it('serves a higher priority first, and 0 is the default', () => {
    const { queue, waiter } = bench();
    for (const priority of [0, 5, -1, 5, 0.5]) queue.push(waiter(), { priority });
    queue.push(waiter());
    queue.push(waiter(), { priority: 7 });
    queue.push(waiter(), { priority: -Infinity });
    expect(drained(queue)).toEqual([6, 1, 3, 4, 0, 5, 2, 7]);
  });

  it('knows -0 as the priority 0', () => {
    const { queue, waiter } = bench();
    for (const priority of [0, -0, 0]) queue.push(waiter(), { priority });
    expect(drained(queue)).toEqual([0, 1, 2]);
  });

  it('has nothing to serve while nobody waits', () => {
    const { queue } = bench();
    expect([queue.peek(), queue.shift(), queue.length]).toEqual([undefined, undefined, 0]);
  });
});

describe('remove', () => {
  it.each([
    ['first', 0, [1, 2]],
    ['middle', 1, [0, 2]],
    ['last', 2, [0, 1]],
  ] as const)('takes out the %s and leaves the others in order', (_, which, rest) => {
    const { queue, waiter } = bench();
    const all = [waiter(), waiter(), waiter()];
    for (const one of all) queue.push(one);
    expect(queue.remove(all[which]!)).toBe(true);
    expect(queue.length).toBe(2);
    queue.push(waiter());
    expect(drained(queue)).toEqual([...rest, 3]);
  });

  it('says false for one that does not wait, has left, or waits elsewhere, and changes nothing', () => {
    const { queue, waiter } = bench();
    const elsewhere = bench().queue;
    const [never, left, other] = [waiter(), waiter(), waiter()];
    queue.push(left);
    elsewhere.push(other);
    expect(queue.remove(left)).toBe(true);
    expect([queue.remove(left), queue.remove(never), queue.remove(other)]).toEqual([false, false, false]);
    expect([queue.length, elsewhere.length]).toEqual([0, 1]);
  });

  it('lets go of neighbours, queue and scope, so that a kept waiter keeps nothing else', () => {
    const { queue, waiter } = bench();
    const all = [waiter(), waiter(), waiter()];
    for (const one of all) queue.push(one, { scope: openBranch() });
    const middle = all[1]!;
    queue.remove(middle);
    expect([middle.before, middle.behind, middle.lane, middle.queue, middle.scope]).toEqual(Array(5).fill(undefined));
  });
});

describe('scope', () => {
  it('ends the wait with the reason of its abort, wherever the waiter stands', async () => {
    const { clock, queue, log, waiter } = bench();
    const scopes = [openBranch(), openBranch(), openBranch()];
    for (const scope of scopes) queue.push(waiter(), { scope, deadlineMs: 10 });
    scopes[1]!.abort('first reason');
    scopes[1]!.abort('second reason');
    expect([log, queue.length]).toEqual([['1 gave up: first reason'], 2]);
    expect(drained(queue)).toEqual([0, 2]);
    scopes[0]!.abort('too late');
    await clock.advance(10);
    expect([log, clock.pendingTimers]).toEqual([['1 gave up: first reason'], 0]);
  });

  it('has left the queue when it is told, and may push and remove others', () => {
    const { queue, log, waiter } = bench();
    const scope = openBranch();
    const first = waiter(() => {
      queue.remove(second);
      queue.push(waiter(), { scope: openBranch() });
    });
    const second = waiter();
    queue.push(first, { scope });
    queue.push(second, { scope });
    scope.abort('stop');
    expect([log, queue.length]).toEqual([['0 gave up: stop'], 1]);
    expect(drained(queue)).toEqual([2]);
  });

  it('ends a wait once only, even when a scope tells of its abort twice', () => {
    const { queue, log, waiter } = bench();
    const one = waiter();
    one.onAbort('before it waits');
    queue.push(one);
    one.onAbort('now');
    one.onAbort('again');
    expect(log).toEqual(['0 gave up: now']);
  });

  it.each(['shift', 'remove', 'expire', 'abort'])(
    'has no listener on the signal after %s and its call',
    async (end) => {
      const { clock, queue, waiter } = bench();
      const signals = countingSignal();
      const call = openCall(signals.signal);
      const one = waiter(() => call.done(true, 'over'));
      queue.push(one, { scope: call.scope, deadlineMs: 10 });
      expect(signals.listeners).toBe(1);
      if (end === 'shift') queue.shift();
      else if (end === 'remove') queue.remove(one);
      else if (end === 'expire') await clock.advance(10);
      else signals.abort('stop');
      call.done(true, 'over');
      await call.promise.catch(() => {});
      expect([signals.listeners, queue.length, clock.pendingTimers]).toEqual([0, 0, 0]);
    },
  );
});
