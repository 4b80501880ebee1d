import { describe, expect, it } from 'vitest';
import { consecutiveFailures } from '../../src/circuit-breaker/index.ts';
import { gate } from '../support/gate.ts';
import { admitted, answer, errorOf, fail, record, setup, toHalfOpen, ways } from './kit.ts';

function halfOpen(halfOpen: Parameters<typeof setup>[0] = {}): ReturnType<typeof setup> {
  const parts = setup(halfOpen);
  toHalfOpen(parts);
  parts.events.length = 0;
  return parts;
}

describe('trials', () => {
  it('A half-open circuit never has more than `maxConcurrent` trials in flight and turns the rest away at once.', async () => {
    for (const [, run] of ways) {
      const { circuit } = halfOpen({ halfOpen: { maxConcurrent: 2, successThreshold: 9 } });
      const works = [gate(), gate(), gate()];
      const [first, second, third] = works.map(({ promise }) => run(circuit, () => promise));
      expect(await errorOf(third!)).toMatchObject({ code: 'ERR_CIRCUIT_OPEN', state: 'half-open', retryAfterMs: 0 });
      expect(circuit.tryAcquire()).toBeNull();
      works[0]!.open();
      await first;
      const permit = admitted(circuit);
      expect(circuit.tryAcquire()).toBeNull();
      permit.success();
      works[1]!.open();
      await second;
      expect(circuit.stats()).toMatchObject({ state: 'half-open', inFlight: 0, notPermitted: 3 });
    }
  });

  it('`successThreshold` good trials close a half-open circuit and `failureThreshold` bad ones open it, whichever comes first.', () => {
    const rows = [
      ['+++', 'closed', 'trials succeeded'],
      ['-+-+', 'open', 'trials failed'],
      ['++-+', 'closed', 'trials succeeded'],
      ['--', 'open', 'trials failed'],
    ] as const;
    for (const [verdicts, state, reason] of rows) {
      const { circuit, events } = halfOpen({ halfOpen: { successThreshold: 3, failureThreshold: 2 } });
      for (const verdict of verdicts) {
        if (circuit.state !== 'half-open') break;
        record(circuit, verdict);
      }
      expect([verdicts, circuit.state, events.length, events[0]?.reason]).toEqual([verdicts, state, 1, reason]);
    }
  });

  it('are one at a time, and the first decides, where nothing else is said', () => {
    const good = halfOpen({ trip: consecutiveFailures(5) });
    const trial = admitted(good.circuit);
    expect(good.circuit.tryAcquire()).toBeNull();
    trial.success();
    expect(good.circuit.state).toBe('closed');
    const bad = halfOpen({ trip: consecutiveFailures(5) });
    record(bad.circuit, '-');
    expect([bad.circuit.state, bad.circuit.retryAfterMs]).toEqual(['open', 1000]);
  });

  it('decide by their own count, not by the trip rules, whose windows are empty then', () => {
    const { circuit } = halfOpen({
      trip: consecutiveFailures(1),
      halfOpen: { failureThreshold: 3, successThreshold: 3 },
    });
    record(circuit, '--++');
    expect(circuit.stats()).toMatchObject({ state: 'half-open', calls: 0, failures: 0 });
  });

  it('start from zero each time the circuit becomes half-open', () => {
    const parts = halfOpen({ halfOpen: { successThreshold: 3, failureThreshold: 3 } });
    record(parts.circuit, '++--');
    toHalfOpen(parts);
    record(parts.circuit, '++--');
    expect(parts.circuit.state).toBe('half-open');
    record(parts.circuit, '+');
    expect(parts.circuit.state).toBe('closed');
  });

  it('of an earlier time hold no slot and do not grow old any more', () => {
    const parts = halfOpen({ halfOpen: { maxConcurrent: 2, trialTimeoutMs: 1500 } });
    admitted(parts.circuit);
    record(parts.circuit, '-');
    parts.clock.stall(1000);
    const trials = [admitted(parts.circuit), admitted(parts.circuit)];
    expect(parts.circuit.tryAcquire()).toBeNull();
    parts.clock.stall(500);
    expect(parts.circuit.state).toBe('half-open');
    trials[0]!.success();
    expect(parts.circuit.state).toBe('closed');
  });

  it('that are ignored give their slot back', () => {
    const { circuit } = halfOpen();
    admitted(circuit).ignore();
    admitted(circuit)[Symbol.dispose]();
    expect([circuit.state, circuit.tryAcquire() === null]).toEqual(['half-open', false]);
  });

  it('close the circuit with empty windows', async () => {
    const { circuit, moves } = halfOpen({ trip: consecutiveFailures(2) });
    expect(await circuit.run(answer)).toBe('answer');
    expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 0, failures: 0 });
    await errorOf(circuit.run(fail));
    expect([circuit.state, ...moves()]).toEqual(['closed', 'half-open > closed']);
  });
});

