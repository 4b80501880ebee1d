import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/rate-limit/index.ts';
import { createRateQueue, fixedWindow, slidingLog, tokenBucket } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { badNumbers } from '../support/arbitraries.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';
import { bench, tenth, timersOf, watch } from './queue-kit.ts';

describe('options', () => {
  it.each(badNumbers({ min: 0, isInteger: true, isUnbounded: true }))('refuse a maxQueue of %s', (_, maxQueue) => {
    expect(() => createRateQueue(tenth, { maxQueue } as never)).toThrow('maxQueue');
  });

  it('refuse what is no policy, none, and two of one name', () => {
    for (const policy of [undefined, {}, [], [tenth, tenth], [tenth, null]]) {
      expect(() => createRateQueue(policy as never)).toThrow(/policies/);
    }
  });

  it.each(badNumbers({ min: 0, isInteger: true }))('of a wait refuse a cost of %s by rejecting', async (_, cost) => {
    const { queue } = bench();
    await expect(queue.acquire({ cost } as never)).rejects.toThrow(/^cost/);
    await expect(queue.acquire()).resolves.toBeUndefined();
  });

  it.each(badNumbers({ min: 0, isUnbounded: true }))('of a wait refuse a maxWaitMs of %s', async (_, maxWaitMs) => {
    const { queue } = bench();
    await expect(queue.acquire({ maxWaitMs } as never)).rejects.toThrow(/^maxWaitMs/);
    await expect(queue.acquire()).resolves.toBeUndefined();
  });

  it('are undefined for their defaults', async () => {
    const queue = createRateQueue(tenth, { maxQueue: undefined, fair: undefined, clock: undefined } as never);
    const wait = { cost: undefined, lane: undefined, signal: undefined, maxWaitMs: undefined };
    await expect(queue.acquire(wait)).resolves.toBeUndefined();
  });
});

describe('waiting', () => {
  it('calls go on first come, first served, each at the exact millisecond', async () => {
    const { clock, queue, ended, join } = bench(tokenBucket({ limit: 3, periodMs: 1000, burst: 2 }));
    for (let k = 0; k < 6; k++) join();
    expect(queue.size).toBe(4);
    await clock.advance(5000);
    // One token every 333 1/3 ms.
    expect([...ended.values()]).toEqual([0, 0, 334, 667, 1000, 1334].map((ms) => `granted at ${ms}`));
    expect(clock.pendingTimers).toBe(0);
  });

  it('nobody passes a waiting call, however cheap', async () => {
    const { clock, ended, join } = bench(tokenBucket({ limit: 10, periodMs: 1000, burst: 5 }));
    join({ cost: 4 });
    join({ cost: 5 });
    join({ cost: 1 });
    join({ cost: 0 });
    await clock.advance(399);
    expect(ended.size).toBe(1);
    await clock.advance(101);
    expect([...ended]).toEqual([
      [0, 'granted at 0'],
      [1, 'granted at 400'],
      [2, 'granted at 500'],
      [3, 'granted at 500'],
    ]);
  });

  it('several policies are all obeyed, and each call takes from all of them', async () => {
    const { clock, ended, join } = bench([
      tokenBucket({ limit: 1, periodMs: 10, burst: 1 }),
      slidingLog({ limit: 3, windowMs: 100 }),
    ]);
    for (let k = 0; k < 5; k++) join();
    await clock.advance(200);
    expect([...ended.values()]).toEqual([0, 10, 20, 100, 110].map((ms) => `granted at ${ms}`));
  });

  it('windows aligned to Unix time follow the clock’s', async () => {
    const clock = createVirtualClock({ epochMs: 10_990 });
    const queue = createRateQueue(fixedWindow({ limit: 1, windowMs: 1000, align: 'epoch' }), { clock });
    await queue.acquire();
    const next = queue.acquire().then(() => clock.now());
    await clock.advance(10);
    expect(await next).toBe(10);
  });

  it('waits of months are kept, with one timer', async () => {
    const month = 31 * 86_400_000;
    const { clock, queue, ended, join } = bench(tokenBucket({ limit: 1, periodMs: month, burst: 1 }));
    for (let k = 0; k < 3; k++) join();
    await clock.advance(2 * month - 1);
    expect([ended.size, queue.size, clock.pendingTimers]).toEqual([2, 1, 1]);
    await clock.advance(1);
    expect([...ended.values()].at(-1)).toBe(`granted at ${2 * month}`);
  });

  it.each([
    ['steps back', [0, -1_000_000, -1_000_000]],
    ['steps back while the timer runs', [0, 0, -5000]],
    ['is frozen', [0, 0, 0]],
  ])('a clock that %s neither adds units nor stops the queue', async (_, offsets) => {
    const clock = createVirtualClock();
    let offset: number | undefined;
    const now = (): number => (offset === undefined ? clock.now() : offset);
    const queue = createRateQueue(tenth, { clock: { ...timersOf(clock), now } });
    const ended = new Map<number, string>();
    for (const [id, reading] of offsets.entries()) {
      offset = reading;
      watch(queue, clock, ended, id);
    }
    await clock.advance(99);
    expect(ended.size).toBe(1);
    await clock.advance(1);
    expect(ended.size).toBe(2);
    await clock.advance(100);
    expect([...ended.values()]).toEqual([0, 100, 200].map((ms) => `granted at ${ms}`));
  });

  it('a timer that is early is set again for the rest', async () => {
    const clock = createVirtualClock();
    const hasty = { ...timersOf(clock), now: () => clock.now(), setTimeout: early };
    function early(fn: () => void, ms: number): unknown {
      return clock.setTimeout(fn, ms > 1 ? ms - 1 : ms);
    }
    const queue = createRateQueue(tenth, { clock: hasty });
    const ended = new Map<number, string>();
    for (const id of [0, 1]) watch(queue, clock, ended, id);
    await clock.advance(99);
    expect([ended.size, clock.pendingTimers]).toEqual([1, 1]);
    await clock.advance(1);
    expect(ended.get(1)).toBe('granted at 100');
  });

  it('a queue with room for nobody refuses those who would wait', async () => {
    const { ended, join } = bench(tenth, { maxQueue: 0 });
    join();
    join();
    await flush();
    expect([...ended.values()]).toEqual(['granted at 0', 'QUEUE_FULL']);
  });

  it('a call that costs more than there is in the end waits for its last part', async () => {
    const { clock, ended, join } = bench(tokenBucket({ limit: 1, periodMs: 3, burst: 7, initial: 0 }));
    join({ cost: 7 });
    await clock.advance(20);
    expect(ended.size).toBe(0);
    await clock.advance(1);
    expect(ended.get(0)).toBe('granted at 21');
  });
});

