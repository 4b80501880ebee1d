import { describe, expect, it, vi } from 'vitest';
import type { SnowflakeLayout } from '../../src/snowflake/index.ts';
import {
  createSnowflake,
  mastodonLayout,
  safeNumberLayout,
  snowflakeCodec,
  SnowflakeExhaustedError,
  SnowflakeLeadError,
} from '../../src/snowflake/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { attempt, readingClock, START_MS, tinyLayout } from './kit.ts';

const codec = snowflakeCodec(tinyLayout);

/** Times since START_MS and sequences of the next ids. */
const placesOf = (ids: readonly bigint[]): string[] =>
  ids.map((id) => {
    const { timestampMs, sequence } = codec.decode(id);
    return `${timestampMs - START_MS}.${sequence}`;
  });

describe('next', () => {
  it('holds exactly 2^sequenceBits ids in a tick before it borrows the next, and carries the clock again when that has caught up', () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 3, layout: tinyLayout, clock });
    const take = (count: number): string[] => placesOf(Array.from({ length: count }, () => ids.next()));
    expect(take(6)).toEqual(['1.0', '1.1', '1.2', '1.3', '2.0', '2.1']);
    clock.stall(1);
    expect(take(1)).toEqual(['2.2']);
    clock.stall(4);
    expect(take(5)).toEqual(['5.0', '5.1', '5.2', '5.3', '6.0']);
  });

  it('works on a clock that stands still, at 0 and in a frozen test', () => {
    const frozen = createSnowflake({
      worker: 0,
      layout: { ...tinyLayout, sequenceBits: 12 },
      clock: createVirtualClock({ epochMs: 0 }),
    });
    const ids = Array.from({ length: 20_000 }, () => frozen.next());
    expect(new Set(ids).size).toBe(20_000);
    expect([ids[0], ids.at(-1)]).toEqual([1n << 14n, (5n << 14n) + 3615n]);
  });

  // Clocks on which packages that mask the sequence, reset it, or go by the old time issue one id twice.
  it.each([
    ['stands still for 10 000 ids', (read: number) => Math.floor(read / 10_000)],
    ['is set back 5 ms, once', (read: number) => Math.floor(read / 50) - (read < 10_000 ? 0 : 5)],
    ['is set back 2 ms at every 400th id', (read: number) => Math.floor(read / 50) - 2 * Math.floor(read / 400)],
    ['leaps an hour and comes back', (read: number) => read / 50 + (read > 5000 && read < 5100 ? 3.6e6 : 0)],
  ])('repeats nothing on a clock that %s', (_, msAt) => {
    const readings = Array.from({ length: 20_000 }, (__, read) => START_MS + msAt(read));
    const ids = createSnowflake({ worker: 5, maxLeadMs: 1e7, clock: readingClock(readings) });
    expect(new Set(readings.map(() => ids.next())).size).toBe(20_000);
  });

  it('throws for ever past the last tick and never wraps', () => {
    const layout: SnowflakeLayout = { timestampBits: 3, workerBits: 1, sequenceBits: 1, epochMs: START_MS };
    const clock = createVirtualClock({ epochMs: START_MS + 5 });
    const ids = createSnowflake({ worker: 1, layout, clock });
    expect([ids.next(), ids.next(), ids.next(), ids.next()]).toEqual([26n, 27n, 30n, 31n]);
    for (const ms of [START_MS + 7, START_MS + 8, START_MS + 1e9, START_MS, START_MS + 7]) {
      clock.setEpoch(ms);
      expect(() => ids.next()).toThrow(SnowflakeExhaustedError);
      expect(() => ids.nextString()).toThrow(SnowflakeExhaustedError);
      expect(() => ids.fill(new BigUint64Array(1))).toThrow(SnowflakeExhaustedError);
    }
  });

  it('uses all 64 bits of a layout that has them', () => {
    const clock = createVirtualClock({ epochMs: 2 ** 48 - 2 });
    const ids = createSnowflake({ worker: 0, layout: mastodonLayout, clock });
    expect([ids.next(), ids.nextString()]).toEqual([2n ** 64n - 65_536n, String(2n ** 64n - 65_535n)]);
    expect(ids.nextBatch(65_534).at(-1)).toBe(2n ** 64n - 1n);
    expect(() => ids.next()).toThrow(SnowflakeExhaustedError);
  });

  it('goes on after a leap of the clock past the last tick, from where it was', () => {
    const layout: SnowflakeLayout = { timestampBits: 3, workerBits: 0, sequenceBits: 1, epochMs: START_MS };
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 0, layout, clock });
    expect(ids.next()).toBe(2n);
    clock.setEpoch(START_MS + 8);
    expect(() => ids.next()).toThrow(SnowflakeExhaustedError);
    clock.setEpoch(START_MS + 2);
    expect(ids.next()).toBe(4n);
  });

  it.each([NaN, Infinity, -Infinity, '1', undefined])(
    'throws when the clock reads %s, and changes nothing',
    (reading) => {
      const ids = createSnowflake({
        worker: 0,
        layout: tinyLayout,
        clock: readingClock([START_MS, reading as number, START_MS]),
      });
      const first = ids.next();
      expect(() => ids.next()).toThrow(/clock.epochMs\(\) must be a finite number/);
      expect(ids.next()).toBe(first + 1n);
    },
  );

  it('refuses every id after the clock was set back when `maxLeadMs` is 0, until the clock has caught up', () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 0, layout: tinyLayout, maxLeadMs: 0, clock });
    ids.next();
    clock.stall(2);
    ids.next();
    clock.setEpoch(START_MS - 1000);
    const error = attempt(() => ids.next()) as SnowflakeLeadError;
    expect([error.code, error.name, error.retryAfterMs]).toEqual(['ERR_SNOWFLAKE_LEAD', 'SnowflakeLeadError', 1002]);
    clock.stall(1001);
    expect(() => ids.next()).toThrow(SnowflakeLeadError);
    clock.stall(1);
    expect(placesOf([ids.next()])).toEqual(['2.1']);
  });

  it('refuses ids before the epoch of its layout, and says how long', () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 0, layout: { ...tinyLayout, epochMs: START_MS + 60_000 }, clock });
    expect(attempt(() => ids.next())).toMatchObject({ retryAfterMs: 55_000 });
    clock.stall(60_000);
    // The first of all: no generator can have been in the tick of the epoch before.
    expect(ids.next()).toBe(0n);
  });

  it('looks the clock of the runtime up at each call, and not while it is made', () => {
    vi.useFakeTimers({ now: START_MS });
    try {
      const ids = createSnowflake({ worker: 0, layout: tinyLayout });
      vi.setSystemTime(START_MS + 10);
      expect(placesOf([ids.next()])).toEqual(['11.0']);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('nextString and nextNumber', () => {
  it('write the same ids as `next`, digit for digit, over every carry', () => {
    for (const layout of [safeNumberLayout, { ...safeNumberLayout, timestampBits: 42, sequenceBits: 11 }, undefined]) {
      const options = { worker: 5, ...(layout && { layout }), maxLeadMs: 1e6 };
      const [a, b] = [1, 2].map(() =>
        createSnowflake({ ...options, clock: createVirtualClock({ epochMs: START_MS }) }),
      );
      for (let k = 0; k < 10_000; k++) expect(b!.nextString()).toBe(String(a!.next()));
    }
  });

  it('write short ids, near the epoch, without leading zeros', () => {
    const clock = createVirtualClock({ epochMs: 0 });
    const ids = createSnowflake({ worker: 0, layout: { ...tinyLayout, workerBits: 0, sequenceBits: 9 }, clock });
    const texts = Array.from({ length: 1200 }, () => ids.nextString());
    expect(texts).toEqual(Array.from({ length: 1200 }, (_, k) => String(512 + k)));
  });

  it('refuse a number for a layout of more than 53 bits, and take no id for it', () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 5, clock });
    expect(() => ids.nextNumber()).toThrow(
      'bits of the layout must be an integer of at least 1 and at most 53, got 63',
    );
    const safe = createSnowflake({ worker: 5, layout: safeNumberLayout, clock });
    expect(BigInt(safe.nextNumber()) + 1n).toBe(safe.next());
  });
});

