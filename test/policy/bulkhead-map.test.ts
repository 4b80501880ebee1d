import { describe, expect, it } from 'vitest';
import { createBulkhead } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { collectReports, sleep } from './kit.ts';
import { source } from './source.ts';

describe('results', () => {
  it('come in the order of the items, whatever ends first', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 3, clock });
    const call = slots.map([30, 10, 20, 5], async (ms, { index, attempt }) => {
      await sleep(clock, ms);
      return [index, ms, attempt];
    });
    await clock.advance(100);
    expect(await call).toEqual([
      [0, 30, 1],
      [1, 10, 1],
      [2, 20, 1],
      [3, 5, 1],
    ]);
    expect(slots.stats()).toEqual({ inFlight: 0, queued: 0, rejected: 0 });
  });

  it('come from arrays, sets, strings, generators and async generators, with sync and async functions', async () => {
    const slots = createBulkhead({ maxConcurrent: 2 });
    async function* later(): AsyncGenerator<number> {
      yield 1;
      await flush();
      yield 2;
    }
    function* now(): Generator<number> {
      yield 1;
      yield 2;
    }
    expect(await slots.map([1, 2], (n) => n * 10)).toEqual([10, 20]);
    expect(await slots.map(new Set([1, 2]), async (n) => n * 10)).toEqual([10, 20]);
    expect(await slots.map('ab', (letter) => letter.toUpperCase())).toEqual(['A', 'B']);
    expect(await slots.map(now(), (n) => n * 10)).toEqual([10, 20]);
    expect(await slots.map(later(), (n) => n * 10)).toEqual([10, 20]);
    expect(await slots.map([], () => 1)).toEqual([]);
  });

  it('may be undefined', async () => {
    expect(await createBulkhead({ maxConcurrent: 2 }).map([1, 2, 3], () => undefined)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('drawing', () => {
  it('map draws the next item only when a slot is free for it', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 2, clock });
    const numbers = source(6);
    let running = 0;
    const call = slots.map(numbers.items, async () => {
      expect(++running).toBeLessThanOrEqual(2);
      expect(slots.inFlight).toBeLessThanOrEqual(2);
      await sleep(clock, 10);
      running--;
    });
    for (const drawn of [2, 4, 6, 6]) {
      await clock.advance(9);
      expect(numbers.drawn).toBe(drawn);
      await clock.advance(1);
    }
    await call;
    expect([numbers.isClosed, slots.inFlight]).toEqual([false, 0]);
  });

  it('shares the slots with other calls and waits whatever maxQueue and queueTimeoutMs say', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 0, queueTimeoutMs: 1, clock });
    const other = slots.run(() => sleep(clock, 500));
    const numbers = source(3);
    const call = slots.map(numbers.items, (n) => n);
    await clock.advance(400);
    expect([numbers.drawn, slots.queued, slots.inFlight]).toEqual([0, 1, 1]);
    await clock.advance(100);
    await other;
    expect([await call, slots.stats()]).toEqual([[0, 1, 2], { inFlight: 0, queued: 0, rejected: 0 }]);
  });

  it('draws one at a time from a source that takes its time', async () => {
    const clock = createVirtualClock();
    let drawing = 0;
    async function* slow(): AsyncGenerator<number> {
      for (let n = 0; n < 4; n++) {
        expect(++drawing).toBe(1);
        await sleep(clock, 10);
        drawing--;
        yield n;
      }
    }
    const slots = createBulkhead({ maxConcurrent: 4, clock });
    const call = slots.map(slow(), (n) => sleep(clock, 100).then(() => n));
    await clock.advance(50);
    expect(slots.inFlight).toBe(4);
    await clock.advance(100);
    expect(await call).toEqual([0, 1, 2, 3]);
  });

  it('takes an endless source until it is aborted', async () => {
    const clock = createVirtualClock();
    const caller = countingSignal();
    const numbers = source(Infinity);
    const call = createBulkhead({ maxConcurrent: 5, clock }).map(numbers.items, () => sleep(clock, 10), {
      signal: caller.signal,
    });
    await clock.advance(95);
    expect(numbers.drawn).toBe(50);
    caller.abort('enough');
    const failed = expect(call).rejects.toBe('enough');
    await clock.advance(10);
    await failed;
    expect([numbers.drawn, numbers.isClosed, caller.listeners, clock.pendingTimers]).toEqual([50, true, 0, 0]);
  });
});

describe('failure', () => {
  it('stops drawing, aborts the others with the error and rejects when they have ended', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 3, clock });
    const numbers = source(100);
    const failure = new Error('failure');
    const reasons: unknown[] = [];
    const call = slots.map(numbers.items, async (n, { signal }) => {
      if (n === 1) {
        await sleep(clock, 10);
        throw failure;
      }
      await sleep(clock, 50);
      reasons.push(signal.reason);
    });
    void call.catch(() => {});
    await clock.advance(10);
    expect([(await outcomeOf(call)).state, slots.inFlight]).toEqual(['pending', 2]);
    await clock.advance(40);
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: failure });
    expect([reasons, numbers.drawn, numbers.isClosed, slots.inFlight]).toEqual([[failure, failure], 3, true, 0]);
  });

  it('is the first one, whatever the others throw', async () => {
    const clock = createVirtualClock();
    const call = createBulkhead({ maxConcurrent: 2, clock }).map([20, 10], async (ms) => {
      await sleep(clock, ms);
      throw ms;
    });
    const failed = expect(call).rejects.toBe(10);
    await clock.advance(20);
    await failed;
  });

  it.each([[undefined], [null], [0], ['text']])('comes through unchanged when it is %s', async (thrown) => {
    const call = createBulkhead({ maxConcurrent: 2 }).map([1, 2], () => {
      throw thrown;
    });
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: thrown });
  });

  it('of the source rejects the call', async () => {
    const slots = createBulkhead({ maxConcurrent: 2 });
    const failure = new Error('source');
    function* broken(): Generator<number> {
      yield 1;
      throw failure;
    }
    async function* brokenLater(): AsyncGenerator<number> {
      yield 1;
      throw failure;
    }
    const unreadable = {
      [Symbol.iterator]: (): never => {
        throw failure;
      },
    };
    for (const items of [broken(), brokenLater(), unreadable]) {
      await expect(slots.map(items, (n) => n)).rejects.toBe(failure);
    }
    expect(slots.stats()).toEqual({ inFlight: 0, queued: 0, rejected: 0 });
  });

  it('of closing the source is reported and does not replace the real one', async () => {
    const reports = collectReports();
    const items: Iterable<number> = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 1 }),
        return: () => {
          throw 'cannot close';
        },
      }),
    };
    await expect(createBulkhead({ maxConcurrent: 1 }).map(items, () => Promise.reject('real'))).rejects.toBe('real');
    expect(reports).toEqual(['cannot close']);
  });

  it('is a TypeError when there is nothing to iterate or no function', async () => {
    const slots = createBulkhead({ maxConcurrent: 1 });
    for (const items of [undefined, null, 5, {}])
      await expect(slots.map(items as never, () => 1)).rejects.toBeInstanceOf(TypeError);
    await expect(slots.map([1], undefined as never)).rejects.toBeInstanceOf(TypeError);
    expect(slots.inFlight).toBe(0);
  });
});
