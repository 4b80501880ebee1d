import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { consecutiveFailures } from '../../src/circuit-breaker/index.ts';
import { answer, errorOf, record, setup, toHalfOpen } from './kit.ts';

/** A circuit that has just recovered and ramps up. */
function recovered(rampUp: { durationMs: number; initialRatio?: number }): ReturnType<typeof setup> {
  const parts = setup({ rampUp, trip: consecutiveFailures(2) });
  toHalfOpen(parts);
  record(parts.circuit, '+');
  return parts;
}

/** Whether each of `calls` calls, `everyMs` apart, was let through. */
function offer({ circuit, clock }: ReturnType<typeof setup>, calls: number, everyMs: number): boolean[] {
  return Array.from({ length: calls }, () => {
    const permit = circuit.tryAcquire();
    permit?.success();
    clock.stall(everyMs);
    return permit !== null;
  });
}

describe('rampUp', () => {
  it('While admission ramps up, each tenth of the ramp lets its due share through, give or take one percent of the calls.', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.integer({ min: 100, max: 300 }),
        (initialRatio, callsPerTenth) => {
          const durationMs = 10 * callsPerTenth * 7;
          const parts = recovered({ durationMs, initialRatio });
          for (let tenth = 0; tenth < 10; tenth++) {
            const share = offer(parts, callsPerTenth, 7).filter(Boolean).length / callsPerTenth;
            const due = initialRatio + (1 - initialRatio) * ((tenth + 0.5 - 0.5 / callsPerTenth) / 10);
            expect(Math.abs(share - due)).toBeLessThanOrEqual(0.01 + 1e-9);
          }
          expect(offer(parts, 50, 1)).not.toContain(false);
        },
      ),
    );
  });

  it('spreads what it lets through evenly, the first call included', () => {
    const parts = recovered({ durationMs: 1000, initialRatio: 0.25 });
    expect(offer(parts, 9, 0).map(Number)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    const half = recovered({ durationMs: 1000, initialRatio: 0.5 });
    expect(offer(half, 5, 0).map(Number)).toEqual([1, 0, 1, 0, 1]);
    half.clock.stall(500);
    // Half of the way from a half to all is three quarters.
    expect(offer(half, 8, 0).filter(Boolean)).toHaveLength(6);
  });

  it('begins with a tenth of the calls where nothing else is said', () => {
    expect(offer(recovered({ durationMs: 1000 }), 40, 0).filter(Boolean)).toHaveLength(4);
  });

  it('lets everything through from its end on, to the millisecond', () => {
    const parts = recovered({ durationMs: 1000, initialRatio: 0.25 });
    parts.clock.stall(999);
    parts.circuit.stats();
    expect(offer(parts, 4000, 0).filter((isAdmitted) => !isAdmitted)).toHaveLength(3);
    parts.clock.stall(1);
    expect(offer(parts, 4000, 0)).not.toContain(false);
  });

  it('rejects the others as closed, to be tried again at any moment', async () => {
    const { circuit } = recovered({ durationMs: 1000, initialRatio: 0.1 });
    expect(await circuit.run(answer)).toBe('answer');
    expect(await errorOf(circuit.run(answer))).toMatchObject({ state: 'closed', retryAfterMs: 0 });
    expect(circuit.stats()).toMatchObject({ state: 'closed', notPermitted: 1, calls: 1 });
    expect(circuit.retryAfterMs).toBe(0);
  });

  it('follows the recovery by trials only', () => {
    const parts = setup({ rampUp: { durationMs: 1000 } });
    expect(offer(parts, 20, 0)).not.toContain(false);
    parts.circuit.trip();
    parts.circuit.reset();
    expect(offer(parts, 20, 0)).not.toContain(false);
    toHalfOpen(parts);
    parts.circuit.setMode('auto');
    // By hand out of half-open is a recovery, too.
    expect(parts.circuit.state).toBe('closed');
  });

  it('ends when the circuit opens, and starts anew with the next recovery', () => {
    const parts = recovered({ durationMs: 1000, initialRatio: 0.5 });
    offer(parts, 4, 100);
    parts.circuit.trip(100);
    parts.clock.stall(100);
    record(parts.circuit, '+');
    expect(offer(parts, 8, 0).filter(Boolean)).toHaveLength(4);
  });

  it('does not keep the circuit from being idle once it is over', () => {
    const { circuit, clock } = recovered({ durationMs: 1000 });
    expect(circuit.isIdle).toBe(false);
    clock.stall(999);
    expect(circuit.isIdle).toBe(false);
    clock.stall(1);
    expect(circuit.isIdle).toBe(true);
  });

  it('counts failures while it lasts', () => {
    const parts = recovered({ durationMs: 1000, initialRatio: 1 });
    record(parts.circuit, '--');
    expect(parts.circuit.state).toBe('open');
  });
});
