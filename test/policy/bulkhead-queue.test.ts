import { describe, expect, it } from 'vitest';
import { BulkheadRejectedError, createBulkhead, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';
import { sleep, workload } from './kit.ts';

describe('queue', () => {
  it('waiting calls start in order of arrival, and no newcomer passes them', async () => {
    const { started, gates, op } = workload();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 10 });
    const calls = [0, 1, 2].map((id) => slots.run(op(id)));
    // The newcomer is made by the end of the first call itself, before anybody else can run.
    const newcomer = calls[0]!.then(() => slots.run(op(3)));
    gates[0]?.open();
    await calls[0];
    expect([started, slots.inFlight]).toEqual([[0, 1], 1]);
    for (const id of [1, 2, 3]) {
      (gates[id] ??= gate()).open();
      await (id < 3 ? calls[id] : newcomer);
    }
    expect(started).toEqual([0, 1, 2, 3]);
    expect(slots.stats()).toEqual({ inFlight: 0, queued: 0, rejected: 0 });
  });

  it('keeps a newcomer back that is made while the queue is served', async () => {
    const started: string[] = [];
    const slots = createBulkhead({ maxConcurrent: 2, maxQueue: 10 });
    const note = (name: string) => (): void => void started.push(name);
    const holder = gate();
    const holders = [slots.run(() => holder.promise), slots.run(() => holder.promise)];
    // Its sync failure is told on the stack of the hand-over, between two of those who wait.
    const onEvent = (): void => void slots.run(note('newcomer'));
    const failing = pipeline(retry({ maxAttempts: 1, onEvent }), slots).runOutcome(() => {
      started.push('failing');
      throw new Error('failure');
    });
    const waiting = ['second', 'third'].map((name) => slots.run(note(name)));
    holder.open();
    await Promise.all([...holders, failing, ...waiting]);
    await flush();
    expect(started).toEqual(['failing', 'second', 'third', 'newcomer']);
  });

  it('holds maxQueue calls and no more', async () => {
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 2 });
    const calls = [0, 1, 2].map(() => slots.run(() => new Promise(() => {})));
    expect([slots.inFlight, slots.queued]).toEqual([1, 2]);
    await expect(slots.run(() => 1)).rejects.toBeInstanceOf(BulkheadRejectedError);
    for (const call of calls) expect((await outcomeOf(call)).state).toBe('pending');
  });

  it('holds any number of calls when maxQueue is Infinity', async () => {
    const { gates, op } = workload();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: Infinity });
    void slots.run(op(0));
    const calls = Array.from({ length: 1000 }, (_, id) => slots.run(() => id));
    expect(slots.queued).toBe(1000);
    gates[0]?.open();
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 1000 }, (_, id) => id));
  });

  it('a call taken into the queue is rejected by its queue timeout or its own abort only', async () => {
    const { started, gates, op } = workload();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 1 });
    const first = slots.run(op(0));
    const accepted = slots.run(op(1));
    // Two newcomers in the very turn in which the slot becomes free.
    const newcomers = first.then(() => [slots.runOutcome(op(2)), slots.runOutcome(op(3))]);
    gates[0]?.open();
    const [third, fourth] = await newcomers;
    expect(started).toEqual([0, 1]);
    expect((await outcomeOf(third!)).state).toBe('pending');
    expect(await fourth).toMatchObject({ ok: false, error: { reason: 'full' } });
    gates[1]?.open();
    expect(await accepted).toBe(1);
  });

  it('lets a call wait queueTimeoutMs, to the millisecond', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 9, queueTimeoutMs: 100, clock });
    void slots.run(() => sleep(clock, 1000));
    const first = slots.runOutcome(() => 1);
    await clock.advance(60);
    const second = slots.runOutcome(() => 2);
    await clock.advance(39.5);
    expect([(await outcomeOf(first)).state, slots.queued]).toEqual(['pending', 2]);
    await clock.advance(0.5);
    expect([(await outcomeOf(first)).state, slots.queued]).toEqual(['fulfilled', 1]);
    await clock.advance(59.5);
    expect((await outcomeOf(second)).state).toBe('pending');
    await clock.advance(0.5);
    expect(await second).toMatchObject({ ok: false, error: { reason: 'queue-timeout' } });
    expect([slots.queued, slots.inFlight, clock.pendingTimers]).toEqual([0, 1, 1]);
  });

  it('turns a call away at once in the same turn when queueTimeoutMs is 0', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeoutMs: 0, clock });
    void slots.run(() => new Promise(() => {}));
    const queued = slots.runOutcome(() => 1);
    await clock.advance(0);
    expect(await queued).toMatchObject({ ok: false, error: { reason: 'queue-timeout' } });
  });

  it('does not time a call out that has its slot', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeoutMs: 10, clock });
    void slots.run(() => sleep(clock, 5));
    const call = slots.run(() => sleep(clock, 100).then(() => 'done'));
    await clock.advance(200);
    expect([await call, clock.pendingTimers]).toEqual(['done', 0]);
  });

  it('keeps every slot, however many waiters give up', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 2, maxQueue: 100, queueTimeoutMs: 10, clock });
    const holders = [0, 1].map(() => slots.run(() => sleep(clock, 50)));
    const caller = new AbortController();
    const gone = Array.from({ length: 60 }, (_, id) =>
      slots.runOutcome(() => 1, id % 2 ? { signal: caller.signal } : undefined),
    );
    caller.abort('enough');
    expect(slots.queued).toBe(30);
    await clock.advance(50);
    await Promise.all([...gone, ...holders]);
    expect(slots.stats()).toEqual({ inFlight: 0, queued: 0, rejected: 30 });
    const { op } = workload();
    void slots.run(op(0));
    void slots.run(op(1));
    expect(slots.inFlight).toBe(2);
  });

  it('gives up the place of an aborted call in the same turn', async () => {
    const { started, gates, op } = workload();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 1 });
    const first = slots.run(op(0));
    const caller = new AbortController();
    const aborted = slots.run(op(1), { signal: caller.signal });
    void aborted.catch(() => {});
    const reason = new Error('enough');
    caller.abort(reason);
    expect(slots.queued).toBe(0);
    const next = slots.run(op(2));
    expect(await outcomeOf(aborted)).toEqual({ state: 'rejected', reason });
    gates[0]?.open();
    await first;
    (gates[2] ??= gate()).open();
    expect([await next, started]).toEqual([2, [0, 2]]);
  });

  it('is left by calls that a timeout outside has ended', async () => {
    const clock = createVirtualClock();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: 5, clock });
    void slots.run(() => sleep(clock, 1000));
    const call = pipeline(timeout({ ms: 10, clock }), slots).runOutcome(() => 1);
    await clock.advance(10);
    expect(await call).toMatchObject({ ok: false, error: { code: 'ERR_TIMEOUT' } });
    expect(slots.queued).toBe(0);
  });

  it('does not grow the stack: 100 000 sync operations wait for one slot', async () => {
    const { gates, op } = workload();
    const slots = createBulkhead({ maxConcurrent: 1, maxQueue: Infinity });
    const first = slots.run(op(0));
    const calls = Array.from({ length: 100_000 }, (_, id) => slots.run(() => id));
    gates[0]?.open();
    await first;
    expect((await Promise.all(calls)).at(-1)).toBe(99_999);
    expect(slots.stats()).toEqual({ inFlight: 0, queued: 0, rejected: 0 });
  });
});
