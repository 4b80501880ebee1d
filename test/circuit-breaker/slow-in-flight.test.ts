import { describe, expect, it } from 'vitest';
import { consecutiveFailures, countWindow, timeWindow } from '../../src/circuit-breaker/index.ts';
import { gate } from '../support/gate.ts';
import { admitted, answer, errorOf, record, recordLasting, setup, ways } from './kit.ts';

const rule = {
  slowCallRateThreshold: 0.5,
  slowCallDurationMs: 100,
  minimumThroughput: 4,
  countInFlightSlowCalls: true,
};

describe('countInFlightSlowCalls', () => {
  it('Slow calls in flight open the circuit before the first of them has come back.', async () => {
    for (const trip of [countWindow({ size: 10, ...rule }), timeWindow({ durationMs: 1000, ...rule })]) {
      for (const [, run] of ways) {
        const { circuit, clock, events } = setup({ trip });
        const hung = gate();
        const calls = Array.from({ length: 4 }, () => run(circuit, () => hung.promise));
        clock.stall(99);
        const last = run(circuit, () => hung.promise);
        clock.stall(1);
        expect(await errorOf(run(circuit, answer))).toMatchObject({ state: 'open', retryAfterMs: 1000 });
        expect(events).toMatchObject([{ from: 'closed', to: 'open', atMs: 100, reason: '4 of 4 calls were slow' }]);
        expect(circuit.stats()).toMatchObject({ calls: 0, inFlight: 5, notPermitted: 1 });
        hung.open();
        await Promise.all([...calls, last]);
        expect(circuit.stats()).toMatchObject({ state: 'open', inFlight: 0, late: 5 });
      }
    }
  });

  it('lets them go on where nobody asks for them to count', () => {
    const { circuit, clock } = setup({ trip: countWindow({ size: 10, ...rule, countInFlightSlowCalls: false }) });
    for (let k = 0; k < 6; k++) admitted(circuit);
    clock.stall(1000);
    expect([circuit.tryAcquire() !== null, circuit.state]).toEqual([true, 'closed']);
  });

  it('adds those in flight to the recorded ones, fast ones in flight not', () => {
    const parts = setup({ trip: countWindow({ size: 10, ...rule }) });
    record(parts.circuit, '++');
    admitted(parts.circuit);
    recordLasting(parts, 60);
    admitted(parts.circuit);
    parts.clock.stall(40);
    // One of two in flight is slow: 1 of 4.
    admitted(parts.circuit).ignore();
    parts.clock.stall(60);
    // Both are: 2 of 5, and a slow one that ends makes 3 of 6.
    expect(parts.circuit.state).toBe('closed');
    recordLasting(parts, 100);
    expect(parts.circuit.state).toBe('open');
    expect(parts.events[0]!.reason).toBe('3 of 6 calls were slow');
  });

  it('counts them for each of several rules', () => {
    const trip = [consecutiveFailures(9), countWindow({ size: 10, ...rule })];
    for (const rules of [trip, [...trip].reverse()]) {
      const { circuit, clock, moves } = setup({ trip: rules });
      for (let k = 0; k < 4; k++) admitted(circuit);
      clock.stall(100);
      expect([circuit.tryAcquire(), ...moves()]).toEqual([null, 'closed > open']);
    }
  });

  it('looks when a call ends, too', () => {
    const { circuit, clock, events } = setup({ trip: countWindow({ size: 10, ...rule, minimumThroughput: 3 }) });
    admitted(circuit);
    admitted(circuit);
    clock.stall(70);
    const quick = admitted(circuit);
    clock.stall(50);
    quick.failure();
    expect(circuit.state).toBe('open');
    expect(events[0]!.reason).toBe('2 of 3 calls were slow');
  });

  it('counts a call that comes back once, and one that is ignored no more', () => {
    const { circuit, clock } = setup({ trip: countWindow({ size: 10, ...rule }) });
    const permits = [admitted(circuit), admitted(circuit), admitted(circuit)];
    clock.stall(100);
    permits[0]!.success();
    permits[1]!.ignore();
    expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 1, slowCalls: 1 });
    // 1 recorded and 1 in flight.
    admitted(circuit).ignore();
    record(circuit, '+');
    // 3 of 4 with the one in flight ended as slow would open; ended as ignored it does not.
    permits[2]!.ignore();
    record(circuit, '++++');
    expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 6, slowCalls: 1 });
  });

  it('forgets calls of an earlier generation', () => {
    const { circuit, clock } = setup({ trip: countWindow({ size: 10, ...rule }) });
    for (let k = 0; k < 6; k++) admitted(circuit);
    clock.stall(99);
    circuit.reset();
    clock.stall(1000);
    expect([circuit.tryAcquire() !== null, circuit.state, circuit.stats().inFlight]).toEqual([true, 'closed', 7]);
  });

  it('keeps to a time window: what has left it does not count, what is in flight does', () => {
    const parts = setup({ trip: timeWindow({ durationMs: 1000, ...rule }) });
    recordLasting(parts, 100);
    recordLasting(parts, 100);
    recordLasting(parts, 100);
    parts.clock.stall(1000);
    admitted(parts.circuit);
    parts.clock.stall(100);
    admitted(parts.circuit).ignore();
    expect(parts.circuit.stats()).toMatchObject({ state: 'closed', calls: 0, inFlight: 1 });
  });

  it('does not open while metrics are all that is wanted', () => {
    const { circuit, clock } = setup({ trip: countWindow({ size: 10, ...rule }) });
    circuit.setMode('metrics-only');
    for (let k = 0; k < 6; k++) admitted(circuit);
    clock.stall(100);
    expect([circuit.tryAcquire() !== null, circuit.state]).toEqual([true, 'metrics-only']);
  });
});
