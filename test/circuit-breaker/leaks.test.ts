import { describe, expect, it, vi } from 'vitest';
import {
  consecutiveFailures,
  countWindow,
  createBreakerRegistry,
  createCircuitBreaker,
  timeWindow,
} from '../../src/circuit-breaker/index.ts';
import { pipeline, retry } from '../../src/policy/index.ts';
import type { Clock } from '../../src/core/clock.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { answer, errorOf, fail, setup } from './kit.ts';

const untouchable: Clock = {
  now: () => refuse(),
  epochMs: () => refuse(),
  setTimeout: () => refuse(),
  clearTimeout: () => refuse(),
};

function refuse(): never {
  throw new Error('touched');
}

describe('construction', () => {
  it('Making one reads neither the clock nor chance.', () => {
    const chance = vi.spyOn(Math, 'random').mockImplementation(refuse);
    const monotonic = vi.spyOn(performance, 'now').mockImplementation(refuse);
    const wall = vi.spyOn(Date, 'now').mockImplementation(refuse);
    try {
      const rule = { failureRateThreshold: 0.5, slowCallRateThreshold: 0.5, slowCallDurationMs: 5 };
      const trip = [
        consecutiveFailures(1),
        countWindow({ size: 10, ...rule }),
        timeWindow({ durationMs: 10, ...rule, countInFlightSlowCalls: true }),
      ];
      const snapshot = setup({ trip }).circuit.snapshot();
      for (const clock of [untouchable, undefined]) {
        const given = clock ? { clock } : {};
        const circuit = createCircuitBreaker({
          trip,
          openDurationMs: 5,
          rampUp: { durationMs: 9 },
          snapshot,
          ...given,
        });
        circuit.onEvent(() => {});
        const circuits = createBreakerRegistry({ create: () => ({ trip, openDurationMs: 5, ...given }) });
        expect([circuits.get('a').name, circuits.size, circuits.delete('a')]).toEqual(['a', 1, true]);
      }
    } finally {
      for (const spy of [chance, monotonic, wall]) spy.mockRestore();
    }
  });
});

describe('resources', () => {
  it('It starts no timer and leaves no listener on a signal.', async () => {
    const clock = createVirtualClock();
    const { circuit } = setup({
      trip: timeWindow({ durationMs: 50, failureThreshold: 2, slowCallRateThreshold: 0.5, slowCallDurationMs: 5 }),
      rampUp: { durationMs: 100 },
      clock,
    });
    const caller = countingSignal();
    for (let k = 0; k < 300; k++) {
      await errorOf(circuit.run(k % 3 ? fail : answer, { signal: caller.signal }).then(fail));
      await circuit.runOutcome(({ signal }) => signal.aborted, { signal: caller.signal });
      clock.stall(7);
      expect(clock.pendingTimers).toBe(0);
    }
    expect(circuit.stats().notPermitted).toBeGreaterThan(0);
    expect([caller.listeners, circuit.stats().inFlight]).toEqual([0, 0]);
  });

  it('leaves nothing on a long-lived signal of a pipeline either', async () => {
    const { circuit } = setup();
    const caller = countingSignal();
    const calls = pipeline(retry({ maxAttempts: 2 }), circuit);
    await Promise.all(Array.from({ length: 50 }, () => calls.run(answer, { signal: caller.signal })));
    expect([caller.listeners, circuit.stats().calls]).toEqual([0, 50]);
  });

  it('reads its clock not at all on the way through a closed circuit that counts failures in a row', async () => {
    let readings = 0;
    const clock = { ...createVirtualClock(), now: () => readings++ };
    const { circuit } = setup({ trip: consecutiveFailures(3), clock });
    for (let k = 0; k < 10; k++) await circuit.run(answer);
    await errorOf(circuit.run(fail));
    expect(readings).toBe(0);
  });

  it('reads it no more either once a ramp after a recovery is over', async () => {
    let readings = 0;
    const time = createVirtualClock();
    const clock = { ...createVirtualClock(), now: () => (readings++, time.now()) };
    const { circuit } = setup({ trip: consecutiveFailures(3), clock, rampUp: { durationMs: 100 } });
    circuit.trip(10);
    time.stall(10);
    await circuit.run(answer);
    time.stall(100);
    await circuit.run(answer);
    readings = 0;
    await circuit.run(answer);
    expect([readings, circuit.state]).toEqual([0, 'closed']);
  });

  it('uses the system’s clock where none is given, looked up at each use', () => {
    let nowMs = 1000;
    const spy = vi.spyOn(performance, 'now');
    const circuit = createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 50 });
    spy.mockImplementation(() => nowMs);
    circuit.trip();
    expect(circuit.retryAfterMs).toBe(50);
    nowMs += 50;
    expect(circuit.state).toBe('half-open');
    spy.mockRestore();
  });
});