describe('run', () => {
  it('calls the function when its turn has come and answers as it does', async () => {
    const { clock, queue } = bench();
    const started: number[] = [];
    const calls = [1, 2].map((id) =>
      queue.run(() => {
        started.push(clock.now());
        if (id === 2) throw new Error('second');
        return id;
      }),
    );
    const failed = outcomeOf(calls[1]!);
    await clock.advance(100);
    expect(await calls[0]).toBe(1);
    expect(await failed).toMatchObject({ state: 'rejected', reason: { message: 'second' } });
    expect(started).toEqual([0, 100]);
  });

  it('does not call the function of a call that is refused, or aborted before its start', async () => {
    const clock = createVirtualClock();
    const caller = countingSignal();
    // The abort comes when the call has been let go on, and before its function is called.
    const setTimeout: Clock['setTimeout'] = (fn, ms) =>
      clock.setTimeout(() => {
        fn();
        caller.abort('now');
      }, ms);
    const options = { maxQueue: 1, clock: { ...timersOf(clock), now: () => clock.now(), setTimeout } };
    const queue = createRateQueue(tenth, options);
    let calls = 0;
    const fn = (): number => ++calls;
    await queue.run(fn);
    const waiting = queue.run(fn, { signal: caller.signal }).catch((reason: unknown) => reason);
    await expect(queue.run(fn)).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_QUEUE_FULL' });
    await clock.advance(100);
    expect([calls, queue.size, await waiting]).toEqual([1, 0, 'now']);
  });

  it('an abort after the start is left to the function', async () => {
    const { queue } = bench();
    const work = gate<string>();
    const caller = countingSignal();
    const call = queue.run(() => work.promise, { signal: caller.signal });
    await flush();
    caller.abort('late');
    work.open('done');
    expect([await call, caller.listeners]).toEqual(['done', 0]);
  });
});

describe('close', () => {
  it('close rejects those who wait and all who come, and leaves nothing behind', async () => {
    const { clock, queue, ended, join } = bench();
    const caller = countingSignal();
    join();
    join({ signal: caller.signal });
    join();
    queue.close();
    join();
    await flush();
    expect([...ended.values()]).toEqual(['granted at 0', 'CLOSED', 'CLOSED', 'CLOSED']);
    expect([queue.size, caller.listeners, clock.pendingTimers]).toEqual([0, 0, 0]);
    queue.close();
    await expect(queue.acquire()).rejects.toMatchObject({ retryAfterMs: Infinity });
  });

  it('is what `using` does at the end of its block', async () => {
    const { queue, ended, join } = bench();
    join();
    join();
    queue[Symbol.dispose]();
    await flush();
    expect(ended.get(1)).toBe('CLOSED');
  });
});

describe('fair lanes', () => {
  const slow = tokenBucket({ limit: 1, periodMs: 10, burst: 1 });

  it('lanes of a fair queue are served in turn, so that a thousand calls of one hold up nobody else', async () => {
    const { clock, ended, join } = bench(slow, { fair: true });
    for (let k = 0; k < 100; k++) join({ lane: 'greedy' });
    join({ lane: 'modest' });
    join({ lane: 'modest' });
    await clock.advance(60);
    expect([ended.get(100), ended.get(101)]).toEqual(['granted at 20', 'granted at 40']);
    expect(ended.size).toBe(7);
  });

  it('are the same for those who name none and those who name the empty text', async () => {
    const { clock, ended, join } = bench(slow, { fair: true });
    for (const lane of [undefined, undefined, '', 'other']) join({ lane });
    await clock.advance(30);
    expect([ended.get(2), ended.get(3)]).toEqual(['granted at 30', 'granted at 20']);
  });

  it('mean nothing without `fair`', async () => {
    const { clock, ended, join } = bench(slow);
    for (const lane of ['a', 'a', 'a', 'b']) join({ lane });
    await clock.advance(30);
    expect(ended.get(3)).toBe('granted at 30');
  });

  it('in a fair queue, a wait that others have made too long ends when `maxWaitMs` has passed, and takes nothing', async () => {
    const { clock, queue, ended, join } = bench(slow, { fair: true });
    join({ lane: 'a' });
    join({ lane: 'a' });
    join({ lane: 'a', maxWaitMs: 20 });
    join({ lane: 'b' });
    await clock.advance(20);
    expect(ended.has(2)).toBe(false);
    await clock.advance(1);
    expect(ended.get(2)).toBe('MAX_WAIT');
    expect([queue.size, clock.pendingTimers]).toEqual([0, 0]);
    join();
    await clock.advance(9);
    expect(ended.get(4)).toBe('granted at 30');
  });
});
