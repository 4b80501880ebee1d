import { describe, expect, it } from 'vitest';
import type { TripRule } from '../../src/circuit-breaker/index.ts';
import { consecutiveFailures, countWindow, timeWindow } from '../../src/circuit-breaker/index.ts';
import { gate } from '../support/gate.ts';
import { admitted, answer, errorOf, fail, record, recordLasting, setup, ways } from './kit.ts';

/** `verdicts` for a closed circuit, and the state after the last of them; all but the last must leave it closed. */
function stateAfter(trip: TripRule | readonly TripRule[], verdicts: string): string {
  const { circuit } = setup({ trip });
  record(circuit, verdicts);
  return circuit.state;
}

describe('consecutiveFailures', () => {
  it('`consecutiveFailures(n)` opens at the n-th failure in a row.', () => {
    const { circuit, events } = setup({ trip: consecutiveFailures(3) });
    record(circuit, '--+--');
    expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 5, failures: 2, failureRate: 0.4, slowCalls: 0 });
    record(circuit, '-');
    expect(circuit.state).toBe('open');
    expect(events.map(({ reason }) => reason)).toEqual(['3 failures in a row']);
    expect(stateAfter(consecutiveFailures(1), '+++-')).toBe('open');
  });

  it('is not broken by calls that are ignored', () => {
    const { circuit } = setup({ trip: consecutiveFailures(2) });
    record(circuit, '-');
    admitted(circuit).ignore();
    record(circuit, '-');
    expect(circuit.state).toBe('open');
  });

  it('begins anew after the circuit was closed', () => {
    const { circuit } = setup({ trip: consecutiveFailures(2) });
    record(circuit, '+-');
    circuit.reset();
    expect(circuit.stats()).toMatchObject({ calls: 0, failures: 0 });
    record(circuit, '-');
    expect(circuit.state).toBe('closed');
  });
});

