import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRetryBudget, createTokenThrottle } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

type Step = { readonly kind: 'deposit' | 'withdraw'; readonly afterMs: number };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('deposit' as const, 'withdraw' as const, 'withdraw' as const),
  afterMs: fc.oneof(fc.constant(0), fc.nat({ max: 150 }), fc.nat({ max: 2500 })),
});

it('a retry budget grants at most its ratio of the calls plus its reserve in any window', () => {
  const options = fc.record({
    ratio: fc.constantFrom(0, 0.1, 0.2, 0.5, 1, 2.5),
    minRetriesPerSecond: fc.constantFrom(0, 1, 3, 10),
  });
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 300, size: 'max' }), ({ ratio, minRetriesPerSecond }, steps) => {
      const clock = createVirtualClock();
      const budget = createRetryBudget({ ttlMs: 1000, ratio, minRetriesPerSecond, clock });
      const deposits: number[] = [];
      const granted: number[] = [];
      const since = (times: readonly number[], ms: number): number =>
        times.filter((at) => at > clock.now() - ms).length;
      for (const { kind, afterMs } of steps) {
        clock.stall(afterMs);
        if (kind === 'deposit') {
          budget.deposit();
          deposits.push(clock.now());
          continue;
        }
        const isGranted = budget.tryWithdraw();
        if (isGranted) granted.push(clock.now());
        // One bucket of slack, a tenth of the ttl, on either side.
        const most = ratio * since(deposits, 1000) + minRetriesPerSecond + 1e-6;
        const least = ratio * since(deposits, 900) + minRetriesPerSecond - 1e-6;
        if (isGranted) expect(since(granted, 900)).toBeLessThanOrEqual(most);
        else expect(since(granted, 1000) + 1).toBeGreaterThan(least);
      }
    }),
  );
});

it('the balance of a retry budget is what it grants', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 0.2, 1), (steps, ratio) => {
      const clock = createVirtualClock();
      const budget = createRetryBudget({ ttlMs: 1000, ratio, minRetriesPerSecond: 2, clock });
      for (const { kind, afterMs } of steps) {
        clock.stall(afterMs);
        if (kind === 'deposit') budget.deposit();
        else budget.tryWithdraw();
      }
      const { balance } = budget;
      for (let k = 0; k < balance; k++) expect(budget.tryWithdraw()).toBe(true);
      expect(budget.tryWithdraw()).toBe(false);
      expect(budget.balance).toBe(0);
    }),
  );
});

it('a token throttle allows a retry exactly while more than half of its tokens are there', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.constantFrom(0.125, 0.5, 1, 4),
      fc.array(fc.boolean(), { maxLength: 300 }),
      (maxTokens, tokenRatio, results) => {
        const throttle = createTokenThrottle({ maxTokens, tokenRatio });
        let tokens = maxTokens;
        for (const ok of results) {
          throttle.record(ok);
          tokens = ok ? Math.min(maxTokens, tokens + tokenRatio) : Math.max(0, tokens - 1);
          expect(throttle.tryWithdraw()).toBe(tokens > maxTokens / 2);
          expect(throttle.balance > 0).toBe(tokens > maxTokens / 2);
        }
      },
    ),
  );
});
