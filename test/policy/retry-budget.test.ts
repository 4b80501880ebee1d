import { describe, expect, it } from 'vitest';
import type { RetryBudget, RetryEvent } from '../../src/policy/index.ts';
import { createRetryBudget, createTokenThrottle, hedge, retry } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { collectReports, failingWith, sleep } from './kit.ts';

const failure = new Error('failure');
const always = (): never => {
  throw failure;
};

/** How often `budget` grants a withdrawal before it refuses one. */
function drain(budget: RetryBudget): number {
  let granted = 0;
  while (granted < 10_000 && budget.tryWithdraw()) granted++;
  return granted;
}

function depositMany(budget: RetryBudget, calls: number): void {
  for (let call = 0; call < calls; call++) budget.deposit();
}

describe('createRetryBudget', () => {
  it('grants its reserve to a client without calls: 10 per second over 10 s by default', () => {
    const budget = createRetryBudget({ clock: createVirtualClock() });
    expect([budget.balance, drain(budget), budget.balance]).toEqual([100, 100, 0]);
  });

  it('grants its ratio of the calls on top, 0.2 by default', () => {
    const budget = createRetryBudget({ minRetriesPerSecond: 0, clock: createVirtualClock() });
    depositMany(budget, 4);
    expect(budget.tryWithdraw()).toBe(false);
    budget.deposit();
    expect([budget.balance, drain(budget)]).toEqual([1, 1]);
    depositMany(budget, 100);
    expect(drain(budget)).toBe(20);
  });

  it('rounds a product down, but not for a hair that arithmetic with fractions loses', () => {
    for (const [ratio, calls, granted] of [
      [0.1, 30, 3],
      [0.7, 10, 7],
      [0.29, 100, 29],
      [0.3, 3, 0],
      [1.5, 3, 4],
    ] as const) {
      const budget = createRetryBudget({ ratio, minRetriesPerSecond: 0, clock: createVirtualClock() });
      depositMany(budget, calls);
      expect([budget.balance, drain(budget)]).toEqual([granted, granted]);
    }
  });

  it('forgets deposits and withdrawals when their bucket of a tenth of the ttl has left the window', async () => {
    const clock = createVirtualClock();
    const budget = createRetryBudget({ ttlMs: 1000, ratio: 1, minRetriesPerSecond: 3, clock });
    depositMany(budget, 5);
    expect(drain(budget)).toBe(8);
    await clock.advance(999);
    expect(budget.balance).toBe(0);
    await clock.advance(1);
    expect([budget.balance, drain(budget)]).toEqual([3, 3]);
  });

  it('forgets bucket by bucket', async () => {
    const clock = createVirtualClock();
    const budget = createRetryBudget({ ttlMs: 1000, ratio: 1, minRetriesPerSecond: 0, clock });
    for (let bucket = 0; bucket < 15; bucket++) {
      budget.deposit();
      await clock.advance(100);
      expect(budget.balance).toBe(Math.min(bucket + 1, 9));
    }
  });

  it('has its exact balance after any idle time', async () => {
    const clock = createVirtualClock();
    const budget = createRetryBudget({ ttlMs: 1000, ratio: 1, minRetriesPerSecond: 2, clock });
    depositMany(budget, 7);
    drain(budget);
    await clock.advance(3_600_000);
    expect(budget.balance).toBe(2);
    depositMany(budget, 3);
    expect(drain(budget)).toBe(5);
  });

  it('gives nothing back and takes nothing away when the clock is set back', async () => {
    const clock = createVirtualClock({ nowMs: 100_000 });
    const budget = createRetryBudget({ ttlMs: 1000, ratio: 1, minRetriesPerSecond: 1, clock });
    depositMany(budget, 2);
    clock.setNow(5);
    expect([budget.balance, drain(budget), budget.balance]).toEqual([3, 3, 0]);
    clock.setNow(100_500);
    expect(budget.balance).toBe(0);
    clock.setNow(101_000);
    expect(budget.balance).toBe(1);
  });

  it('works with a clock that starts below 0 or stands at 0', async () => {
    for (const nowMs of [-12_345, 0]) {
      const clock = createVirtualClock({ nowMs });
      const budget = createRetryBudget({ ttlMs: 1000, ratio: 1, minRetriesPerSecond: 0, clock });
      depositMany(budget, 3);
      expect(drain(budget)).toBe(3);
      await clock.advance(2000);
      expect(budget.balance).toBe(0);
    }
  });

  it('does not look at results', () => {
    const budget = createRetryBudget({ ratio: 0.5, minRetriesPerSecond: 0, clock: createVirtualClock() });
    depositMany(budget, 4);
    for (const ok of [true, false, false]) budget.record(ok);
    expect(budget.balance).toBe(2);
  });

  it('uses the clock of the system by default', () => {
    expect(drain(createRetryBudget({ ttlMs: 60_000, minRetriesPerSecond: 1 }))).toBe(60);
  });
});

