import { describe, expect, it } from 'vitest';
import type { Deadline } from '../../src/core/deadline.ts';
import { withDeadline } from '../../src/core/deadline.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';

function setup() {
  const clock = createVirtualClock();
  const counting = countingSignal();
  const deadline: Deadline = { timeoutMs: 50, signal: counting.signal, clock };
  return { clock, counting, deadline, left: () => [clock.pendingTimers, counting.listeners] };
}

describe('withDeadline', () => {
  it('settles as the work does, now or later, and leaves nothing behind', async () => {
    const { deadline, left } = setup();
    const reason = new Error('no');
    expect(await withDeadline('It', deadline, () => 1)).toBe(1);
    expect(await withDeadline('It', deadline, async () => 2)).toBe(2);
    await expect(withDeadline('It', deadline, () => Promise.reject(reason))).rejects.toBe(reason);
    const thrown = withDeadline('It', deadline, () => {
      throw reason;
    });
    await expect(thrown).rejects.toBe(reason);
    expect(left()).toEqual([0, 0]);
  });

  it('begins the work at once, with one timer and one listener', () => {
    const { counting, deadline, left } = setup();
    let begun = 0;
    void withDeadline('It', deadline, () => (begun++, new Promise(() => {})));
    expect([begun, left(), counting.peak]).toEqual([1, [1, 1], 1]);
  });

  it('rejects at the deadline, not before, and takes what comes later for nothing', async () => {
    const { clock, deadline, left } = setup();
    const late = gate<unknown>();
    const asked: boolean[] = [];
    const call = withDeadline('It', deadline, async (isOver) => {
      asked.push(isOver());
      await late.promise.finally(() => asked.push(isOver()));
    });
    const outcome = outcomeOf(call);
    await clock.advance(49);
    expect(left()).toEqual([1, 1]);
    await clock.advance(1);
    expect(await outcome).toMatchObject({
      state: 'rejected',
      reason: { code: 'ERR_STORE_TIMEOUT', message: 'It did not answer within 50 ms' },
    });
    expect(left()).toEqual([0, 0]);
    // An unhandled rejection would fail the run.
    late.fail(new Error('too late'));
    await flush();
    expect(asked).toEqual([false, true]);
  });

  it('rejects with the reason of its signal, the same object, and leaves nothing behind', async () => {
    const { clock, counting, deadline, left } = setup();
    const reason = { why: 'enough' };
    let isOver: (() => boolean) | undefined;
    const call = withDeadline('It', deadline, (over) => ((isOver = over), new Promise(() => {})));
    expect(isOver!()).toBe(false);
    counting.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect([isOver!(), left()]).toEqual([true, [0, 0]]);
    await clock.advance(100);
  });

  it('does not begin the work for a signal that has aborted', async () => {
    const { counting, deadline, left } = setup();
    counting.abort('enough');
    let begun = 0;
    await expect(withDeadline('It', deadline, () => begun++)).rejects.toBe('enough');
    expect([begun, left(), counting.added]).toEqual([0, [0, 0], 0]);
  });

  it('says that it is over once the work has settled', async () => {
    const { deadline } = setup();
    let isOver: (() => boolean) | undefined;
    await withDeadline('It', deadline, (over) => (isOver = over));
    expect(isOver!()).toBe(true);
  });

  it('goes by the clock of the system, and needs no signal', async () => {
    expect(await withDeadline('It', { timeoutMs: 1e6 }, () => 1)).toBe(1);
    await expect(withDeadline('It', { timeoutMs: 1 }, () => new Promise(() => {}))).rejects.toThrow('within 1 ms');
  });
});
