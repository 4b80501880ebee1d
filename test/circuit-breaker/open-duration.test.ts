import { afterEach, describe, expect, it, vi } from 'vitest';
import { consecutiveFailures, countWindow } from '../../src/circuit-breaker/index.ts';
import { admitted, errorOf, record, recordLasting, setup, toHalfOpen, watchReports, ways } from './kit.ts';

afterEach(() => void vi.unstubAllGlobals());

interface Told {
  readonly retryAfterMs?: unknown;
}

const hintOf = (error: unknown): number | undefined => (error as Told | null)?.retryAfterMs as number | undefined;

describe('openDurationMs', () => {
  it('A function as `openDurationMs` is told how many times the circuit has opened since it was last closed.', () => {
    const asked: string[] = [];
    const { circuit, clock } = setup({
      openDurationMs: (attempt, previousMs) => {
        asked.push(`${attempt} after ${previousMs}`);
        return 100 * 2 ** (attempt - 1);
      },
    });
    for (const openMs of [100, 200, 400]) {
      record(circuit, '-');
      expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', openMs]);
      clock.stall(openMs - 1);
      expect(circuit.state).toBe('open');
      clock.stall(1);
      expect(circuit.state).toBe('half-open');
    }
    record(circuit, '+-');
    circuit.trip();
    circuit.reset();
    record(circuit, '-');
    clock.stall(100);
    circuit.setMode('metrics-only');
    circuit.setMode('auto');
    record(circuit, '-');
    expect(asked).toEqual([
      '1 after 0',
      '2 after 100',
      '3 after 200',
      '1 after 0',
      '1 after 100',
      '1 after 0',
      '1 after 0',
    ]);
  });

  it('is zero where the function answers no time', () => {
    for (const answer of [Number.NaN, -5, 0, -Infinity]) {
      const { circuit } = setup({ openDurationMs: () => answer });
      record(circuit, '-');
      expect([circuit.state, circuit.retryAfterMs]).toEqual(['half-open', 0]);
    }
  });

  it('keeps the last duration where the function throws, and reports that', () => {
    const reports = watchReports();
    const { circuit, clock } = setup({
      openDurationMs: (attempt) => {
        if (attempt === 1) return 300;
        throw new Error('no idea');
      },
    });
    record(circuit, '-');
    clock.stall(300);
    record(circuit, '-');
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', 300]);
    expect(reports).toMatchObject([{ message: 'no idea' }]);
  });

  it('may be for ever', () => {
    for (const openDurationMs of [Infinity, () => Infinity]) {
      const { circuit, clock } = setup({ openDurationMs });
      record(circuit, '-');
      clock.stall(1e15);
      expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', Infinity]);
    }
  });
});

