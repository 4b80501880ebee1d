import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRateQueue, fixedWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { anyPolicies } from './queue-kit.ts';

it('late timers, stalls and aborts never let more through than the policy does, nor anybody pass another', async () => {
  const action = fc.oneof(
    fc.record({ do: fc.constant('join' as const), cost: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant('abort' as const), at: fc.nat(20) }),
    fc.record({ do: fc.constantFrom('advance' as const, 'stall' as const), ms: fc.nat(60) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 4, max: 8 }),
      fc.array(action, { maxLength: 40 }),
      async (limit, periodMs, burst, actions) => {
        const clock = createVirtualClock();
        const queue = createRateQueue(tokenBucket({ limit, periodMs, burst }), { clock });
        const grants: { readonly id: number; readonly atMs: number; readonly cost: number }[] = [];
        const callers: ReturnType<typeof countingSignal>[] = [];
        for (const one of actions) {
          if (one.do === 'join') {
            const id = callers.length;
            const caller = (callers[id] = countingSignal());
            queue.acquire({ cost: one.cost, signal: caller.signal }).then(
              () => grants.push({ id, atMs: clock.now(), cost: one.cost }),
              () => {},
            );
          } else if (one.do === 'abort') callers[one.at]?.abort();
          else await (one.do === 'stall' ? clock.stall(one.ms) : clock.advance(one.ms));
          // Grants are noted before the time goes on.
          await flush();
        }
        await clock.advance(100_000);
        expect(queue.size).toBe(0);
        expect(grants.map(({ id }) => id)).toEqual(grants.map(({ id }) => id).sort((a, b) => a - b));
        for (const [from, first] of grants.entries()) {
          let units = 0;
          for (const { atMs, cost } of grants.slice(from)) {
            units += cost;
            expect(units).toBeLessThanOrEqual(burst + Math.floor((limit * (atMs - first.atMs)) / periodMs));
          }
        }
        expect(callers.every(({ listeners }) => listeners === 0) && clock.pendingTimers === 0).toBe(true);
      },
    ),
  );
});

it('whatever is awaited when it aborts, the caller gets the reason or its turn, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }), async (s, aborts) => {
      const clock = createVirtualClock();
      const queue = createRateQueue(tokenBucket({ limit: 1, periodMs: 5, burst: 1 }), { clock });
      let started = 0;
      const callers = aborts.map(() => countingSignal());
      const calls = callers.map(({ signal }) => queue.run(() => void started++, { signal }));
      const outcomes = calls.map((call) => outcomeOf(call.catch((error: unknown) => error)));
      for (const [at, isAborted] of aborts.entries()) {
        if (isAborted) void s.schedule(Promise.resolve()).then(() => callers[at]!.abort(`abort ${at}`));
        void s.schedule(Promise.resolve()).then(() => clock.advance(5));
      }
      await s.waitAll();
      await clock.advance(100);
      let gone = 0;
      for (const [at, call] of calls.entries()) {
        const isGone = await call.then(
          () => false,
          (error: unknown) => error === `abort ${at}`,
        );
        if (isGone) gone++;
      }
      await Promise.all(outcomes);
      expect([started + gone, queue.size, clock.pendingTimers]).toEqual([aborts.length, 0, 0]);
      expect(callers.every(({ listeners }) => listeners === 0)).toBe(true);
    }),
  );
});

/** Has calls come, each so many milliseconds after the one before, and answers how long each waits. */
async function waitsOf(
  policies: readonly RateLimitPolicy[],
  calls: readonly { readonly cost: number; readonly afterMs: number }[],
  known?: readonly number[],
): Promise<readonly number[]> {
  const clock = createVirtualClock({ epochMs: 5 });
  const queue = createRateQueue(policies, { clock });
  const waits: number[] = [];
  for (const [at, { cost, afterMs }] of calls.entries()) {
    await clock.advance(afterMs);
    const fromMs = clock.now();
    const go = (): void => void (waits[at] = clock.now() - fromMs);
    if (known?.[at]) await expect(queue.acquire({ cost, maxWaitMs: known[at] - 1 })).rejects.toThrow(/wait more than/);
    void queue.acquire({ cost, maxWaitMs: known?.[at] }).then(go);
  }
  await clock.advance(10_000);
  return waits;
}

it('a wait is known to the millisecond, and to ask about it changes none, windows of Unix time included', async () => {
  const epoch = (limit: number, windowMs: number): RateLimitPolicy => fixedWindow({ limit, windowMs, align: 'epoch' });
  const policies = fc.oneof(
    anyPolicies(),
    fc.constantFrom([epoch(3, 8)], [epoch(3, 13), tokenBucket({ limit: 2, periodMs: 7, burst: 3, initial: 0 })]),
  );
  const call = fc.record({ cost: fc.integer({ min: 0, max: 3 }), afterMs: fc.integer({ min: 0, max: 9 }) });
  await fc.assert(
    fc.asyncProperty(policies, fc.array(call, { minLength: 1, maxLength: 12 }), async (rules, calls) => {
      const waits = await waitsOf(rules, calls);
      expect(waits).toHaveLength(calls.length);
      expect(await waitsOf(rules, calls, waits)).toEqual(waits);
    }),
  );
});
