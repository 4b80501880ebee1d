import { describe, expect, it } from 'vitest';
import type { BreakerSnapshot, CircuitBreakerOptions } from '../../src/circuit-breaker/index.ts';
import { consecutiveFailures, countWindow, timeWindow } from '../../src/circuit-breaker/index.ts';
import { admitted, record, recordLasting, setup, toHalfOpen } from './kit.ts';

type Parts = ReturnType<typeof setup>;

/** The same circuit in another process: a snapshot that went through JSON, on a clock that reads `nowMs`. */
function moved({ circuit }: Parts, options: Partial<CircuitBreakerOptions> = {}, nowMs: number = 777): Parts {
  return setup({ ...options, snapshot: JSON.parse(JSON.stringify(circuit.snapshot())) as BreakerSnapshot }, nowMs);
}

describe('snapshot', () => {
  it('is plain data, relative to its moment', () => {
    const parts = setup({ trip: consecutiveFailures(2) }, 5000);
    record(parts.circuit, '+-');
    expect(parts.circuit.snapshot()).toEqual({
      version: 1,
      mode: 'auto',
      state: 'closed',
      openForMs: 0,
      openDurationMs: 0,
      openings: 0,
      trials: [0, 0],
      rampUp: null,
      rules: [[2, 1]],
    });
    record(parts.circuit, '-');
    parts.clock.stall(400);
    expect(parts.circuit.snapshot()).toMatchObject({
      state: 'open',
      openForMs: 600,
      openDurationMs: 1000,
      openings: 1,
    });
  });

  it('carries an open circuit over, for the rest of its time', () => {
    const parts = setup({}, 5000);
    record(parts.circuit, '-');
    parts.clock.stall(400);
    const { circuit, clock, events } = moved(parts);
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', 600]);
    clock.stall(599);
    expect(circuit.state).toBe('open');
    clock.stall(1);
    expect(circuit.state).toBe('half-open');
    expect(events).toMatchObject([{ from: 'open', to: 'half-open', atMs: 777 + 600 }]);
  });

  it('carries a circuit over that is open for ever', () => {
    const parts = setup();
    parts.circuit.trip(Infinity);
    const { circuit, clock } = moved(moved(parts));
    clock.stall(1e12);
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', Infinity]);
    circuit.reset();
    expect(circuit.state).toBe('closed');
    const back = setup({ openDurationMs: (_, previousMs) => (previousMs === Infinity ? 5 : Infinity) });
    record(back.circuit, '-');
    const again = moved(back, { openDurationMs: (_, previousMs) => (previousMs === Infinity ? 5 : Infinity) });
    again.circuit.trip();
    expect(again.circuit.retryAfterMs).toBe(5);
  });

  it('carries the trials of a half-open circuit over, but not those in flight', () => {
    const options = { halfOpen: { successThreshold: 3, failureThreshold: 2, maxConcurrent: 2 } };
    const parts = setup(options);
    toHalfOpen(parts);
    record(parts.circuit, '++-');
    admitted(parts.circuit);
    for (const [verdict, state] of [
      ['+', 'closed'],
      ['-', 'open'],
    ] as const) {
      const { circuit } = moved(parts, options);
      expect([circuit.state, circuit.stats().inFlight]).toEqual(['half-open', 0]);
      const permits = [admitted(circuit), admitted(circuit)];
      expect(circuit.tryAcquire()).toBeNull();
      if (verdict === '+') permits[0]!.success();
      else permits[0]!.failure();
      expect(circuit.state).toBe(state);
    }
  });

  it('lets a trial of the new circuit grow too old like any other', () => {
    const parts = setup({ rampUp: { durationMs: 500 } });
    toHalfOpen(parts);
    const { circuit, clock } = moved(parts, { halfOpen: { trialTimeoutMs: 50 }, rampUp: { durationMs: 500 } });
    const hung = admitted(circuit);
    clock.stall(50);
    expect([circuit.state, circuit.snapshot().rampUp]).toEqual(['open', null]);
    hung.failure();
    expect(circuit.stats()).toMatchObject({ late: 1, calls: 0, inFlight: 0 });
  });

  it('carries the number of openings and the last duration over', () => {
    const asked: string[] = [];
    const openDurationMs = (attempt: number, previousMs: number): number => {
      asked.push(`${attempt} after ${previousMs}`);
      return 100 * attempt;
    };
    const parts = setup({ openDurationMs });
    record(parts.circuit, '-');
    parts.clock.stall(100);
    record(parts.circuit, '-');
    const { circuit, clock } = moved(parts, { openDurationMs });
    expect(circuit.state).toBe('open');
    clock.stall(200);
    record(circuit, '-');
    expect(asked).toEqual(['1 after 0', '2 after 100', '3 after 200']);
    expect(circuit.retryAfterMs).toBe(300);
  });

  it('carries modes over, and no isolation', () => {
    for (const mode of ['forced-open', 'disabled', 'metrics-only'] as const) {
      const parts = setup({ trip: consecutiveFailures(9) });
      parts.circuit.setMode(mode);
      if (mode === 'metrics-only') record(parts.circuit, '--');
      const { circuit, moves } = moved(parts, { trip: consecutiveFailures(9) });
      expect([circuit.mode, circuit.state]).toEqual([mode, mode]);
      expect(circuit.stats().failures).toBe(mode === 'metrics-only' ? 2 : 0);
      circuit.reset();
      expect(moves()).toEqual([`${mode} > closed`]);
    }
    const isolated = setup();
    isolated.circuit.isolate();
    expect(moved(isolated).circuit.state).toBe('closed');
    const both = setup();
    both.circuit.setMode('disabled');
    both.circuit.isolate();
    expect(moved(both).circuit.state).toBe('disabled');
  });

  it('carries a ramp over, with the share it has saved', () => {
    const rampUp = { durationMs: 1000, initialRatio: 0.25 };
    const parts = setup({ rampUp });
    toHalfOpen(parts);
    record(parts.circuit, '+');
    const offer = (circuit: Parts['circuit']): number => (circuit.tryAcquire() ? 1 : 0);
    expect([1, 2, 3].map(() => offer(parts.circuit))).toEqual([1, 0, 0]);
    const { circuit, clock } = moved(parts, { rampUp });
    expect([1, 2, 3, 4, 5, 6].map(() => offer(circuit))).toEqual([0, 1, 0, 0, 0, 1]);
    clock.stall(1000);
    expect([1, 2, 3, 4, 5, 6].map(() => offer(circuit))).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('lets a ramp that was carried over end when it would have', () => {
    const options = { rampUp: { durationMs: 1000, initialRatio: 0.1 } };
    const parts = setup(options);
    toHalfOpen(parts);
    record(parts.circuit, '+');
    parts.clock.stall(400);
    const { circuit, clock } = moved(parts, options);
    expect(circuit.snapshot().rampUp?.[0]).toBe(400);
    clock.stall(599);
    expect(circuit.snapshot().rampUp?.[0]).toBe(999);
    clock.stall(1);
    expect(circuit.snapshot().rampUp).toBe(null);
  });

  it('carries windows over, with the age of what is in them', () => {
    const rule = { failureThreshold: 4, slowCallDurationMs: 10, slowCallRateThreshold: 1, minimumThroughput: 4 };
    const trip = [timeWindow({ durationMs: 1000, buckets: 4, ...rule }), countWindow({ size: 4, ...rule })];
    const parts = setup({ trip });
    parts.clock.stall(100);
    record(parts.circuit, '-+');
    parts.clock.stall(200);
    recordLasting(parts, 10);
    const { circuit, clock } = moved(parts, { trip }, -12_345);
    const counts = (): number[] => [circuit.stats().calls, circuit.stats().failures, circuit.stats().slowCalls];
    expect(counts()).toEqual([3, 1, 1]);
    clock.stall(689);
    expect(counts()).toEqual([3, 1, 1]);
    clock.stall(1);
    expect(counts()).toEqual([1, 0, 1]);
    clock.stall(249);
    expect(counts()).toEqual([1, 0, 1]);
    clock.stall(1);
    expect(counts()).toEqual([0, 0, 0]);
    const turned = { ...parts.circuit.snapshot(), rules: [...parts.circuit.snapshot().rules].reverse() };
    const second = setup({ trip: [...trip].reverse(), snapshot: turned });
    second.clock.stall(5000);
    expect(second.circuit.stats()).toMatchObject({ calls: 3, failures: 1, slowCalls: 1 });
  });

  it('carries a count window over that has gone round', () => {
    const trip = countWindow({ size: 3, failureThreshold: 3 });
    const parts = setup({ trip });
    record(parts.circuit, '--+-+');
    const { circuit } = moved(parts, { trip });
    expect([circuit.stats().calls, circuit.stats().failures]).toEqual([3, 1]);
    record(circuit, '+-');
    expect([circuit.stats().calls, circuit.stats().failures]).toEqual([3, 1]);
    record(circuit, '-');
    expect(circuit.stats().failures).toBe(2);
  });

  it('of a circuit that was never used is that of a new one', () => {
    const trip = [timeWindow({ durationMs: 10, failureThreshold: 2 }), countWindow({ size: 3, failureThreshold: 2 })];
    const { circuit } = moved(setup({ trip }), { trip });
    expect(circuit.isIdle).toBe(true);
    record(circuit, '--');
    expect(circuit.state).toBe('open');
  });

  it('comes into force whatever member is used first', () => {
    const parts = setup();
    parts.circuit.trip();
    const uses: readonly ((circuit: Parts['circuit']) => unknown)[] = [
      (circuit) => circuit.mode,
      (circuit) => circuit.isIdle,
      (circuit) => circuit.tryAcquire(),
      (circuit) => circuit.stats(),
      (circuit) => circuit.retryAfterMs,
      (circuit) => circuit.snapshot(),
      (circuit) => circuit.run(() => 1).catch(() => {}),
      (circuit) => circuit.runOutcome(() => 1),
    ];
    for (const use of uses) {
      const { circuit, moves } = moved(parts);
      use(circuit);
      expect([circuit.state, ...moves()]).toEqual(['open']);
    }
    const isolated = moved(parts);
    isolated.circuit.isolate().dispose();
    const reset = moved(parts);
    reset.circuit.reset();
    expect([isolated.moves(), reset.moves()]).toEqual([
      ['open > forced-open', 'forced-open > closed'],
      ['open > closed'],
    ]);
    const tripped = moved(parts);
    tripped.circuit.trip(50);
    expect([tripped.circuit.retryAfterMs, ...tripped.moves()]).toEqual([50]);
  });

  it('does not move while it waits for its first use', () => {
    const parts = setup();
    parts.circuit.trip();
    const { circuit, clock } = moved(parts);
    clock.stall(50_000);
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', 1000]);
  });
});
