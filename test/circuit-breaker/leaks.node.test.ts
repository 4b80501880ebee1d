import { describe, expect, it } from 'vitest';
import type { CircuitBreakerOptions, TripRule } from '../../src/circuit-breaker/index.ts';
import {
  consecutiveFailures,
  countWindow,
  createBreakerRegistry,
  timeWindow,
} from '../../src/circuit-breaker/index.ts';
import { abortListeners, expectNoLeaks, heapGrowth } from '../support/leaks.ts';
import { answer, errorOf, fail, setup } from './kit.ts';

const rule = { failureRateThreshold: 1, slowCallRateThreshold: 1, slowCallDurationMs: 5 };
const trips: readonly (readonly [string, TripRule])[] = [
  ['consecutiveFailures', consecutiveFailures(1_000_000)],
  ['countWindow', countWindow({ size: 1000, ...rule, countInFlightSlowCalls: true })],
  ['timeWindow', timeWindow({ durationMs: 1000, ...rule, countInFlightSlowCalls: true })],
];

describe('memory', () => {
  for (const [name, trip] of trips) {
    it(`does not grow with calls under ${name}`, async () => {
      const { circuit, clock } = setup({ trip });
      const { signal } = new AbortController();
      const growth = await heapGrowth(
        async (k) => {
          clock.stall(1);
          if (k % 3 === 0) await circuit.run(answer, { signal });
          else if (k % 3 === 1) await circuit.runOutcome(fail);
          else circuit.tryAcquire()?.ignore();
        },
        { operations: 33_334, rounds: 4 },
      );
      expect(growth).toBeLessThan(50_000);
      expect([abortListeners(signal), circuit.stats().inFlight]).toEqual([0, 0]);
    });
  }

  it('does not grow with calls that are turned away, nor with the moves of a circuit', async () => {
    const { circuit, clock, events } = setup();
    const growth = await heapGrowth(async (k) => {
      events.length = 0;
      if (k % 5 === 0) clock.stall(1000);
      await circuit.runOutcome(k % 10 ? fail : answer);
    });
    expect(growth).toBeLessThan(50_000);
    expect(circuit.stats().notPermitted).toBeGreaterThan(100_000);
  });

  it('does not grow with listeners that came and left, nor with isolations', async () => {
    const { circuit, events } = setup();
    const growth = await heapGrowth(
      () => {
        events.length = 0;
        circuit.onEvent(() => {})();
        circuit.isolate().dispose();
      },
      { operations: 10_000 },
    );
    expect(growth).toBeLessThan(50_000);
  });

  it('does not grow with keys beyond those that are kept', async () => {
    const options: CircuitBreakerOptions = { trip: consecutiveFailures(2), openDurationMs: 1 };
    const circuits = createBreakerRegistry({ create: () => options, maxKeys: 10 });
    const growth = await heapGrowth((k) => circuits.get(`key ${k}`), { operations: 20_000 });
    expect(growth).toBeLessThan(50_000);
    expect(circuits.size).toBe(10);
  });
});

describe('leaks', () => {
  it('are none: no listener, timer, handle or unhandled rejection, whatever the operations and callbacks do', async () => {
    await expectNoLeaks(async ({ signal }) => {
      const throwing = (): never => {
        throw new Error('from a callback');
      };
      const errors = console.error;
      console.error = () => {};
      try {
        const options = { isFailure: throwing, isIgnored: throwing, openHintMs: throwing, isFailureResult: throwing };
        const { circuit, clock } = setup({ ...options, onEvent: throwing, openDurationMs: throwing });
        for (let k = 0; k < 20; k++) {
          await errorOf(circuit.run(fail, { signal }).then(fail));
          await circuit.runOutcome(throwing);
          await circuit.run(answer).catch(() => {});
          clock.stall(500);
        }
      } finally {
        console.error = errors;
      }
    });
  });

  it('are none when an async listener rejects: it is reported', async () => {
    const reports: unknown[] = [];
    const errors = console.error;
    console.error = (error: unknown) => void reports.push(error);
    try {
      await expectNoLeaks(async () => {
        const onEvent = (): unknown => Promise.reject(new Error('lost'));
        const { circuit } = setup({ onEvent });
        circuit.trip();
        await Promise.resolve();
      });
    } finally {
      console.error = errors;
    }
    expect(reports).toMatchObject([{ message: 'lost' }]);
  });
});
