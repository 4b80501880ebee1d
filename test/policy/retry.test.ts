import { describe, expect, it } from 'vitest';
import { CircuitOpenError } from '../../src/circuit-breaker/index.ts';
import type { RetryEvent } from '../../src/policy/index.ts';
import {
  BulkheadRejectedError,
  constantBackoff,
  createBulkhead,
  pipeline,
  retry,
  TimeoutError,
} from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { collectReports, failingWith } from './kit.ts';

const failure = new Error('failure');
const always = (): never => {
  throw failure;
};

describe('attempts', () => {
  it('maxAttempts counts the first attempt', async () => {
    for (const maxAttempts of [1, 2, 5]) {
      const attempts: number[] = [];
      const call = retry({ maxAttempts, backoff: () => 0 }).run(({ attempt }) => {
        attempts.push(attempt);
        throw failure;
      });
      await expect(call).rejects.toBe(failure);
      expect(attempts).toEqual([1, 2, 3, 4, 5].slice(0, maxAttempts));
    }
  });

  it('are three by default', async () => {
    const clock = createVirtualClock();
    const operation = failingWith([1, 2, 3, 4], 'value');
    const call = expect(retry({ clock }).run(operation)).rejects.toBe(3);
    await clock.advance(1000);
    await call;
    expect(operation.calls).toBe(3);
  });

  it('go on for ever when maxAttempts is Infinity', async () => {
    const operation = failingWith(
      Array.from({ length: 500 }, () => failure),
      'at last',
    );
    expect(await retry({ maxAttempts: Infinity, backoff: () => 0 }).run(operation)).toBe('at last');
  });

  it('end with the first success', async () => {
    const operation = failingWith([failure], 'second');
    expect(await retry({ backoff: () => 0 }).run(operation)).toBe('second');
    expect(operation.calls).toBe(2);
  });

  it('the last error comes through unchanged, as the same object', async () => {
    const errors = ['first', Object.freeze({ last: true })];
    const call = retry({ maxAttempts: 2, backoff: () => 0 }).run(failingWith(errors, 0));
    await expect(call).rejects.toBe(errors[1]);
  });

  it('do not grow the stack, however many sync failures come without a wait between them', async () => {
    let left = 100_000;
    const call = retry({ maxAttempts: 100_001, backoff: () => 0 }).run(() => {
      if (left-- > 0) throw failure;
      return 'done';
    });
    expect(await call).toBe('done');
  });

  it('without a wait between them still follow each other asynchronously', async () => {
    const operation = failingWith([failure, failure], 'third');
    const call = retry({ backoff: () => 0 }).run(operation);
    expect(operation.calls).toBe(1);
    await call;
    expect(operation.calls).toBe(3);
  });
});