describe('openHintMs', () => {
  it('A hint replaces `openDurationMs` for one opening, and none is obeyed beyond `maxOpenHintMs`.', async () => {
    for (const [, run] of ways) {
      const { circuit, clock } = setup({ openHintMs: hintOf, maxOpenHintMs: 5000 });
      const openMs: number[] = [];
      for (const error of [{ retryAfterMs: 70 }, {}, { retryAfterMs: 5001 }, { retryAfterMs: Infinity }]) {
        await errorOf(run(circuit, () => Promise.reject(error)));
        openMs.push(circuit.retryAfterMs);
        clock.stall(circuit.retryAfterMs);
      }
      expect(openMs).toEqual([70, 1000, 5000, 5000]);
      await errorOf(run(circuit, () => Promise.reject({ retryAfterMs: 0 })));
      expect(circuit.state).toBe('half-open');
    }
  });

  it('is five minutes at the most where nothing else is said', () => {
    const { circuit } = setup({ openHintMs: hintOf });
    admitted(circuit).failure({ retryAfterMs: 3_600_000 });
    expect(circuit.retryAfterMs).toBe(300_000);
  });

  it('does not count where it is no time', () => {
    for (const retryAfterMs of [Number.NaN, -1, null, '5', undefined]) {
      const { circuit } = setup({ openHintMs: hintOf });
      admitted(circuit).failure({ retryAfterMs });
      expect([retryAfterMs, circuit.retryAfterMs]).toEqual([retryAfterMs, 1000]);
    }
  });

  it('does not count where reading it throws, and that is reported', () => {
    const reports = watchReports();
    const { circuit } = setup({
      openHintMs: () => {
        throw new Error('unreadable');
      },
    });
    admitted(circuit).failure({});
    expect([circuit.retryAfterMs, reports.length]).toEqual([1000, 1]);
  });

  it('is read from the failure that opens the circuit, a result included, and from no other', async () => {
    const read: unknown[] = [];
    const { circuit } = setup({
      trip: consecutiveFailures(2),
      isFailureResult: (value) => typeof value === 'object',
      openHintMs: (failure) => {
        read.push(failure);
        return hintOf(failure);
      },
    });
    await circuit.run(() => ({ status: 503, retryAfterMs: 10 }));
    await circuit.run(() => ({ status: 503, retryAfterMs: 20 }));
    expect(circuit.retryAfterMs).toBe(20);
    circuit.reset();
    circuit.trip();
    expect(circuit.retryAfterMs).toBe(1000);
    expect(read).toEqual([{ status: 503, retryAfterMs: 20 }]);
  });

  it('is not read from a slow success that opens the circuit', async () => {
    const trip = countWindow({ size: 1, slowCallRateThreshold: 1, slowCallDurationMs: 10 });
    const { circuit, clock } = setup({ trip, openHintMs: hintOf });
    await circuit.run(async () => {
      await clock.advance(10);
      return { retryAfterMs: 7 };
    });
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', 1000]);
  });

  it('is read from a failed trial, and not from one that hangs', () => {
    const parts = setup({ openHintMs: hintOf, halfOpen: { trialTimeoutMs: 50 } });
    toHalfOpen(parts);
    admitted(parts.circuit).failure({ retryAfterMs: 70 });
    expect(parts.circuit.retryAfterMs).toBe(70);
    parts.clock.stall(70);
    recordLasting(parts, 50, '-');
    expect(parts.circuit.retryAfterMs).toBe(1000);
  });

  it('gives way to the time that `trip` is given', () => {
    const { circuit } = setup({ openHintMs: () => 5 });
    circuit.trip(30);
    expect(circuit.retryAfterMs).toBe(30);
  });

  it('is the previous duration for the function after it', () => {
    const previous: number[] = [];
    const { circuit, clock } = setup({
      openHintMs: hintOf,
      openDurationMs: (_attempt, previousMs) => previous.push(previousMs),
    });
    admitted(circuit).failure({ retryAfterMs: 77 });
    clock.stall(77);
    admitted(circuit).failure();
    expect(previous).toEqual([77]);
  });
});

describe('time', () => {
  it('A clock that is set back does not keep a circuit open for longer than its time.', () => {
    const { circuit, clock, events } = setup({ openDurationMs: 50 }, 10_000_000);
    record(circuit, '-');
    clock.stall(20);
    expect(circuit.retryAfterMs).toBe(30);
    clock.setNow(clock.now() - 3_600_000);
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', 30]);
    clock.stall(29);
    expect([circuit.state, circuit.retryAfterMs]).toEqual(['open', 1]);
    clock.stall(1);
    expect(circuit.state).toBe('half-open');
    expect(events.map(({ atMs }) => atMs)).toEqual([10_000_000, 10_000_050]);
  });

  it('does not pass while the clock stands still, and nothing hangs', () => {
    const { circuit, clock } = setup();
    record(circuit, '-');
    for (let k = 0; k < 100; k++) expect(circuit.tryAcquire()).toBeNull();
    clock.setNow(0);
    expect([circuit.state, circuit.retryAfterMs, circuit.stats().notPermitted]).toEqual(['open', 1000, 100]);
  });

  it('is read when the circuit opens, not when the call began', () => {
    const parts = setup({}, 500);
    recordLasting(parts, 300, '-');
    expect([parts.circuit.retryAfterMs, parts.events[0]!.atMs]).toEqual([1000, 800]);
  });

  it('is never left below zero, or at zero, for an open circuit', () => {
    for (const [nowMs, openDurationMs, stepMs] of [
      [0.1, 1.1, 0.7],
      [1e9 + 0.3, 3.3, 1.1],
      [123_456.789, 99.9, 33.3],
    ] as const) {
      const { circuit, clock } = setup({ openDurationMs }, nowMs);
      record(circuit, '-');
      while (circuit.state === 'open') {
        expect(circuit.retryAfterMs).toBeGreaterThan(0);
        clock.stall(stepMs);
      }
      expect(circuit.retryAfterMs).toBe(0);
    }
  });
});