describe('nextBatch and fill', () => {
  it('take all of a batch or nothing', () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 0, layout: tinyLayout, maxLeadMs: 9, clock });
    clock.stall(0);
    const first = ids.next();
    const target = new BigUint64Array(40).fill(7n);
    expect(() => ids.fill(target)).toThrow(SnowflakeLeadError);
    expect(new Set(target)).toEqual(new Set([7n]));
    expect(() => ids.nextBatch(40)).toThrow(SnowflakeLeadError);
    expect(ids.next()).toBe(first + 1n);
    clock.stall(1);
    expect(ids.nextBatch(36)).toHaveLength(36);
  });

  it('refuse a count that never fits into `maxLeadMs`, or is none', () => {
    const ids = createSnowflake({ worker: 0, layout: tinyLayout, maxLeadMs: 9, clock: createVirtualClock() });
    expect(() => ids.nextBatch(41)).toThrow('count must be an integer of at least 0 and at most 40, got 41');
    expect(() => ids.fill(new BigUint64Array(41))).toThrow(RangeError);
    for (const count of [-1, 1.5, NaN, '3']) expect(() => ids.nextBatch(count as number)).toThrow(/count must be/);
    expect([ids.nextBatch(0), ids.fill(new BigUint64Array(0)).length]).toEqual([[], 0]);
  });

  it('fill the part of a buffer that the array shows, and nothing beside it', () => {
    const all = new BigUint64Array(6);
    const ids = createSnowflake({ worker: 0, layout: tinyLayout, clock: createVirtualClock() });
    expect(ids.fill(all.subarray(2, 5))).toHaveLength(3);
    expect([...all].map((id) => id > 0n)).toEqual([false, false, true, true, true, false]);
  });
});

