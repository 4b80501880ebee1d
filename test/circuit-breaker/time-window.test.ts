import { describe, expect, it } from 'vitest';
import { timeWindow } from '../../src/circuit-breaker/index.ts';
import { admitted, record, setup } from './kit.ts';

describe('timeWindow', () => {
  it('A time window holds exactly the calls that ended in its current buckets, after any idle time and any step of the clock.', () => {
    const { circuit, clock } = setup({ trip: timeWindow({ durationMs: 1000, buckets: 4, failureThreshold: 100 }) });
    const rows: readonly (readonly [number, string, number, number])[] = [
      // clock, recorded, calls, failures
      [0, '-', 1, 1],
      [249, '+', 2, 1],
      [250, '-', 3, 2],
      [999, '', 3, 2],
      [1000, '', 1, 1],
      [1249, '-', 2, 2],
      [1250, '', 1, 1],
      [1999, '', 1, 1],
      [2000, '', 0, 0],
      [3_600_000, '--', 2, 2],
      [3_600_000 + 999, '', 2, 2],
      [3_600_000 + 1000, '', 0, 0],
    ];
    for (const [nowMs, verdicts, calls, failures] of rows) {
      clock.setNow(nowMs);
      record(circuit, verdicts);
      expect([nowMs, circuit.stats().calls, circuit.stats().failures]).toEqual([nowMs, calls, failures]);
    }
  });

  it('is empty after the circuit was closed by hand', () => {
    const { circuit, clock } = setup({ trip: timeWindow({ durationMs: 1000, failureThreshold: 3 }) });
    record(circuit, '--');
    clock.stall(100);
    record(circuit, '+');
    circuit.reset();
    expect(circuit.stats()).toMatchObject({ calls: 0, failures: 0, failureRate: 0 });
    record(circuit, '--');
    expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 2, failures: 2 });
    clock.stall(1000);
    expect(circuit.stats().calls).toBe(0);
  });

  it('forgets what happened before an idle hour', () => {
    const { circuit, clock } = setup({
      trip: timeWindow({ durationMs: 10_000, minimumThroughput: 1, failureRateThreshold: 1, failureThreshold: 41 }),
    });
    record(circuit, `+${'-'.repeat(40)}`);
    clock.stall(3_600_000);
    record(circuit, '+-');
    expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 2, failures: 1 });
  });

  it('counts a call by when it ended', () => {
    const { circuit, clock } = setup({ trip: timeWindow({ durationMs: 1000, failureThreshold: 100 }) });
    const permit = admitted(circuit);
    clock.stall(5000);
    permit.failure();
    expect(circuit.stats()).toMatchObject({ calls: 1, failures: 1 });
  });

  it('has ten buckets where no number is given', () => {
    const { circuit, clock } = setup({ trip: timeWindow({ durationMs: 1000, failureThreshold: 100 }) }, 99);
    record(circuit, '-');
    clock.setNow(999);
    expect(circuit.stats().calls).toBe(1);
    clock.setNow(1000);
    expect(circuit.stats().calls).toBe(0);
  });

  it('serves clocks that read less than zero', () => {
    const { circuit, clock } = setup(
      { trip: timeWindow({ durationMs: 100, buckets: 2, failureThreshold: 100 }) },
      -170,
    );
    record(circuit, '-');
    clock.setNow(-101);
    record(circuit, '+');
    expect(circuit.stats().calls).toBe(2);
    clock.setNow(-100);
    expect(circuit.stats()).toMatchObject({ calls: 1, failures: 0 });
    clock.setNow(10);
    expect(circuit.stats().calls).toBe(0);
  });

  it('keeps every call under a clock that stands still, and opens by them', () => {
    const { circuit, clock } = setup({ trip: timeWindow({ durationMs: 1000, failureRateThreshold: 0.5 }) });
    record(circuit, '+-+-+-+-+-');
    expect([circuit.state, clock.now()]).toEqual(['open', 0]);
  });
});