describe('rates', () => {
  it('A rate opens the circuit when it reaches its threshold, from `minimumThroughput` recorded calls on; calls in flight or turned away are no part of it.', async () => {
    const trip = countWindow({ size: 100, minimumThroughput: 20, failureRateThreshold: 0.55 });
    expect(stateAfter(trip, '+'.repeat(9) + '-'.repeat(10))).toBe('closed');
    expect(stateAfter(trip, '+'.repeat(9) + '-'.repeat(11))).toBe('open');
    expect(stateAfter(trip, '+'.repeat(10) + '-'.repeat(11))).toBe('closed');
    for (const [, run] of ways) {
      const { circuit, events } = setup({ trip: countWindow({ size: 4, failureRateThreshold: 0.5 }) });
      const works = Array.from({ length: 100 }, () => gate<string>());
      const calls = works.map(({ promise }) => errorOf(run(circuit, () => promise).then(() => Promise.reject(1))));
      works.slice(0, 3).forEach((work) => work.fail('no'));
      await Promise.all(calls.slice(0, 3));
      expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 3, failureRate: 1, inFlight: 97 });
      works[3]!.fail('no');
      await calls[3];
      expect(circuit.stats()).toMatchObject({ state: 'open', calls: 4, failures: 4, failureRate: 1 });
      expect(events.map(({ reason }) => reason)).toEqual(['4 of 4 calls failed']);
      works.forEach((work) => work.open('yes'));
    }
  });

  it('does not open at the first failure, whatever the rate, before the throughput is there', () => {
    const rule = { minimumThroughput: 2, failureRateThreshold: 0.01 };
    expect(stateAfter(countWindow({ size: 10, ...rule }), '-')).toBe('closed');
    expect(stateAfter(timeWindow({ durationMs: 1000, ...rule }), '-')).toBe('closed');
    expect(stateAfter(countWindow({ size: 10, ...rule }), '+-')).toBe('open');
    expect(stateAfter(timeWindow({ durationMs: 1000, ...rule }), '+-')).toBe('open');
  });

  it('takes `size`, or ten calls, as the throughput where none is given', () => {
    expect(stateAfter(countWindow({ size: 5, failureRateThreshold: 0.2 }), '----')).toBe('closed');
    expect(stateAfter(countWindow({ size: 5, failureRateThreshold: 0.2 }), '-----')).toBe('open');
    expect(stateAfter(timeWindow({ durationMs: 10, failureRateThreshold: 0.2 }), '-'.repeat(9))).toBe('closed');
    expect(stateAfter(timeWindow({ durationMs: 10, failureRateThreshold: 0.2 }), '-'.repeat(10))).toBe('open');
  });

  it('does not count what the circuit turns away', () => {
    const { circuit } = setup({ trip: countWindow({ size: 10, failureThreshold: 1 }) });
    record(circuit, '-');
    for (let k = 0; k < 5; k++) expect(circuit.tryAcquire()).toBeNull();
    expect(circuit.stats()).toMatchObject({ calls: 1, failures: 1, notPermitted: 5, inFlight: 0 });
  });

  it('opens at a number of failures, whatever the throughput', () => {
    const { circuit, events } = setup({ trip: countWindow({ size: 10, failureThreshold: 3, minimumThroughput: 10 }) });
    record(circuit, '-+-+');
    expect(circuit.state).toBe('closed');
    record(circuit, '-');
    expect(circuit.state).toBe('open');
    expect(events[0]!.reason).toBe('3 failures in the window');
  });

  it('A fast success never opens a circuit that has no slow call in flight.', () => {
    const trip = countWindow({
      size: 4,
      failureRateThreshold: 0.5,
      slowCallRateThreshold: 0.5,
      slowCallDurationMs: 10,
    });
    const parts = setup({ trip });
    record(parts.circuit, '--+');
    recordLasting(parts, 9.999);
    expect(parts.circuit.stats()).toMatchObject({ state: 'closed', calls: 4, failureRate: 0.5 });
    const slow = setup({ trip });
    recordLasting(slow, 10);
    recordLasting(slow, 10);
    record(slow.circuit, '++');
    expect(slow.circuit.stats()).toMatchObject({ state: 'closed', calls: 4, slowCallRate: 0.5 });
  });
});

describe('countWindow', () => {
  it('A count window holds exactly the last `size` recorded calls.', () => {
    const { circuit } = setup({ trip: countWindow({ size: 3, failureThreshold: 3 }) });
    const seen = '--+++-+-'.split('').map((verdict) => {
      record(circuit, verdict);
      const { calls, failures, failureRate } = circuit.stats();
      return [calls, failures, failureRate];
    });
    const third = 1 / 3;
    expect(seen).toEqual([
      [1, 1, 1],
      [2, 2, 1],
      [3, 2, 2 * third],
      [3, 1, third],
      [3, 0, 0],
      [3, 1, third],
      [3, 1, third],
      [3, 2, 2 * third],
    ]);
  });

  it('works with a window of one call', () => {
    expect(stateAfter(countWindow({ size: 1, failureRateThreshold: 1 }), '++-')).toBe('open');
  });

  it('lets slow calls go as they are pushed out', () => {
    const parts = setup({ trip: countWindow({ size: 2, slowCallRateThreshold: 1, slowCallDurationMs: 10 }) });
    const slow = [12, 1, 1, 12, 1].map((ms) => {
      recordLasting(parts, ms, '-');
      return parts.circuit.stats().slowCalls;
    });
    expect(slow).toEqual([1, 1, 0, 1, 1]);
    expect(parts.circuit.stats()).toMatchObject({ state: 'closed', failures: 2, calls: 2, slowCallRate: 0.5 });
  });
});