describe('nextAsync', () => {
  it('waits exactly as long as an id would lead the clock too far', async () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 0, layout: tinyLayout, maxLeadMs: 0, clock });
    expect(placesOf([...ids.nextBatch(4)])).toEqual(['1.0', '1.1', '1.2', '1.3']);
    const id = ids.nextAsync();
    await clock.advance(1);
    expect(clock.nextTimerMs).toBe(1);
    await clock.advance(1);
    expect(placesOf([await id])).toEqual(['2.0']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits longer than a timer of the runtime can', async () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const layout = { ...tinyLayout, epochMs: START_MS + 2 ** 32 };
    const ids = createSnowflake({ worker: 0, layout, maxLeadMs: 0, clock });
    const id = ids.nextAsync();
    await clock.advance(0);
    clock.stall(2 ** 32 - 1500);
    await clock.advance(1499);
    expect(clock.nextTimerMs).toBe(1);
    await clock.advance(1);
    expect(await id).toBe(0n);
  });

  it('notices within a second that the clock was set right', async () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 0, layout: tinyLayout, clock });
    ids.next();
    clock.setEpoch(START_MS - 3_600_000);
    const id = ids.nextAsync();
    await clock.advance(10_500);
    clock.setEpoch(START_MS + 10_500);
    await clock.advance(500);
    expect(placesOf([await id])).toEqual(['11000.0']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('goes on waiting when the clock is set back meanwhile', async () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 0, layout: tinyLayout, maxLeadMs: 0, clock });
    ids.nextBatch(4);
    const id = ids.nextAsync();
    await clock.advance(1);
    clock.setEpoch(START_MS - 100);
    await clock.advance(102);
    expect(placesOf([await id])).toEqual(['2.0']);
  });

  it('rejects with the reason of its signal, at once, and leaves no timer and no listener', async () => {
    const clock = createVirtualClock({ epochMs: START_MS });
    const ids = createSnowflake({ worker: 0, layout: tinyLayout, maxLeadMs: 0, clock });
    ids.nextBatch(4);
    const counting = countingSignal();
    const waiting = ids.nextAsync({ signal: counting.signal });
    await clock.advance(0);
    expect([clock.pendingTimers, counting.listeners]).toEqual([1, 1]);
    const reason = new Error('enough');
    counting.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(ids.nextAsync({ signal: counting.signal })).rejects.toBe(reason);
    expect([clock.pendingTimers, counting.listeners, counting.peak]).toEqual([0, 0, 1]);
    await clock.advance(5);
    expect(placesOf([await ids.nextAsync()])).toEqual(['5.0']);
  });

  it('rejects with what waiting does not mend', async () => {
    const layout: SnowflakeLayout = { timestampBits: 3, workerBits: 0, sequenceBits: 1, epochMs: START_MS };
    const ids = createSnowflake({ worker: 0, layout, clock: createVirtualClock({ epochMs: START_MS + 100 }) });
    await expect(ids.nextAsync()).rejects.toThrow(SnowflakeExhaustedError);
  });
});
