import { describe, expect, it } from 'vitest';
import { createBulkhead } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { cooperativeSleep, sleep } from './kit.ts';
import { source } from './source.ts';

describe('abort', () => {
  it('before the call draws nothing', async () => {
    const numbers = source(3);
    const call = createBulkhead({ maxConcurrent: 1 }).map(numbers.items, () => 1, {
      signal: AbortSignal.abort('enough'),
    });
    expect([await outcomeOf(call), numbers.drawn]).toEqual([{ state: 'rejected', reason: 'enough' }, 0]);
  });

  it('ends the wait for a slot at once', async () => {
    const slots = createBulkhead({ maxConcurrent: 1 });
    void slots.run(() => new Promise(() => {}));
    const caller = countingSignal();
    const numbers = source(3);
    const call = slots.map(numbers.items, () => 1, { signal: caller.signal });
    await flush();
    expect(slots.queued).toBe(1);
    caller.abort('enough');
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: 'enough' });
    expect([slots.queued, numbers.drawn, numbers.isClosed, caller.listeners, caller.peak]).toEqual([0, 0, true, 0, 1]);
  });

  it('reaches the functions that run, and their reason is that of the call, the same object', async () => {
    const clock = createVirtualClock();
    const caller = countingSignal();
    const slots = createBulkhead({ maxConcurrent: 3, clock });
    const call = slots.map(
      [1, 2, 3],
      (_, { signal }) =>
        cooperativeSleep(clock, 100, signal).catch(() => {
          throw 'other';
        }),
      { signal: caller.signal },
    );
    const reason = new Error('enough');
    await clock.advance(50);
    caller.abort(reason);
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason });
    expect([clock.pendingTimers, slots.inFlight, caller.listeners]).toEqual([0, 0, 0]);
  });

  it('after a failure, while others still run, is the reason that counts', async () => {
    const clock = createVirtualClock();
    const caller = new AbortController();
    const call = createBulkhead({ maxConcurrent: 2, clock }).map(
      [10, 50],
      async (ms) => {
        await sleep(clock, ms);
        throw 'failure';
      },
      { signal: caller.signal },
    );
    void call.catch(() => {});
    await clock.advance(20);
    caller.abort('enough');
    await clock.advance(40);
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason: 'enough' });
  });

  it('leaves no listener after a call that succeeds or fails', async () => {
    const caller = countingSignal();
    const slots = createBulkhead({ maxConcurrent: 2 });
    await slots.map([1, 2, 3, 4], async (n) => n, { signal: caller.signal });
    await slots.map([1, 2], () => Promise.reject('failure'), { signal: caller.signal }).catch(() => {});
    expect([caller.listeners, caller.peak]).toEqual([0, 1]);
  });
});

it('does not grow the stack over 100 000 sync items', async () => {
  const results = await createBulkhead({ maxConcurrent: 4 }).map(source(100_000).items, (n) => n);
  expect([results.length, results.at(-1)]).toEqual([100_000, 99_999]);
});
