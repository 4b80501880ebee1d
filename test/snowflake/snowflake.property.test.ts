import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SnowflakeLayout } from '../../src/snowflake/index.ts';
import { createSnowflake, snowflakeCodec, SnowflakeLeadError } from '../../src/snowflake/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { anyLayout, attempt, readingClock, START_MS, tinyLayout } from './kit.ts';

/** Readings that stop, run, leap and step back by any amount. */
const anyReadings: fc.Arbitrary<number[]> = fc
  .array(
    fc.oneof(
      fc.constant(0),
      fc.constant(0),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: -50, max: 50 }),
      fc.integer({ min: -1e11, max: 1e11 }),
      fc.double({ min: -5, max: 5, noNaN: true }),
    ),
    { minLength: 1, maxLength: 60 },
  )
  .map((steps) => steps.map((_, k) => START_MS + steps.slice(0, k + 1).reduce((sum, step) => sum + step, 0)));

const anyWorker = (layout: SnowflakeLayout): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: 2 ** layout.workerBits - 1 });

const anyGenerator = anyLayout.chain((layout) =>
  fc.record({
    layout: fc.constant(layout),
    worker: anyWorker(layout),
    maxLeadMs: fc.constantFrom(0, 1, 7, 5000, 1e12),
    readings: anyReadings,
  }),
);

describe('next', () => {
  it('issues ids that strictly increase, for every sequence of clock readings', () => {
    fc.assert(
      fc.property(anyGenerator, ({ layout, worker, readings, maxLeadMs }) => {
        const ids = createSnowflake({ worker, layout, maxLeadMs, clock: readingClock(readings) });
        let last = -1n;
        for (const _ of readings) {
          const id = attempt(() => ids.next());
          if (id instanceof Error) continue;
          expect(id).toBeGreaterThan(last);
          expect(snowflakeCodec(layout).decode(id).workerId).toBe(worker);
          last = id;
        }
      }),
    );
  });

  it('keeps the time in an id within `maxLeadMs` of the clock, one tick more in the tick of its first reading', () => {
    fc.assert(
      fc.property(anyGenerator, ({ layout, worker, maxLeadMs, readings }) => {
        const ids = createSnowflake({ worker, layout, maxLeadMs, clock: readingClock(readings) });
        const { tickMs = 1, epochMs } = layout;
        const tickOf = (ms: number): number => Math.floor((ms - epochMs) / tickMs);
        for (const reading of readings) {
          const id = attempt(() => ids.next());
          if (id instanceof Error) continue;
          const isBirth = tickOf(reading) === tickOf(readings[0]!);
          const leadMs = snowflakeCodec(layout).timestampMs(id) - reading;
          expect(leadMs).toBeLessThanOrEqual(isBirth ? maxLeadMs + tickMs : maxLeadMs);
        }
      }),
    );
  });

  it('throws the exact wait instead, changes nothing, and succeeds after that wait', () => {
    fc.assert(
      fc.property(
        anyLayout,
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 1e9 }),
        fc.integer({ min: 1, max: 40 }),
        (layout, maxLeadMs, backMs, count) => {
          const clock = createVirtualClock({ epochMs: START_MS });
          const ids = createSnowflake({ worker: 0, layout, maxLeadMs, clock });
          ids.next();
          const codec = snowflakeCodec(layout);
          // Well past the first reading, whose tick has its own rule.
          clock.setEpoch(START_MS + 1e10);
          ids.next();
          clock.setEpoch(START_MS + 1e10 - backMs);
          for (let k = 0; k < count; k++) {
            const last = ids.lastTimestampMs;
            const error = attempt(() => ids.next());
            if (!(error instanceof SnowflakeLeadError)) continue;
            expect(ids.lastTimestampMs).toBe(last);
            // A millisecond less is too early, where time is counted in milliseconds.
            clock.stall(error.retryAfterMs - 1);
            if (layout.tickMs === 1) expect(() => ids.next()).toThrow(SnowflakeLeadError);
            clock.stall(1);
            expect(codec.timestampMs(ids.next())).toBeGreaterThanOrEqual(last);
          }
        },
      ),
    );
  });

  it('reads the clock once for an id, a text, a number, a batch or a filled array', () => {
    const clock = readingClock(Array.from({ length: 5 }, () => START_MS));
    const ids = createSnowflake({ worker: 0, layout: { ...tinyLayout, epochMs: 1.7e12 }, clock });
    ids.next();
    ids.nextString();
    ids.nextNumber();
    ids.nextBatch(100);
    ids.fill(new BigUint64Array(100));
    expect(clock.reads).toBe(5);
  });
});

describe('restart', () => {
  it('issues nothing in the tick of its first reading, nor at or before `notBeforeMs`', () => {
    fc.assert(
      fc.property(
        anyLayout,
        fc.integer({ min: 0, max: 2e12 }),
        fc.integer({ min: -100, max: 100 }),
        (layout, sinceMs, aheadMs) => {
          const nowMs = layout.epochMs + sinceMs;
          const notBeforeMs = nowMs + aheadMs;
          const ids = createSnowflake({
            worker: 0,
            layout,
            notBeforeMs,
            clock: createVirtualClock({ epochMs: nowMs }),
          });
          const codec = snowflakeCodec(layout);
          const first = ids.next();
          expect(first).toBeGreaterThan(codec.maxId(nowMs));
          expect(first).toBeGreaterThan(codec.maxId(notBeforeMs));
          // And nothing is left out: it is the very first that may be.
          expect(first - 1n).toBe(codec.maxId(Math.max(nowMs, notBeforeMs, layout.epochMs)));
        },
      ),
    );
  });

  it('repeats no id when the generator before ended at any moment, with what it says in `lastTimestampMs`', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: 0, max: 30 })), { maxLength: 20 }),
        (lives) => {
          const clock = createVirtualClock({ epochMs: START_MS });
          const seen = new Set<bigint>();
          let notBeforeMs: number | undefined;
          let count = 0;
          for (const [stepMs, calls] of lives) {
            const ids = createSnowflake({ worker: 1, layout: tinyLayout, notBeforeMs, clock });
            for (let k = 0; k < calls; k++) seen.add(ids.next());
            count += calls;
            notBeforeMs = ids.lastTimestampMs;
            clock.setEpoch(clock.epochMs() + stepMs);
          }
          expect(seen.size).toBe(count);
        },
      ),
    );
  });
});
