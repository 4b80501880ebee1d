import { describe, expect, it } from 'vitest';
import { consecutiveFailures } from '../../src/circuit-breaker/index.ts';
import { gate } from '../support/gate.ts';
import { admitted, down, errorOf, record, setup, toHalfOpen, ways } from './kit.ts';

describe('generations', () => {
  it('A result counts only if the state has not changed since its call was let through; otherwise it adds to `late` and changes nothing.', async () => {
    for (const [, run] of ways) {
      for (const settle of ['success', 'failure'] as const) {
        const parts = setup();
        const work = gate<string>();
        const call = run(parts.circuit, () => work.promise);
        toHalfOpen(parts);
        const trial = admitted(parts.circuit);
        if (settle === 'success') work.open('late');
        else work.fail(down);
        if (settle === 'success') expect(await call).toBe('late');
        else expect(await errorOf(call)).toBe(down);
        expect(parts.circuit.stats()).toMatchObject({ state: 'half-open', late: 1, inFlight: 1, calls: 0 });
        trial.success();
        expect(parts.circuit.state).toBe('closed');
      }
    }
  });

  it('do not mix calls from before a reset with those after', () => {
    const { circuit } = setup({ trip: consecutiveFailures(2) });
    const old = [admitted(circuit), admitted(circuit), admitted(circuit)];
    circuit.reset();
    for (const permit of old) permit.failure();
    expect(circuit.stats()).toMatchObject({ state: 'closed', calls: 0, failures: 0, late: 3, inFlight: 0 });
  });

  it('void what began under another mode, whichever way the call was made', async () => {
    for (const [, run] of ways) {
      for (const mode of ['metrics-only', 'disabled', 'auto'] as const) {
        const { circuit } = setup({ trip: consecutiveFailures(1) });
        const work = gate<string>();
        const call = errorOf(run(circuit, () => work.promise));
        circuit.setMode(mode);
        work.fail(down);
        expect(await call).toBe(down);
        expect(circuit.stats()).toMatchObject({ calls: 0, late: 1, inFlight: 0 });
      }
    }
  });

  it('count every late result, of any generation, and no ignored one', () => {
    const parts = setup();
    const { circuit } = parts;
    const permits = [admitted(circuit), admitted(circuit)];
    toHalfOpen(parts);
    permits.push(admitted(circuit));
    circuit.trip();
    permits.forEach((permit, k) => (k === 0 ? permit.ignore() : permit.failure()));
    expect(circuit.stats()).toMatchObject({ late: 2, inFlight: 0, state: 'open' });
  });

  it('open the circuit at most once for failures of one generation', () => {
    const { circuit, clock, moves } = setup();
    const permits = Array.from({ length: 10 }, () => admitted(circuit));
    for (const permit of permits.slice(0, 5)) permit.failure();
    clock.stall(500);
    for (const permit of permits.slice(5)) permit.failure();
    expect([circuit.retryAfterMs, circuit.stats().late, ...moves()]).toEqual([500, 9, 'closed > open']);
  });

  it('go on when an operation itself moves the state', async () => {
    for (const [, run] of ways) {
      const { circuit } = setup();
      await errorOf(
        run(circuit, () => {
          circuit.reset();
          throw down;
        }),
      );
      expect(circuit.stats()).toMatchObject({ state: 'closed', late: 1, inFlight: 0, calls: 0 });
    }
  });
});

describe('permits', () => {
  it('A permit counts once, and one that is disposed unsettled counts nowhere.', () => {
    const { circuit } = setup({ trip: consecutiveFailures(2) });
    const settled = admitted(circuit);
    settled.success();
    settled.failure();
    settled.failure(down);
    settled.ignore();
    settled[Symbol.dispose]();
    expect(circuit.stats()).toMatchObject({ calls: 1, failures: 0, inFlight: 0 });
    admitted(circuit)[Symbol.dispose]();
    admitted(circuit).ignore();
    expect(circuit.stats()).toMatchObject({ calls: 1, failures: 0, inFlight: 0, late: 0 });
    for (const first of ['failure', 'ignore', Symbol.dispose] as const) {
      const other = setup({ trip: consecutiveFailures(2) }).circuit;
      const permit = admitted(other);
      permit[first]();
      permit.success();
      permit.failure();
      expect(other.stats()).toMatchObject(first === 'failure' ? { calls: 1, failures: 1 } : { calls: 0, failures: 0 });
      expect(other.stats().inFlight).toBe(0);
    }
  });

  it('hold their slot until they are settled', () => {
    const parts = setup();
    toHalfOpen(parts);
    const permit = admitted(parts.circuit);
    expect(parts.circuit.tryAcquire()).toBeNull();
    permit.success();
    record(parts.circuit, '+');
    expect(parts.circuit.state).toBe('closed');
  });
});
