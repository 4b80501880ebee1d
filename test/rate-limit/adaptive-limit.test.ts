import { describe, expect, it } from 'vitest';
import type { LimitAlgorithm } from '../../src/rate-limit/index.ts';
import {
  aimdLimit,
  bbrLimit,
  createConcurrencyLimiter,
  gradientLimit,
  vegasLimit,
} from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { badNumbers } from '../support/arbitraries.ts';
import { simulate } from './simulated-server.ts';
import type { Simulation, SimulationResult } from './simulated-server.ts';

const makers = { bbrLimit, aimdLimit, vegasLimit, gradientLimit } as const;
const LOADS = [0.3, 0.5, 0.7, 0.9, 1, 1.1, 1.25, 1.5, 2, 3];

/** A server of 20 cores, calls of 10 ms. */
function run(limit: LimitAlgorithm, load: number, options: Partial<Simulation> = {}): SimulationResult {
  const clock = createVirtualClock();
  return simulate(createConcurrencyLimiter({ limit, clock }), clock, {
    cores: 20,
    serviceMs: 10,
    load: () => load,
    durationMs: 30_000,
    warmUpMs: 5_000,
    seed: 7,
    ...options,
  });
}

/** What the guard against creeping is there for: the long average rises with the queue that it lets grow. */
function longAverage(): LimitAlgorithm {
  let limit = 20;
  let longMs = 0;
  return {
    get limit() {
      return limit;
    },
    sample(rttMs, inflight) {
      longMs = longMs ? longMs + (rttMs - longMs) / 600 : rttMs;
      if (inflight < limit / 2) return;
      const gradient = Math.min(1, Math.max(0.5, (1.5 * longMs) / rttMs));
      limit = Math.min(500, limit * 0.8 + 0.2 * (limit * gradient + 4));
    },
  };
}

describe.each(Object.entries(makers))('options of %s', (_, make: (options: object) => LimitAlgorithm) => {
  it.each(['min', 'max'])('refuse bad values of %s', (option) => {
    const rule = option === 'min' ? { min: 1, isInteger: true } : { min: 5, isInteger: true };
    for (const [, value] of badNumbers(rule)) {
      expect(() => make({ min: 5, [option]: value })).toThrow(new RegExp(`^${option} must be`));
    }
  });

  it('refuse an initial limit out of the bounds, and begin with the nearest to 20 where none is said', () => {
    for (const [, initial] of badNumbers({ min: 3, max: 9 })) {
      expect(() => make({ min: 3, max: 9, initial })).toThrow(/^initial must be/);
    }
    const limits = [{}, { min: 30 }, { max: 10 }, { initial: 7 }, { initial: undefined }].map((o) => make(o).limit);
    expect(limits).toEqual([20, 30, 10, 7, 20]);
  });
});

it.each([
  [() => aimdLimit({ backoffRatio: 1 }), 'backoffRatio'],
  [() => aimdLimit({ backoffRatio: 0 }), 'backoffRatio'],
  [() => aimdLimit({ timeoutMs: -1 }), 'timeoutMs'],
  [() => gradientLimit({ tolerance: 0.9 }), 'tolerance'],
  [() => gradientLimit({ tolerance: Infinity }), 'tolerance'],
  [() => bbrLimit({ probeIntervalMs: -1 }), 'probeIntervalMs'],
])('options out of their bounds are refused by name: %s', (make, name) => {
  expect(make).toThrow(name);
});

