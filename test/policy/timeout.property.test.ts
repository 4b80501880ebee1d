import fc from 'fast-check';
import { expect, it } from 'vitest';
import { timeout } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { sleep } from './kit.ts';

const call = fc.record({
  gapMs: fc.oneof(fc.constant(0), fc.nat({ max: 80 }), fc.double({ min: 0, max: 30, noNaN: true })),
  durationMs: fc.oneof(fc.nat({ max: 300 }), fc.constant(Infinity)),
  stallMs: fc.oneof(fc.constant(0), fc.nat({ max: 400 })),
});

it('a timeout never fires early, whatever its length', async () => {
  const limit = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.double({ min: 1, max: 200, noNaN: true }));
  await fc.assert(
    fc.asyncProperty(
      limit,
      fc.boolean(),
      fc.array(call, { minLength: 1, maxLength: 15 }),
      async (ms, lagGrace, calls) => {
        const clock = createVirtualClock();
        const policy = timeout({ ms, strategy: 'aggressive', lagGrace, clock });
        let checked = 0;
        for (const { gapMs, durationMs, stallMs } of calls) {
          await clock.advance(gapMs);
          const startMs = clock.now();
          void policy
            .runOutcome(() => (durationMs === Infinity ? new Promise(() => {}) : sleep(clock, durationMs)))
            .then(({ ok }) => {
              checked++;
              if (!ok) expect(clock.now() - startMs).toBeGreaterThanOrEqual(ms - 1e-9);
              if (durationMs === Infinity) expect(ok).toBe(false);
            });
          clock.stall(stallMs);
        }
        await clock.advance(1000);
        expect(checked).toBe(calls.length);
        expect(clock.pendingTimers).toBe(0);
      },
    ),
  );
});

it('without stalls a call times out at its limit to the millisecond, or answers before it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 200 }),
      fc.array(call, { minLength: 1, maxLength: 15 }),
      async (ms, calls) => {
        const clock = createVirtualClock();
        const policy = timeout({ ms, strategy: 'aggressive', clock });
        const ends: Promise<void>[] = [];
        for (const { gapMs, durationMs } of calls) {
          await clock.advance(Math.round(gapMs));
          const startMs = clock.now();
          const outcome = policy.runOutcome(() => sleep(clock, durationMs));
          ends.push(
            outcome.then(({ ok }) => {
              // A tie at the limit may go either way.
              if (durationMs !== ms) expect(ok).toBe(durationMs < ms);
              expect(clock.now() - startMs).toBe(Math.min(ms, durationMs));
            }),
          );
        }
        await clock.advance(1000);
        await Promise.all(ends);
      },
    ),
  );
});
