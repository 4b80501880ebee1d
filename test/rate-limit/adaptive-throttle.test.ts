import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAdaptiveThrottle } from '../../src/rate-limit/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { badFunctions, badNumbers } from '../support/arbitraries.ts';

describe('options', () => {
  it.each([
    ['k', { min: 1 }],
    ['windowMs', { min: 10, isInteger: true }],
    ['maxRejectProbability', { min: 0, max: 1 }],
  ] as const)('refuse bad values of %s', (option, rule) => {
    for (const [, value] of badNumbers(rule)) {
      expect(() => createAdaptiveThrottle({ [option]: value })).toThrow(new RegExp(`^${option} must be`));
    }
  });

  it.each(badFunctions)('refuse random as %s', (_, random) => {
    expect(() => createAdaptiveThrottle({ random } as never)).toThrow('random');
  });

  it('are undefined for their defaults, and nothing is read before the first call', () => {
    const options = { k: undefined, windowMs: undefined, maxRejectProbability: undefined, random: undefined };
    let readings = 0;
    const clock = { now: () => ++readings };
    const throttle = createAdaptiveThrottle({ ...options, clock } as never);
    expect(readings).toBe(0);
    expect([throttle.tryStart(), readings]).toEqual([true, 1]);
    expect(createAdaptiveThrottle().tryStart()).toBe(true);
  });
});

/** Counts of the tenths of the last window, the newest last. */
class Model {
  tenths: { requests: number; accepts: number }[] = [{ requests: 0, accepts: 0 }];
  ranMs = 0;

  pass(ms: number, tenthMs: number): void {
    for (this.ranMs += ms; this.ranMs >= tenthMs; this.ranMs -= tenthMs) this.tenths.push({ requests: 0, accepts: 0 });
    this.tenths = this.tenths.slice(-10);
  }

  probability(k: number, most: number): number {
    const sum = (of: 'requests' | 'accepts'): number => this.tenths.reduce((all, one) => all + one[of], 0);
    return Math.min(most, Math.max(0, (sum('requests') - k * sum('accepts')) / (sum('requests') + 1)));
  }
}

it('a throttle rejects with the probability of the formula, up to maxRejectProbability, over the last window', () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant('start' as const),
      draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    }),
    fc.record({ do: fc.constant('accept' as const) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.oneof(fc.nat(30), fc.nat(500)) }),
    fc.record({ do: fc.constant('back' as const), ms: fc.nat(500) }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(1, 1.1, 2, 5),
      fc.constantFrom(0, 0.5, 0.9, 1),
      fc.integer({ min: 1, max: 20 }),
      fc.array(step, { maxLength: 100 }),
      (k, most, tenthMs, steps) => {
        const clock = createVirtualClock({ nowMs: 1000 });
        let draw = 0;
        const random = (): number => draw;
        const options = { k, windowMs: 10 * tenthMs, maxRejectProbability: most, clock, random };
        const throttle = createAdaptiveThrottle(options);
        const model = new Model();
        expect(throttle.rejectProbability).toBe(0); // reads the clock for the first time
        for (const one of steps) {
          if (one.do === 'start') {
            draw = one.draw;
            const probability = model.probability(k, most);
            expect(throttle.tryStart()).toBe(draw >= probability);
            model.tenths.at(-1)!.requests++;
          } else if (one.do === 'accept') {
            throttle.accepted();
            model.tenths.at(-1)!.accepts++;
          } else if (one.do === 'pass') {
            clock.stall(one.ms);
            model.pass(one.ms, tenthMs);
          } else {
            expect(throttle.rejectProbability).toBe(model.probability(k, most));
            clock.setNow(clock.now() - one.ms);
          }
          // Time that has gone by is seen by whatever is called next.
          if (one.do !== 'pass') expect(throttle.rejectProbability).toBe(model.probability(k, most));
        }
      },
    ),
  );
});

it('a draw equal to the probability lets the call through, one below it does not', () => {
  const draws = [0.5, 0.66];
  const throttle = createAdaptiveThrottle({ clock: createVirtualClock(), random: () => draws.shift()! });
  expect([1, 2, 3].map(() => throttle.tryStart())).toEqual([true, true, false]);
});

it('each tenth of the window counts until it is over, and no longer', () => {
  const clock = createVirtualClock();
  const throttle = createAdaptiveThrottle({ windowMs: 100, maxRejectProbability: 1, clock });
  for (let k = 0; k < 10; k++) {
    throttle.tryStart();
    clock.stall(k < 9 ? 10 : 9);
  }
  const seen = Array.from({ length: 11 }, (_, k) => {
    clock.stall(k === 0 ? 0 : 10);
    return throttle.rejectProbability;
  });
  expect(seen).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((requests) => requests / (requests + 1)));
});

it('a clock that steps back neither adds time nor takes any off', () => {
  const clock = createVirtualClock({ nowMs: 1000 });
  const throttle = createAdaptiveThrottle({ windowMs: 100, clock });
  throttle.tryStart();
  clock.stall(60);
  expect(throttle.rejectProbability).toBe(0.5);
  clock.setNow(10);
  expect(throttle.rejectProbability).toBe(0.5);
  clock.stall(39);
  expect(throttle.rejectProbability).toBe(0.5);
  clock.stall(1);
  expect(throttle.rejectProbability).toBe(0);
});

it('an accepted call counts from when it is said to be, not from when the throttle was last asked', () => {
  const clock = createVirtualClock();
  const throttle = createAdaptiveThrottle({ windowMs: 100, clock });
  throttle.tryStart();
  clock.stall(50);
  throttle.accepted();
  clock.stall(10);
  for (let k = 0; k < 3; k++) throttle.tryStart();
  clock.stall(50); // the first tenth is over, the sixth is not
  expect(throttle.rejectProbability).toBe(0.25);
});

it('draws no chance while nothing is rejected', () => {
  let draws = 0;
  const throttle = createAdaptiveThrottle({ clock: createVirtualClock(), random: () => ++draws });
  for (let k = 0; k < 100; k++) {
    throttle.tryStart();
    throttle.accepted();
  }
  expect(draws).toBe(0);
});

it('a throttle holds back calls to an overloaded dependency, and lets all through soon after it has recovered', () => {
  const clock = createVirtualClock();
  const throttle = createAdaptiveThrottle({ windowMs: 10_000, clock, random: createSeededRandom(1) });
  /** Calls that reach the dependency in a second of 1000, of which it accepts `most`. */
  const second = (most: number): number => {
    let sent = 0;
    for (let k = 0; k < 1000; k++) {
      clock.stall(1);
      if (throttle.tryStart() && ++sent <= most) throttle.accepted();
    }
    return sent;
  };
  for (let k = 0; k < 10; k++) second(1000);
  let overloaded = 0;
  for (let k = 0; k < 30; k++) overloaded = second(100);
  // K = 2: about twice as many as are accepted.
  expect(overloaded).toBeGreaterThan(150);
  expect(overloaded).toBeLessThan(300);
  for (let k = 0; k < 15; k++) second(1000);
  expect(second(1000)).toBe(1000);
});

it('counts windows of years, and forgets all of one that is over', () => {
  const clock = createVirtualClock();
  const throttle = createAdaptiveThrottle({ windowMs: 10 * 365 * 86_400_000, clock });
  for (let k = 0; k < 9; k++) throttle.tryStart();
  expect(throttle.rejectProbability).toBe(0.9);
  clock.stall(11 * 365 * 86_400_000);
  expect(throttle.rejectProbability).toBe(0);
});
