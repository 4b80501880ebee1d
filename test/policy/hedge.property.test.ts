import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hedge } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { sleep } from './kit.ts';

const plan = fc.array(fc.record({ ms: fc.nat({ max: 60 }), isOk: fc.boolean() }), { minLength: 6, maxLength: 6 });

it('a hedge starts at most 1 + maxHedges attempts, one per delay', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 40 }),
      plan,
      async (maxHedges, delayMs, attempts) => {
        const clock = createVirtualClock();
        const startsMs: number[] = [];
        const failuresMs: number[] = [];
        const outcome = hedge({ delayMs, maxHedges, clock }).runOutcome(async ({ attempt }) => {
          startsMs.push(clock.now());
          const { ms, isOk } = attempts[attempt - 1]!;
          await sleep(clock, ms);
          if (isOk) return attempt;
          failuresMs.push(clock.now());
          throw attempt;
        });
        await clock.advance(1000);
        const { ok } = await outcome;
        expect(startsMs.length).toBeLessThanOrEqual(1 + maxHedges);
        for (let at = 1; at < startsMs.length; at++) {
          const gapMs = startsMs[at]! - startsMs[at - 1]!;
          expect(gapMs === delayMs || failuresMs.includes(startsMs[at]!)).toBe(true);
          expect(gapMs).toBeLessThanOrEqual(delayMs);
        }
        if (!ok) expect([startsMs.length, failuresMs.length]).toEqual([1 + maxHedges, 1 + maxHedges]);
        expect(clock.pendingTimers).toBe(0);
      },
    ),
  );
});

it('a hedged call answers with the attempt that succeeds first', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 100 }), { minLength: 4, maxLength: 4 }), async (durationsMs) => {
      const clock = createVirtualClock();
      const call = hedge({ delayMs: 10, maxHedges: 3, clock }).run(async ({ attempt }) => {
        await sleep(clock, durationsMs[attempt - 1]!);
        return [attempt, clock.now()] as const;
      });
      await clock.advance(1000);
      const [, endMs] = await call;
      expect(endMs).toBe(Math.min(...durationsMs.map((ms, at) => at * 10 + ms)));
    }),
  );
});