describe('bbrLimit', () => {
  it('bbrLimit serves at least 93 % of what can be served, with 99 % within 3 service times, at loads from 0.3 to 3', () => {
    for (const load of LOADS) {
      const { goodput, p99 } = run(bbrLimit(), load);
      expect([load, goodput]).toEqual([load, expect.toSatisfy((share: number) => share >= 0.93)]);
      expect([load, p99]).toEqual([load, expect.toSatisfy((times: number) => times <= 3)]);
    }
  });

  it('bbrLimit does not creep up under a mild overload, not in ten minutes', () => {
    const { goodput, p99, limits } = run(bbrLimit(), 1.25, { durationMs: 600_000 });
    expect(Math.max(...limits)).toBeLessThan(50);
    expect([goodput > 0.97, p99 < 3]).toEqual([true, true]);
  });

  it('does not learn from its own queue, as a limit does that takes a long average for the latency', () => {
    const { limits, p99 } = run(longAverage(), 1.25, { durationMs: 120_000 });
    expect([Math.max(...limits) > 400, p99 > 10]).toEqual([true, true]);
  });

  it('bbrLimit finds its way from a far too high and a far too low beginning', () => {
    for (const initial of [1, 1000]) {
      const { goodput, p99 } = run(bbrLimit({ initial }), 2, { warmUpMs: 10_000 });
      expect([initial, goodput > 0.93, p99 < 3]).toEqual([initial, true, true]);
    }
  });

  it('serves a large server and one of slow calls as well', () => {
    const large = run(bbrLimit(), 1.5, { cores: 200, serviceMs: 3, durationMs: 6000, warmUpMs: 2000 });
    const slow = run(bbrLimit(), 1.5, { cores: 20, serviceMs: 1000, durationMs: 1_000_000, warmUpMs: 300_000 });
    for (const { goodput, p99 } of [large, slow]) expect([goodput > 0.93, p99 < 3]).toEqual([true, true]);
  });

  it('keeps to 90 % where service times are exponential, and so does not take chance for queueing', () => {
    for (const load of [0.3, 0.7, 1, 1.5]) {
      expect(run(bbrLimit(), load, { spread: 'exponential' }).goodput).toBeGreaterThan(0.9);
    }
  });

  it('bbrLimit follows a dependency that becomes slower and recovers', () => {
    const slowness = (nowMs: number): number => (nowMs > 20_000 && nowMs < 60_000 ? 3 : 1);
    const options = { slowness, durationMs: 100_000, warmUpMs: 40_000 };
    const slow = run(bbrLimit(), 1.5, { ...options, durationMs: 60_000 });
    expect([slow.goodput > 0.93, slow.p99 < 9]).toEqual([true, true]);
    const recovered = run(bbrLimit(), 1.5, { ...options, warmUpMs: 70_000 });
    expect([recovered.goodput > 0.93, recovered.p99 < 3]).toEqual([true, true]);
  });

  it('follows a load that comes and goes', () => {
    const load = (nowMs: number): number => (Math.floor(nowMs / 5000) % 2 === 0 ? 0.1 : 2);
    const { goodput, p99 } = run(bbrLimit(), 0, { load, durationMs: 60_000, warmUpMs: 10_000 });
    // Half of the time a tenth of what the cores can do is asked for.
    expect([goodput > 0.93 * 0.55, p99 < 3]).toEqual([true, true]);
  });
});

it.each([
  ['vegasLimit', vegasLimit()],
  ['gradientLimit', gradientLimit()],
  ['aimdLimit', aimdLimit({ timeoutMs: 25 })],
])('%s neither creeps up nor starves under a mild overload', (_, limit) => {
  const { goodput, p99, limits } = run(limit, 1.25, { durationMs: 100_000 });
  expect([goodput > 0.93, p99 < 3]).toEqual([true, true]);
  expect(Math.max(...limits)).toBeLessThan(80);
});

it('the simulation itself tells a limit that is too low from one that is too high', () => {
  const fixed = (limit: number): LimitAlgorithm => ({ limit, sample: () => {} });
  expect(run(fixed(10), 1.5).goodput).toBeCloseTo(0.5, 1);
  expect(run(fixed(100), 1.5).p99).toBeGreaterThan(5);
  const idle = run(fixed(100), 0.3);
  expect(idle.goodput).toBeCloseTo(1, 2);
  expect(idle.p99).toBeLessThan(1.5);
});
