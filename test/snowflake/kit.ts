import fc from 'fast-check';
import type { Clock, SnowflakeLayout } from '../../src/snowflake/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

/** 2026-01-01, where virtual clocks start. */
export const START_MS = 1_767_225_600_000;

/** Room for 4 ids of each of 4 workers in a millisecond, so that ticks are soon full. */
export const tinyLayout: SnowflakeLayout = { timestampBits: 41, workerBits: 2, sequenceBits: 2, epochMs: 0 };

/** Long ticks and up to 38 bits below them, more than half an id. */
const wideLayout: fc.Arbitrary<SnowflakeLayout> = fc.record({
  timestampBits: fc.constant(26),
  workerBits: fc.integer({ min: 12, max: 26 }),
  sequenceBits: fc.integer({ min: 0, max: 12 }),
  epochMs: fc.constantFrom(0, 1_577_836_800_000),
  tickMs: fc.constant(600_000),
  fieldOrder: fc.constantFrom('worker-sequence' as const, 'sequence-worker' as const),
});

const narrowLayout: fc.Arbitrary<SnowflakeLayout> = fc
  .record({
    timestampBits: fc.integer({ min: 42, max: 48 }),
    workerBits: fc.integer({ min: 0, max: 26 }),
    sequenceBits: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 26 })),
    epochMs: fc.constantFrom(0, 1_288_834_974_657, 1_577_836_800_000),
    tickMs: fc.constantFrom(1, 1, 1, 10, 30),
    fieldOrder: fc.constantFrom('worker-sequence' as const, 'sequence-worker' as const),
  })
  .filter(({ timestampBits, workerBits, sequenceBits }) => timestampBits + workerBits + sequenceBits <= 64);

/** Every layout there can be, with few bits of sequence more often than not. */
export const anyLayout: fc.Arbitrary<SnowflakeLayout> = fc.oneof(
  { arbitrary: narrowLayout, weight: 3 },
  { arbitrary: wideLayout, weight: 1 },
);

/** A clock that gives these readings one after the other, and counts how often it was asked. */
export function readingClock(readings: Iterable<number>): Clock & { readonly reads: number } {
  const rest = readings[Symbol.iterator]();
  const clock = createVirtualClock();
  let reads = 0;
  return {
    ...clock,
    now: () => clock.now(),
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
    clearTimeout: (timer) => clock.clearTimeout(timer),
    get reads() {
      return reads;
    },
    epochMs() {
      reads++;
      const { done, value } = rest.next();
      if (done) throw new Error('the clock was read too often');
      return value as number;
    },
  };
}

/** What `fn` throws, or what it answers. */
export function attempt<T>(fn: () => T): T | Error {
  try {
    return fn();
  } catch (error) {
    return error as Error;
  }
}
