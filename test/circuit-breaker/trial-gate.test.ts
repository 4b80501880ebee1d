import { afterEach, describe, expect, it, vi } from 'vitest';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { watchReports } from './kit.ts';

afterEach(() => void vi.unstubAllGlobals());

describe('trialGate', () => {
  it('turns trials away while it answers false or throws, and looks at no other call', async () => {
    const reports = watchReports();
    const clock = createVirtualClock();
    const halfOpen = { maxConcurrent: 2, successThreshold: 2 };
    const guarded = createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 1, clock, halfOpen });
    let asked = 0;
    let answer = true;
    guarded.trialGate = () => (asked++, answer);
    guarded.tryAcquire()?.success();
    guarded.trip(1);
    expect(guarded.tryAcquire()).toBeNull();
    expect(asked).toBe(0);
    clock.stall(1);
    answer = false;
    expect(guarded.tryAcquire()).toBeNull();
    guarded.trialGate = () => {
      throw new Error('from a gate');
    };
    expect(guarded.tryAcquire()).toBeNull();
    expect(reports).toMatchObject([{ message: 'from a gate' }]);
    guarded.trialGate = () => (asked++, true);
    const first = guarded.tryAcquire()!;
    guarded.tryAcquire();
    expect(guarded.tryAcquire()).toBeNull();
    expect(asked).toBe(3);
    first.success();
    guarded.trialGate = undefined;
    guarded.tryAcquire()!.success();
    expect(guarded.state).toBe('closed');
    expect(guarded.stats().notPermitted).toBe(4);
  });
});