describe('waits', () => {
  it('are those of the backoff, which is given the attempt and its last answer', async () => {
    const clock = createVirtualClock();
    const asked: unknown[] = [];
    const startsMs: number[] = [];
    const backoff = (attempt: number, previousMs: number): number => {
      asked.push([attempt, previousMs]);
      return attempt * 10;
    };
    const call = retry({ maxAttempts: 4, backoff, clock }).run(() => {
      startsMs.push(clock.now());
      throw failure;
    });
    const failed = expect(call).rejects.toBe(failure);
    await clock.advance(1000);
    await failed;
    expect(startsMs).toEqual([0, 10, 30, 60]);
    expect(asked).toEqual([
      [1, 0],
      [2, 10],
      [3, 20],
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('start afresh with each call', async () => {
    const asked: unknown[] = [];
    const backoff = (attempt: number, previousMs: number): number => asked.push([attempt, previousMs]) && 1;
    const clock = createVirtualClock();
    const policy = retry({ maxAttempts: 2, backoff, clock });
    for (let call = 0; call < 2; call++) {
      const failed = expect(policy.run(always)).rejects.toBe(failure);
      await clock.advance(1);
      await failed;
    }
    expect(asked).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });

  it.each([
    ['negative', -5, 0],
    ['not a number', Number.NaN, 0],
    ['no time at all', 0, 0],
    ['a fraction', 0.5, 0.5],
    ['beyond the longest timer', 2 ** 40, 2 ** 31 - 1],
    ['infinite', Infinity, 2 ** 31 - 1],
  ])('that a backoff makes %s are %d -> %d ms', async (_, answerMs, delayMs) => {
    const clock = createVirtualClock();
    const events: RetryEvent[] = [];
    const operation = failingWith([failure], 'value');
    const call = retry({ backoff: () => answerMs, clock, onEvent: (event) => events.push(event) }).run(operation);
    expect(events).toEqual([{ type: 'retry', attempt: 1, delayMs, error: failure }]);
    expect(clock.nextTimerMs).toBe(delayMs > 0 ? delayMs : undefined);
    await clock.advance(delayMs);
    expect(await call).toBe('value');
  });

  it('end at exactly their time', async () => {
    const clock = createVirtualClock();
    const operation = failingWith([failure], 'value');
    const call = retry({ backoff: constantBackoff(100), clock }).run(operation);
    await clock.advance(99.5);
    expect(operation.calls).toBe(1);
    await clock.advance(0.5);
    expect(operation.calls).toBe(2);
    expect(await call).toBe('value');
  });
});

describe('isRetryable', () => {
  it.each([
    ['an open circuit', new CircuitOpenError('circuit is open', 'open', 5)],
    ['a full bulkhead', new BulkheadRejectedError('full')],
    ['a queue timeout', new BulkheadRejectedError('queue-timeout')],
  ])('a rejection by this library is not retried unless isRetryable says so: %s', async (_, rejection) => {
    const operation = failingWith([rejection], 'value');
    const events: RetryEvent[] = [];
    await expect(retry({ onEvent: (event) => events.push(event) }).run(operation)).rejects.toBe(rejection);
    expect([operation.calls, events]).toEqual([1, []]);
    const stubborn = retry({ isRetryable: () => true, retryAfterMs: () => 0 });
    expect(await stubborn.run(failingWith([rejection], 'value'))).toBe('value');
  });

  it('a rejection by this library is not retried unless isRetryable says so', async () => {
    const full = createBulkhead({ maxConcurrent: 1 });
    void full.run(() => new Promise(() => {}));
    let asked = 0;
    const count = (): number => ++asked;
    await expect(pipeline(retry({ backoff: () => 0 }), full).run(count)).rejects.toBeInstanceOf(BulkheadRejectedError);
    expect([asked, full.stats().rejected]).toEqual([0, 1]);
    const stubborn = retry({ isRetryable: () => true, backoff: () => 0 });
    await expect(pipeline(stubborn, full).run(count)).rejects.toBeInstanceOf(BulkheadRejectedError);
    expect([asked, full.stats().rejected]).toEqual([0, 4]);
  });

  it('retries timeouts and every thrown value by default', async () => {
    const thrown = [new TimeoutError(5), undefined, null, 'text', 0, { code: 'ERR_BULKHEAD_REJECTED' }];
    const policy = retry({ maxAttempts: 7, backoff: () => 0 });
    expect(await policy.run(failingWith(thrown, 'value'))).toBe('value');
  });

  it('is asked with the error and its attempt, and not after the last', async () => {
    const asked: unknown[] = [];
    const isRetryable = (error: unknown, attempt: number): boolean => asked.push([error, attempt]) > 0 && error !== 'b';
    const operation = failingWith(['a', 'b', 'c'], 0);
    await expect(retry({ maxAttempts: 5, backoff: () => 0, isRetryable }).run(operation)).rejects.toBe('b');
    expect(asked).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('that throws is reported, and the failure is not retried', async () => {
    const reports = collectReports();
    const operation = failingWith([failure], 'value');
    const policy = retry({
      isRetryable: () => {
        throw 'broken';
      },
    });
    await expect(policy.run(operation)).rejects.toBe(failure);
    expect([operation.calls, reports]).toEqual([1, ['broken']]);
  });
});

describe('events', () => {
  it('tell of each retry and of giving up, with everything that was decided', async () => {
    const clock = createVirtualClock();
    const events: RetryEvent[] = [];
    const policy = retry({ maxAttempts: 3, backoff: (n) => n * 7, clock, onEvent: (event) => events.push(event) });
    const call = expect(policy.run(failingWith(['a', 'b', 'c'], 0))).rejects.toBe('c');
    await clock.advance(100);
    await call;
    expect(events).toEqual([
      { type: 'retry', attempt: 1, delayMs: 7, error: 'a' },
      { type: 'retry', attempt: 2, delayMs: 14, error: 'b' },
      { type: 'give-up', attempt: 3, error: 'c', reason: 'max-attempts' },
    ]);
  });

  it('are none for a success and for a failure that is not retryable', async () => {
    const events: RetryEvent[] = [];
    const policy = retry({ isRetryable: () => false, onEvent: (event) => events.push(event) });
    await policy.run(() => 1);
    await policy.runOutcome(always);
    expect(events).toEqual([]);
  });

  it('come before the wait', async () => {
    const clock = createVirtualClock();
    const timersAtEvent: number[] = [];
    const policy = retry({ backoff: () => 5, clock, onEvent: () => timersAtEvent.push(clock.pendingTimers) });
    const call = policy.run(failingWith([failure], 'value'));
    await clock.advance(5);
    await call;
    expect(timersAtEvent).toEqual([0]);
  });
});