describe('trialTimeoutMs', () => {
  it('A trial older than `trialTimeoutMs` counts as one failure, gives its slot back, and its late result is void.', async () => {
    for (const [, run] of ways) {
      const parts = halfOpen({ halfOpen: { trialTimeoutMs: 50, failureThreshold: 2, successThreshold: 2 } });
      const { circuit, clock, events } = parts;
      const hung = gate();
      const trial = run(circuit, () => hung.promise);
      clock.stall(49);
      expect(circuit.tryAcquire()).toBeNull();
      clock.stall(1);
      const next = admitted(circuit);
      next.success();
      hung.open();
      await trial;
      expect(circuit.stats()).toMatchObject({ state: 'half-open', late: 1, inFlight: 0 });
      record(circuit, '-');
      expect(circuit.state).toBe('open');
      expect(events.at(-1)).toMatchObject({ atMs: 1050, reason: 'trials failed' });
    }
  });

  it('opens the circuit when a member is next used, for its whole time from there', () => {
    const { circuit, clock, events } = halfOpen({ halfOpen: { trialTimeoutMs: 50 } });
    const hung = admitted(circuit);
    clock.stall(80);
    expect(events).toEqual([]);
    expect([circuit.state, circuit.retryAfterMs, events.length]).toEqual(['open', 1000, 1]);
    hung.success();
    clock.stall(1000);
    expect(circuit.stats()).toMatchObject({ state: 'half-open', late: 1, inFlight: 0 });
  });

  it('is noticed by the result of the trial itself', () => {
    const { circuit, clock } = halfOpen({ halfOpen: { trialTimeoutMs: 50 } });
    const trial = admitted(circuit);
    clock.stall(50);
    trial.success();
    expect(circuit.stats()).toMatchObject({ state: 'open', late: 1 });
  });

  it('counts each of several old trials, and leaves the young ones', () => {
    const { circuit, clock } = halfOpen({
      halfOpen: { trialTimeoutMs: 50, maxConcurrent: 3, failureThreshold: 3 },
    });
    admitted(circuit);
    admitted(circuit);
    clock.stall(1);
    const young = admitted(circuit);
    clock.stall(49);
    expect([circuit.state, circuit.tryAcquire() !== null, circuit.tryAcquire() !== null]).toEqual([
      'half-open',
      true,
      true,
    ]);
    expect(circuit.tryAcquire()).toBeNull();
    young.failure();
    expect(circuit.state).toBe('open');
  });

  it('is 30 seconds where nothing else is said', () => {
    const { circuit, clock } = halfOpen();
    admitted(circuit);
    clock.stall(29_999);
    expect(circuit.state).toBe('half-open');
    clock.stall(1);
    expect(circuit.state).toBe('open');
  });

  it('does not touch calls of a closed circuit', () => {
    const { circuit, clock } = setup({ halfOpen: { trialTimeoutMs: 50 } });
    const call = admitted(circuit);
    clock.stall(1000);
    call.success();
    expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 1, late: 0 });
  });
});
