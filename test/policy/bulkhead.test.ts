import { describe, expect, it } from 'vitest';
import type { BulkheadEvent } from '../../src/policy/index.ts';
import { BulkheadRejectedError, createBulkhead, isRejection } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { collectReports, workload } from './kit.ts';

describe('slots', () => {
  it('are maxConcurrent; the next call is turned away when nothing may wait', async () => {
    const { started, gates, op } = workload();
    const slots = createBulkhead({ maxConcurrent: 2 });
    const calls = [slots.run(op(0)), slots.run(op(1))];
    await expect(slots.run(op(2))).rejects.toBeInstanceOf(BulkheadRejectedError);
    expect([slots.inFlight, slots.queued, started]).toEqual([2, 0, [0, 1]]);
    gates[0]?.open();
    expect(await calls[0]).toBe(0);
    expect(slots.inFlight).toBe(1);
    const third = slots.run(op(3));
    expect(started).toEqual([0, 1, 3]);
    gates[1]?.open();
    gates[3]?.open();
    await Promise.all([...calls, third]);
    expect(slots.stats()).toEqual({ inFlight: 0, queued: 0, rejected: 1 });
  });

  it.each([
    ['a value', () => 1],
    [
      'a sync throw',
      () => {
        throw 'thrown';
      },
    ],
    ['a rejection', () => Promise.reject(new Error('rejected'))],
    ['no function', 'op' as never],
  ])('are free again after %s', async (_, op) => {
    const slots = createBulkhead({ maxConcurrent: 1 });
    await slots.runOutcome(op);
    expect(slots.inFlight).toBe(0);
    expect(await slots.run(() => slots.inFlight)).toBe(1);
  });

  it('are free for a call that the end of another one makes', async () => {
    const slots = createBulkhead({ maxConcurrent: 1 });
    for (const op of [() => 1, async () => 1]) {
      await slots.run(op);
      expect(await slots.run(() => 'next')).toBe('next');
    }
  });
});

describe('a call that is turned away', () => {
  it('a call that is turned away was never started', async () => {
    const clock = createVirtualClock();
    const { started, op } = workload();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeoutMs: 10, clock });
    void slots.run(op(0));
    const queued = slots.runOutcome(op(1));
    const full = await slots.runOutcome(op(2));
    await clock.advance(10);
    expect([full, await queued]).toMatchObject([
      { ok: false, error: { reason: 'full' } },
      { ok: false, error: { reason: 'queue-timeout' } },
    ]);
    expect(started).toEqual([0]);
  });

  it('has an error that says why, without a stack trace', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeoutMs: 10, clock });
    void slots.run(() => new Promise(() => {}));
    const queued = slots.run(() => 1).catch((error: unknown) => error);
    const full = await slots.run(() => 1).catch((error: unknown) => error);
    await clock.advance(10);
    for (const [error, reason, message] of [
      [full, 'full', 'bulkhead is full'],
      [await queued, 'queue-timeout', 'timed out in the queue of the bulkhead'],
    ] as const) {
      expect(error).toBeInstanceOf(BulkheadRejectedError);
      expect(error).toMatchObject({ name: 'BulkheadRejectedError', code: 'ERR_BULKHEAD_REJECTED', reason, message });
      expect(isRejection(error)).toBe(true);
      expect((error as Error).stack ?? '').not.toMatch(/\n\s+at /);
    }
  });

  it('has a stack trace when asked for one', async () => {
    const slots = createBulkhead({ maxConcurrent: 1, captureStack: true });
    void slots.run(() => new Promise(() => {}));
    const error = (await slots.run(() => 1).catch((caught: unknown) => caught)) as Error;
    expect(error.stack).toContain('bulkhead');
    expect((error.stack ?? '').split('\n').length).toBeGreaterThan(1);
  });

  it('is told to the listener and counted', async () => {
    const clock = createVirtualClock();
    const events: BulkheadEvent[] = [];
    const slots = createBulkhead({
      maxConcurrent: 1,
      maxQueue: 1,
      queueTimeoutMs: 10,
      clock,
      onEvent: (event) => events.push(event),
    });
    void slots.run(() => new Promise(() => {}));
    const outcomes = [slots.runOutcome(() => 1), slots.runOutcome(() => 2)];
    await clock.advance(10);
    await Promise.all(outcomes);
    expect(events).toEqual([
      { type: 'rejected', reason: 'full' },
      { type: 'rejected', reason: 'queue-timeout' },
    ]);
    expect(slots.stats()).toEqual({ inFlight: 1, queued: 0, rejected: 2 });
  });

  it('is turned away all the same when the listener throws', async () => {
    const reports = collectReports();
    const slots = createBulkhead({
      maxConcurrent: 1,
      onEvent: ({ reason }) => {
        throw reason;
      },
    });
    void slots.run(() => new Promise(() => {}));
    await expect(slots.run(() => 1)).rejects.toBeInstanceOf(BulkheadRejectedError);
    expect(reports).toEqual(['full']);
  });
});

describe('counts', () => {
  it('are a snapshot', () => {
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 1 });
    const before = slots.stats();
    void slots.run(() => new Promise(() => {}));
    void slots.run(() => 1);
    expect(before).toEqual({ inFlight: 0, queued: 0, rejected: 0 });
    expect(slots.stats()).toEqual({ inFlight: 1, queued: 1, rejected: 0 });
  });
});
