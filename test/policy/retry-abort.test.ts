import { describe, expect, it } from 'vitest';
import { retry } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { outcomeOf } from '../support/gate.ts';
import { collectReports, failingWith } from './kit.ts';

const failure = new Error('failure');
const always = (): never => {
  throw failure;
};

describe('callbacks that throw', () => {
  it('leave the wait at the last one when the backoff throws', async () => {
    const reports = collectReports();
    const clock = createVirtualClock();
    const delaysMs: number[] = [];
    const backoff = (attempt: number): number => {
      if (attempt !== 2) return 10 * attempt;
      throw 'no backoff';
    };
    const policy = retry({
      maxAttempts: 4,
      backoff,
      clock,
      onEvent: (event) => delaysMs.push(event.type === 'retry' ? event.delayMs : -1),
    });
    const call = policy.run(failingWith([1, 2, 3], 'value'));
    await clock.advance(100);
    expect(await call).toBe('value');
    expect([delaysMs, reports]).toEqual([[10, 10, 30], ['no backoff']]);
  });

  it('leave the backoff in charge when retryAfterMs throws', async () => {
    const reports = collectReports();
    const clock = createVirtualClock();
    const policy = retry({
      backoff: () => 25,
      clock,
      retryAfterMs: () => {
        throw 'no hint';
      },
    });
    const call = policy.run(failingWith([failure], 'value'));
    expect([clock.nextTimerMs, reports]).toEqual([25, ['no hint']]);
    await clock.advance(25);
    expect(await call).toBe('value');
  });

  it('change nothing when onEvent throws', async () => {
    const reports = collectReports();
    const policy = retry({
      maxAttempts: 2,
      backoff: () => 0,
      onEvent: ({ type }) => {
        throw type;
      },
    });
    await expect(policy.run(always)).rejects.toBe(failure);
    expect(reports).toEqual(['retry', 'give-up']);
  });

  it('reports an error whose properties throw when they are read, and does not retry on its word', async () => {
    const reports = collectReports();
    const trap = Object.defineProperty({}, 'retryAfterMs', {
      get: () => {
        throw 'unreadable';
      },
    });
    expect(await retry({ backoff: () => 0 }).run(failingWith([trap], 'value'))).toBe('value');
    expect(reports).toEqual(['unreadable']);
  });
});

describe('abort', () => {
  it('ends the wait at once with the reason, and no attempt follows', async () => {
    const clock = createVirtualClock();
    const caller = new AbortController();
    const operation = failingWith([failure, failure], 'value');
    const call = retry({ backoff: () => 300, clock }).run(operation, { signal: caller.signal });
    await clock.advance(20);
    caller.abort('enough');
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: 'enough' });
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(1000);
    expect(operation.calls).toBe(1);
  });

  it.each([0, 10])('by the listener of the retry event stops the retry after %d ms', async (delayMs) => {
    const clock = createVirtualClock();
    const caller = new AbortController();
    const operation = failingWith([failure], 'value');
    const policy = retry({ backoff: () => delayMs, clock, onEvent: () => caller.abort('from the event') });
    await expect(policy.run(operation, { signal: caller.signal })).rejects.toBe('from the event');
    await clock.advance(100);
    expect([operation.calls, clock.pendingTimers]).toEqual([1, 0]);
  });

  it('between a failure and a retry without wait stops the retry', async () => {
    const caller = new AbortController();
    const operation = failingWith([failure], 'value');
    const call = retry({ backoff: () => 0 }).run(operation, { signal: caller.signal });
    caller.abort('now');
    await expect(call).rejects.toBe('now');
    expect(operation.calls).toBe(1);
  });

  it('during a failing attempt asks nobody whether to retry', async () => {
    const caller = new AbortController();
    const asked: unknown[] = [];
    const policy = retry({ isRetryable: (error) => asked.push(error) > 0, onEvent: (event) => asked.push(event) });
    const call = policy.run(
      () => {
        caller.abort('reason');
        throw failure;
      },
      { signal: caller.signal },
    );
    await expect(call).rejects.toBe('reason');
    expect(asked).toEqual([]);
  });
});