describe('createTokenThrottle', () => {
  it('allows retries while more than half of the tokens are there, 10 by default', () => {
    const throttle = createTokenThrottle();
    const allowed = [0, 1, 2, 3, 4, 5].map(() => {
      const isAllowed = throttle.tryWithdraw();
      throttle.record(false);
      return isAllowed;
    });
    expect(allowed).toEqual([true, true, true, true, true, false]);
  });

  it('takes a token per failure and gives a tenth back per success', () => {
    const throttle = createTokenThrottle();
    expect(throttle.balance).toBe(5);
    for (let k = 0; k < 5; k++) throttle.record(false);
    expect([throttle.balance, throttle.tryWithdraw()]).toEqual([0, false]);
    throttle.record(true);
    expect([throttle.balance, throttle.tryWithdraw()]).toEqual([1, true]);
    throttle.record(false);
    expect(throttle.tryWithdraw()).toBe(false);
  });

  it('holds between no tokens and all of them', () => {
    const throttle = createTokenThrottle({ maxTokens: 4, tokenRatio: 1 });
    for (let k = 0; k < 100; k++) throttle.record(true);
    expect(throttle.balance).toBe(2);
    for (let k = 0; k < 100; k++) throttle.record(false);
    expect(throttle.balance).toBe(0);
    throttle.record(true);
    throttle.record(true);
    expect(throttle.tryWithdraw()).toBe(false);
    throttle.record(true);
    expect([throttle.tryWithdraw(), throttle.balance]).toEqual([true, 1]);
  });

  it('does not count calls or withdrawals', () => {
    const throttle = createTokenThrottle({ maxTokens: 2 });
    depositMany(throttle, 10);
    for (let k = 0; k < 10; k++) expect(throttle.tryWithdraw()).toBe(true);
    expect(throttle.balance).toBe(1);
  });
});

describe('a budget in retry', () => {
  it('an empty budget lets the real error through', async () => {
    const clock = createVirtualClock();
    const budget = createRetryBudget({ ratio: 0, minRetriesPerSecond: 0.1, clock });
    const events: RetryEvent[] = [];
    const policy = retry({ backoff: () => 0, budget, onEvent: (event) => events.push(event) });
    await expect(policy.run(always)).rejects.toBe(failure);
    expect(events).toEqual([
      { type: 'retry', attempt: 1, delayMs: 0, error: failure },
      { type: 'give-up', attempt: 2, error: failure, reason: 'budget' },
    ]);
  });

  it('is told of the call once and of every attempt, and is asked once for each retry', async () => {
    const told: string[] = [];
    const budget: RetryBudget = {
      deposit: () => void told.push('deposit'),
      record: (ok) => void told.push(`record ${ok}`),
      tryWithdraw: () => told.push('withdraw') > 0,
      balance: 1,
    };
    await retry({ maxAttempts: 3, backoff: () => 0, budget }).run(failingWith([1], 'value'));
    expect(told.splice(0)).toEqual(['deposit', 'record false', 'withdraw', 'record true']);
    await retry({ maxAttempts: 1, budget }).runOutcome(always);
    expect(told.splice(0)).toEqual(['deposit', 'record false']);
    await retry({ budget, isRetryable: () => false }).runOutcome(always);
    expect(told.splice(0)).toEqual(['deposit']);
    await retry({ budget, retryAfterMs: () => 70_000 }).runOutcome(always);
    expect(told.splice(0)).toEqual(['deposit', 'record false']);
  });

  it('is shared by the policies that hold it', async () => {
    const budget = createRetryBudget({ ratio: 0, minRetriesPerSecond: 0.3, clock: createVirtualClock() });
    let calls = 0;
    const count = (): never => {
      calls++;
      throw failure;
    };
    for (let k = 0; k < 3; k++) await retry({ maxAttempts: 9, backoff: () => 0, budget }).runOutcome(count);
    expect(calls).toBe(3 + 3);
  });

  it('bounds the load of an outage to its share', async () => {
    const clock = createVirtualClock();
    const budget = createRetryBudget({ ratio: 0.2, minRetriesPerSecond: 0, clock });
    const policy = retry({ maxAttempts: 4, backoff: () => 0, budget });
    let calls = 0;
    for (let k = 0; k < 1000; k++) {
      await policy.runOutcome(() => {
        calls++;
        throw failure;
      });
    }
    expect(calls).toBe(1200);
  });

  it('lets the token throttle stop retries in an outage and allow them after it', async () => {
    const policy = retry({ maxAttempts: 2, backoff: () => 0, budget: createTokenThrottle({ tokenRatio: 1 }) });
    const outage = failingWith(Array(100).fill(failure), 'value');
    for (let k = 0; k < 10; k++) await policy.runOutcome(outage);
    // 10 tokens: attempts 1 to 4 leave more than half, the fifth leaves half of them.
    expect(outage.calls).toBe(12);
    for (let k = 0; k < 10; k++) await policy.run(() => 'value');
    expect(await policy.run(failingWith([failure], 'value'))).toBe('value');
  });
});

describe('a budget of the user that throws', () => {
  const broken: RetryBudget = {
    deposit() {
      throw 'deposit';
    },
    record(ok) {
      throw `record ${ok}`;
    },
    tryWithdraw() {
      throw 'withdraw';
    },
    balance: 0,
  };

  it('is reported, and a retry is not granted', async () => {
    const reports = collectReports();
    const operation = failingWith([failure], 'value');
    await expect(retry({ backoff: () => 0, budget: broken }).run(operation)).rejects.toBe(failure);
    expect(await retry({ budget: broken }).run(() => 'value')).toBe('value');
    expect(operation.calls).toBe(1);
    expect(reports).toEqual(['deposit', 'record false', 'withdraw', 'deposit', 'record true']);
  });

  it('is reported, and a hedge is not granted', async () => {
    const reports = collectReports();
    const clock = createVirtualClock();
    let calls = 0;
    const call = hedge({ delayMs: 10, budget: broken, clock }).run(async () => {
      calls++;
      await sleep(clock, 50);
      return 'slow';
    });
    await clock.advance(50);
    expect([await call, calls, clock.pendingTimers]).toEqual(['slow', 1, 0]);
    expect(reports).toEqual(['deposit', 'withdraw', 'record true']);
    await expect(hedge({ delayMs: 10, budget: broken, clock }).run(always)).rejects.toBe(failure);
    expect(reports.slice(3)).toEqual(['deposit', 'record false', 'withdraw']);
  });
});
