import { describe, expect, it } from 'vitest';
import { pause } from '../../src/core/pause.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { openBranch, openCall } from './open-scope.ts';

describe('pause', () => {
  it('goes on exactly once, when the time is over and not before', async () => {
    const clock = createVirtualClock();
    const { scope, done } = openCall();
    let resumed = 0;
    pause(clock, 10, scope, done, () => resumed++);
    await clock.advance(9);
    expect(resumed).toBe(0);
    await clock.advance(1);
    await clock.advance(100);
    expect([resumed, clock.pendingTimers]).toEqual([1, 0]);
  });

  it('ends at once with the reason of an abort, and leaves no timer and no listener', async () => {
    const clock = createVirtualClock();
    const signals = countingSignal();
    const { scope, done, promise } = openCall(signals.signal);
    let resumed = 0;
    pause(clock, 10, scope, done, () => resumed++);
    expect([clock.pendingTimers, signals.listeners]).toEqual([1, 1]);
    const reason = { why: 'test' };
    signals.abort(reason);
    expect([clock.pendingTimers, signals.listeners]).toEqual([0, 0]);
    await expect(promise).rejects.toBe(reason);
    await clock.advance(20);
    expect(resumed).toBe(0);
  });

  it('fails when only its own part of the call is aborted', async () => {
    const clock = createVirtualClock();
    const branch = openBranch();
    const results: unknown[] = [];
    pause(
      clock,
      10,
      branch,
      (...result) => results.push(result),
      () => results.push('resumed'),
    );
    branch.abort('this branch');
    await clock.advance(10);
    expect([results, clock.pendingTimers]).toEqual([[[false, 'this branch']], 0]);
  });

  it('that is over does not hear of an abort any more', async () => {
    const clock = createVirtualClock();
    const signals = countingSignal();
    const { scope } = openCall(signals.signal);
    const results: unknown[] = [];
    pause(
      clock,
      10,
      scope,
      (...result) => results.push(result),
      () => results.push('resumed'),
    );
    await clock.advance(10);
    signals.abort('late');
    expect(results).toEqual(['resumed']);
  });

  it('may follow another in one call, with one listener on the signal', async () => {
    const clock = createVirtualClock();
    const signals = countingSignal();
    const { scope, done, promise } = openCall(signals.signal);
    pause(clock, 10, scope, done, () => pause(clock, 5, scope, done, () => done(true, clock.now())));
    await clock.advance(15);
    expect(await promise).toBe(15);
    expect([signals.listeners, signals.peak, signals.added]).toEqual([0, 1, 1]);
  });
});
