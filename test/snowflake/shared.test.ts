import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SnowflakeLayout } from '../../src/snowflake/index.ts';
import {
  createSharedSnowflake,
  createSnowflake,
  mastodonLayout,
  safeNumberLayout,
  SnowflakeExhaustedError,
  SnowflakeLeadError,
} from '../../src/snowflake/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { anyLayout, attempt, readingClock, START_MS, tinyLayout } from './kit.ts';

const newBuffer = (): SharedArrayBuffer => new SharedArrayBuffer(24);

// Pages that are not isolated have no SharedArrayBuffer.
describe.skipIf(typeof SharedArrayBuffer === 'undefined')('createSharedSnowflake', () => {
  it('issues what an unshared generator would, whichever of its threads is asked', () => {
    const anyStep = fc.record({
      thread: fc.nat({ max: 2 }),
      count: fc.nat({ max: 9 }),
      moveMs: fc.integer({ min: -60, max: 60 }),
    });
    fc.assert(
      fc.property(anyLayout, fc.nat({ max: 30 }), fc.boolean(), fc.array(anyStep), (layout, moreMs, isNew, steps) => {
        const { tickMs = 1 } = layout;
        const maxLeadMs = 10 * tickMs + moreMs;
        // About the epoch of the layout, or long after it.
        const clock = createVirtualClock({ epochMs: isNew ? layout.epochMs : START_MS });
        const buffer = newBuffer();
        const options = { worker: 2 ** layout.workerBits - 1, layout, maxLeadMs, clock };
        const threads = [0, 1, 2].map(() => createSharedSnowflake(buffer, options));
        const alone = createSnowflake(options);
        for (const { thread, count, moveMs } of steps) {
          clock.setEpoch(clock.epochMs() + (moveMs % 2 ? moveMs : moveMs * tickMs));
          const shared = threads[thread]!;
          const actual = attempt(() =>
            count ? shared.nextBatch(count) : [BigInt(shared.nextString()), shared.next()],
          );
          const expected = attempt(() => (count ? alone.nextBatch(count) : [alone.next(), alone.next()]));
          expect(actual).toEqual(expected);
          if (Array.isArray(actual)) expect(threads[0]!.lastTimestampMs).toBe(alone.lastTimestampMs);
        }
      }),
    );
  });

  it('may start in any thread after a lead of 0, and throws the exact wait', () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSharedSnowflake(newBuffer(), { worker: 0, layout: tinyLayout, maxLeadMs: 0, clock });
    ids.nextBatch(4);
    expect(attempt(() => ids.next())).toMatchObject({ retryAfterMs: 2 });
    clock.stall(2);
    ids.next();
    expect(ids.lastTimestampMs).toBe(START_MS + 2);
    clock.setEpoch(START_MS - 98);
    expect(() => ids.next()).toThrow(SnowflakeLeadError);
  });

  it('throws when the clock reads no number, takes none for an empty batch, and starts at the epoch', () => {
    const clock = readingClock([NaN, START_MS, START_MS]);
    const layout = { ...tinyLayout, epochMs: START_MS };
    const ids = createSharedSnowflake(newBuffer(), { worker: 0, layout, clock });
    expect(ids.lastTimestampMs).toBe(START_MS - 1);
    expect(() => ids.next()).toThrow('clock.epochMs() must be a finite number, got NaN');
    expect([ids.nextBatch(0), ids.fill(new BigUint64Array(0)).length, clock.reads]).toEqual([[], 0, 1]);
    expect(ids.nextBatch(4)).toEqual([16n, 17n, 18n, 19n]);
    expect(ids.lastTimestampMs).toBe(START_MS + 1);
    expect(() => ids.nextBatch(20_005)).toThrow('count must be an integer of at least 0 and at most 20004, got 20005');
    expect(() => ids.fill(new BigUint64Array(20_005))).toThrow('count must be');
    const early = createVirtualClock({ epochMs: START_MS - 100 });
    const before = createSharedSnowflake(newBuffer(), { worker: 0, layout, clock: early });
    // As an unshared one: the tick of the epoch is free, and within the lead.
    expect(before.next()).toBe(createSnowflake({ worker: 0, layout, clock: early }).next());
  });

  it('waits in `nextAsync`, gives numbers where they fit, and starts after `notBeforeMs`', async () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const notBeforeMs = START_MS + 100;
    const ids = createSharedSnowflake(newBuffer(), {
      worker: 0,
      layout: safeNumberLayout,
      notBeforeMs,
      maxLeadMs: 50,
      clock,
    });
    expect(ids.lastTimestampMs).toBe(notBeforeMs);
    const waiting = ids.nextAsync();
    await clock.advance(51);
    expect(BigInt(ids.nextNumber())).toBe((await waiting) + 1n);
    expect(() => createSharedSnowflake(newBuffer(), { worker: 0, clock }).nextNumber()).toThrow(/bits of the layout/);
  });

  it('ends with its bits of time, all 64 of an id included, and never wraps', () => {
    const layout: SnowflakeLayout = { timestampBits: 3, workerBits: 1, sequenceBits: 1, epochMs: START_MS };
    const clock = createVirtualClock({ epochMs: START_MS + 6 });
    const ids = createSharedSnowflake(newBuffer(), { worker: 1, layout, clock });
    expect(ids.nextBatch(2)).toEqual([30n, 31n]);
    expect(() => ids.next()).toThrow(SnowflakeExhaustedError);
    const end = createVirtualClock({ epochMs: 2 ** 48 - 2 });
    const last = createSharedSnowflake(newBuffer(), { worker: 0, layout: mastodonLayout, clock: end });
    last.nextBatch(65_535);
    for (let k = 0; k < 3; k++) expect(() => last.next()).toThrow(SnowflakeExhaustedError);
  });

  it('refuses a buffer that is none, too small, or in use with another worker or layout', () => {
    const buffer = newBuffer();
    createSharedSnowflake(buffer, { worker: 1, layout: tinyLayout });
    createSharedSnowflake(buffer, { worker: 1, layout: tinyLayout });
    for (const options of [
      { worker: 2, layout: tinyLayout },
      { worker: 1 },
      { worker: 1, layout: { ...tinyLayout, epochMs: 1 } },
    ]) {
      expect(() => createSharedSnowflake(buffer, options)).toThrow(
        'buffer must be in use with the same worker and layout',
      );
    }
    for (const wrong of [new SharedArrayBuffer(16), new ArrayBuffer(24), undefined, {}]) {
      expect(() => createSharedSnowflake(wrong as never, { worker: 1 })).toThrow(
        'buffer must be a SharedArrayBuffer of 24 bytes',
      );
    }
  });
});
