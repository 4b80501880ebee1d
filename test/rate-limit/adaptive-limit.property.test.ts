import fc from 'fast-check';
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
import { clockJumpMs } from '../support/arbitraries.ts';

const makers: Readonly<Record<string, (options: object) => LimitAlgorithm>> = {
  bbrLimit,
  aimdLimit,
  vegasLimit,
  gradientLimit,
};

const rttMs = fc.oneof(fc.nat(30), fc.constantFrom(0, 0.25, 1e6, 1e12), fc.double({ min: 0, max: 1e5, noNaN: true }));

/** Calls as an algorithm is told of them, in stretches of the same kind. */
const samples = fc.array(
  fc.record({
    count: fc.integer({ min: 1, max: 60 }),
    rttMs,
    load: fc.constantFrom(0.1, 0.4, 1),
    dropped: fc.constantFrom(false, false, false, true),
    stepMs: fc.oneof(fc.constantFrom(0, 0.5, 1, 5), clockJumpMs()),
  }),
  { maxLength: 20 },
);

describe.each(Object.entries(makers))('%s', (_, make) => {
  it('an adaptive limit stays between min and max, whatever it is told', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(60), samples, (min, room, stretches) => {
        const algorithm = make({ min, max: min + room });
        let nowMs = 0;
        for (const { count, rttMs: rtt, load, dropped, stepMs } of stretches) {
          for (let k = 0; k < count; k++) {
            nowMs += stepMs;
            algorithm.sample(rtt, Math.max(1, Math.round(algorithm.limit * load)), dropped, nowMs);
            expect(algorithm.limit).toBeGreaterThanOrEqual(min);
            expect(algorithm.limit).toBeLessThanOrEqual(min + room);
          }
        }
      }),
    );
  });

  it('an adaptive limit does not grow while less than half of it is used', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 100 }), samples, (initial, stretches) => {
        const algorithm = make({ initial });
        let nowMs = 0;
        let most = initial;
        for (const { count, rttMs: rtt, dropped, stepMs } of stretches) {
          for (let k = 0; k < count; k++) {
            nowMs += stepMs;
            algorithm.sample(rtt, Math.max(1, Math.ceil(algorithm.limit / 2) - 1), dropped, nowMs);
            expect(algorithm.limit).toBeLessThanOrEqual(most);
          }
          most = Math.max(algorithm.limit, most);
        }
      }),
    );
  });

  it('an adaptive limit shrinks to its minimum while everything is dropped, and comes back', () => {
    const algorithm = make({ initial: 50, min: 2 });
    const serve = (count: number, dropped: boolean, fromMs: number): void => {
      for (let k = 0; k < count; k++) algorithm.sample(10, Math.floor(algorithm.limit), dropped, fromMs + 2 * k);
    };
    serve(3000, true, 0);
    expect(algorithm.limit).toBe(2);
    serve(20_000, false, 10_000);
    expect(algorithm.limit).toBeGreaterThan(4);
  });

  it('never has more calls run than its limit allowed when they were let in', () => {
    const action = fc.record({ isEnd: fc.boolean(), at: fc.nat(50), ms: fc.nat(20), dropped: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const clock = createVirtualClock();
        const limiter = createConcurrencyLimiter({ limit: make({ initial: 4 }), clock });
        const permits = [];
        for (const { isEnd, at, ms, dropped } of actions) {
          clock.stall(ms);
          if (isEnd) permits.splice(at % (permits.length || 1), 1)[0]?.release(dropped ? 'dropped' : 'success');
          else {
            const permit = limiter.tryAcquire();
            if (permit) permits.push(permit);
            if (permit) expect(limiter.inflight).toBeLessThanOrEqual(limiter.limit);
            else expect(limiter.inflight + 1).toBeGreaterThan(limiter.limit);
          }
          expect(limiter.inflight).toBe(permits.length);
        }
      }),
    );
  });
});

describe('aimdLimit', () => {
  it('grows by one in a round of calls', () => {
    const algorithm = aimdLimit({ initial: 10 });
    for (let k = 0; k < 10; k++) algorithm.sample(10, 10, false, k);
    expect(algorithm.limit).toBeCloseTo(11, 1);
  });

  it('is cut once for all the drops of calls that ran at the same time', () => {
    const algorithm = aimdLimit({ initial: 100, backoffRatio: 0.5 });
    for (let k = 0; k < 10; k++) algorithm.sample(10, 100, true, 1000 + k);
    expect(algorithm.limit).toBe(50);
    algorithm.sample(10, 50, true, 1010);
    expect(algorithm.limit).toBe(25);
  });

  it('counts a call as dropped that took longer than timeoutMs, and one of just that long not', () => {
    const algorithm = aimdLimit({ initial: 10, backoffRatio: 0.5, timeoutMs: 50 });
    algorithm.sample(50, 5, false, 100);
    expect(algorithm.limit).toBe(10.1);
    algorithm.sample(50.1, 5, false, 200);
    expect(algorithm.limit).toBe(5.05);
  });
});