describe('slow calls', () => {
  const rule = { slowCallRateThreshold: 0.5, slowCallDurationMs: 100, minimumThroughput: 4 };

  it('are those that took `slowCallDurationMs` or longer, failed or not', () => {
    for (const trip of [countWindow({ size: 4, ...rule }), timeWindow({ durationMs: 10_000, ...rule })]) {
      const parts = setup({ trip });
      recordLasting(parts, 99.5);
      recordLasting(parts, 100, '-');
      recordLasting(parts, 0);
      expect(parts.circuit.stats()).toMatchObject({ state: 'closed', calls: 3, slowCalls: 1, slowCallRate: 1 / 3 });
      recordLasting(parts, 100);
      expect(parts.circuit.stats()).toMatchObject({ state: 'open', calls: 4, slowCalls: 2, failures: 1 });
      expect(parts.events[0]!.reason).toBe('2 of 4 calls were slow');
    }
  });

  it('are counted where only failures open the circuit, and never where no duration is given', async () => {
    const counted = setup({ trip: countWindow({ size: 9, failureThreshold: 9, slowCallDurationMs: 10 }) });
    recordLasting(counted, 10);
    expect(counted.circuit.stats().slowCalls).toBe(1);
    for (const trip of [
      countWindow({ size: 9, failureThreshold: 9 }),
      timeWindow({ durationMs: 9, failureThreshold: 9 }),
    ]) {
      const plain = setup({ trip }, 50_000);
      recordLasting(plain, 5);
      for (const [, run] of ways) await run(plain.circuit, answer);
      expect(plain.circuit.stats()).toMatchObject({ slowCalls: 0, slowCallRate: 0 });
      expect(plain.circuit.isIdle).toBe(true);
    }
  });

  it('are measured however the call is made', async () => {
    for (const [, run] of ways) {
      const { circuit, clock } = setup({ trip: countWindow({ size: 9, failureThreshold: 9, slowCallDurationMs: 10 }) });
      await run(circuit, () => clock.advance(10));
      await errorOf(run(circuit, () => clock.advance(9).then(fail)));
      await run(circuit, () => clock.stall(11));
      expect(circuit.stats()).toMatchObject({ calls: 3, slowCalls: 2, failures: 1 });
    }
  });

  it('do not open the circuit by a fast failure', () => {
    const parts = setup({ trip: countWindow({ size: 9, ...rule }) });
    recordLasting(parts, 100);
    recordLasting(parts, 100);
    record(parts.circuit, '+-');
    expect(parts.circuit.stats()).toMatchObject({ state: 'closed', calls: 4, slowCallRate: 0.5 });
    recordLasting(parts, 100);
    expect(parts.circuit.state).toBe('open');
  });
});

describe('several rules', () => {
  const trip = [countWindow({ size: 10, failureRateThreshold: 0.5 }), consecutiveFailures(3)];

  it('open the circuit when any of them says so', () => {
    expect(stateAfter(trip, '++--+--+-')).toBe('closed');
    expect(stateAfter(trip, '++---')).toBe('open');
    expect(stateAfter(trip, '+-+-+-+-+-')).toBe('open');
    expect(stateAfter([...trip].reverse(), '++---')).toBe('open');
    expect(stateAfter([...trip].reverse(), '+-+-+-+-+-')).toBe('open');
  });

  it('show the first in the stats', () => {
    const { circuit } = setup({ trip });
    record(circuit, '-+-');
    expect(circuit.stats()).toMatchObject({ calls: 3, failures: 2 });
    const reverse = setup({ trip: [...trip].reverse() });
    record(reverse.circuit, '-+-');
    expect(reverse.circuit.stats()).toMatchObject({ calls: 3, failures: 1 });
  });

  it('keep their own memory in every circuit that they are given to', () => {
    const shared = consecutiveFailures(2);
    const [one, two] = [setup({ trip: shared }), setup({ trip: shared })];
    record(one.circuit, '-');
    record(two.circuit, '-');
    expect([one.circuit.state, two.circuit.state]).toEqual(['closed', 'closed']);
  });
});
