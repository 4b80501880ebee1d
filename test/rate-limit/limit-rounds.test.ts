import { describe, expect, it } from 'vitest';
import { bbrLimit, gradientLimit, vegasLimit } from '../../src/rate-limit/index.ts';
import { Calls } from './limit-kit.ts';

describe('a round', () => {
  it('is of 16 calls at least, and of as many as the limit', () => {
    for (const [initial, count] of [
      [4, 16],
      [40, 40],
    ] as const) {
      const calls = new Calls(vegasLimit({ initial }));
      calls.quietRound(5);
      for (let k = 0; k < count - 1; k++) calls.end(5, initial);
      expect(calls.algorithm.limit).toBe(initial);
      calls.end(5, initial);
      expect(calls.algorithm.limit).toBe(2 * initial);
    }
  });

  it('takes as long as a call does without queueing, however many end meanwhile', () => {
    const calls = new Calls(vegasLimit({ initial: 16 }));
    calls.quietRound(40);
    // They began 23 ms ago: from the end of the round before.
    for (let k = 0; k < 39; k++) calls.end(23, 16);
    expect(calls.algorithm.limit).toBe(16);
    calls.end(23, 16);
    expect(calls.algorithm.limit).toBe(32);
  });

  it('of which a call was dropped takes a tenth off the limit, whatever the latency', () => {
    for (const make of [bbrLimit, vegasLimit, gradientLimit]) {
      const calls = new Calls(make({ initial: 20 }));
      calls.quietRound(5);
      expect(calls.round(5, 1)).toBeCloseTo(18, 9);
      expect(calls.round(500, 18)).toBeCloseTo(16.2, 9);
    }
  });

  it('ends once time has passed, however many calls end before', () => {
    const calls = new Calls(vegasLimit({ initial: 20 }));
    calls.quietRound(5);
    for (let k = 0; k < 40; k++) calls.algorithm.sample(5, 20, k === 0, calls.nowMs);
    expect(calls.algorithm.limit).toBe(20);
    for (let k = 0; k < 5; k++) calls.end(5, 20);
    expect(calls.algorithm.limit).toBe(18);
  });
});

describe('vegasLimit', () => {
  it('doubles until calls queue, then goes up or down by the square root, by how many of them queue', () => {
    const calls = new Calls(vegasLimit({ initial: 16 }));
    calls.quietRound(10);
    expect(calls.round(10)).toBe(32);
    // Half of the time in the queue: 16 of 32 wait, more than twice the square root.
    expect(calls.round(20)).toBeCloseTo(32 - Math.sqrt(32), 9);
    const before = calls.algorithm.limit; // 26.3, of which 5.1 make the square root
    // 26.3 x (1 - 10 / 14) = 7.5 wait: neither few nor many.
    expect(calls.round(14)).toBe(before);
    expect(calls.round(10)).toBeCloseTo(before + Math.sqrt(before), 9);
  });

  it.each([
    ['as many as the square root', 12],
    ['twice as many', 18],
  ])('stays where it is when %s queue', (_, rttMs) => {
    const calls = new Calls(vegasLimit({ initial: 16 }));
    calls.quietRound(9);
    expect(calls.round(rttMs)).toBe(16);
    // It was a round: calls have queued, so that the limit no longer doubles.
    expect(calls.round(9)).toBe(20);
  });

  it('does not take for queueing what may be chance, which three standard errors are', () => {
    for (const [quickMs, slowMs, limit] of [
      [8, 16, 32], // 12 ms in the mean, 9 of them for sure
      [12, 14, 20], // 13 ms, 12.25 of them for sure
    ] as const) {
      const calls = new Calls(vegasLimit({ initial: 16 }));
      calls.quietRound(10);
      for (let k = 0; k < 16; k++) calls.end(k % 2 === 0 ? quickMs : slowMs, 16);
      expect(calls.algorithm.limit).toBe(limit);
    }
  });
});

describe('gradientLimit', () => {
  it.each([
    [10, 102],
    [15, 102],
    [20, 97],
    [30, 92],
    [300, 92],
  ])('goes a fifth of the way to its next value: after a round of %s ms with 10 without queueing', (rttMs, limit) => {
    const calls = new Calls(gradientLimit({ initial: 100 }));
    expect(calls.quietRound(10)).toBe(100);
    expect(calls.round(rttMs)).toBeCloseTo(limit, 9);
  });

  it('puts up with as many times the latency as it is told', () => {
    const calls = new Calls(gradientLimit({ initial: 100, tolerance: 3 }));
    calls.quietRound(10);
    expect(calls.round(30)).toBeCloseTo(102, 9);
    expect(calls.round(40)).toBeCloseTo(102 + 0.2 * (102 * 0.75 + Math.sqrt(102) - 102), 9);
  });
});

describe('bbrLimit', () => {
  it('is what is under way at the highest rate of ten rounds, a quarter, and one and a half square roots', () => {
    const calls = new Calls(bbrLimit({ initial: 30 }));
    const flightLimit = (flight: number): number => 1.25 * flight + 1.5 * Math.sqrt(flight);
    calls.quietRound(40);
    // A call ends each millisecond and takes 40: 40 are under way.
    for (let k = 0; k < 40; k++) calls.end(40, 30);
    expect(calls.algorithm.limit).toBeCloseTo(flightLimit(40), 9);
    const slowRound = (): number => {
      for (let k = 0; k < 60; k++) {
        calls.nowMs++;
        calls.end(80, 59);
      }
      return calls.algorithm.limit;
    };
    for (let k = 0; k < 9; k++) expect(slowRound()).toBeCloseTo(flightLimit(40), 9);
    expect(slowRound()).toBeCloseTo(flightLimit(20), 9);
  });

  it('never more than doubles in a round', () => {
    const calls = new Calls(bbrLimit({ initial: 16 }));
    calls.quietRound(100);
    for (let k = 0; k < 100; k++) calls.end(100, 16);
    expect(calls.algorithm.limit).toBe(32);
  });
});

describe('a probe', () => {
  const FULL = 1.25 * 10 + 1.5 * Math.sqrt(10);

  /** A call ends each millisecond; they took 10 and now take 40, at the full limit, until a probe begins. */
  function probing(options = {}): { readonly calls: Calls; readonly afterMs: number } {
    const calls = new Calls(bbrLimit({ initial: 20, ...options }));
    calls.quietRound(10);
    const { nowMs } = calls;
    while (calls.algorithm.limit > 6) calls.end(40, calls.algorithm.limit);
    return { calls, afterMs: calls.nowMs - nowMs };
  }

  /** The same, drained. */
  function drained(): Calls {
    const { calls } = probing();
    calls.end(40, 5);
    return calls;
  }

  it('begins with the first round after probeIntervalMs, or 50 latencies, in which calls queue', () => {
    for (const [probeIntervalMs, leastMs] of [
      [2000, 2000],
      [1000, 1000],
      [0, 500],
    ] as const) {
      const { afterMs } = probing({ probeIntervalMs });
      expect([afterMs >= leastMs, afterMs < leastMs + 20]).toEqual([true, true]);
    }
    expect(probing({ probeIntervalMs: undefined }).afterMs).toBe(probing({ probeIntervalMs: 2000 }).afterMs);
  });

  it('halves the calls under way, until they have drained and eight have run for as long as they take', () => {
    const { calls } = probing();
    const limits: number[] = [];
    const end = (inflight: number, rttMs: number): void => {
      calls.end(rttMs, inflight);
      limits.push(calls.algorithm.limit);
    };
    for (const inflight of [20, 6, 5]) end(inflight, 40);
    for (let k = 0; k < 9; k++) end(5, 1);
    expect(limits).toEqual(limits.map(() => 5));
    calls.end(1, 5);
    expect(calls.algorithm.limit).toBeCloseTo(FULL, 9);
  });

  it('goes no lower than the minimum, and no higher than the limit', () => {
    for (const [options, limit] of [
      [{ min: 6 }, 6],
      [{ initial: 4, max: 4 }, 4],
    ] as const) {
      const calls = new Calls(bbrLimit({ initial: 20, ...options }));
      calls.quietRound(10);
      for (let k = 0; k < 2200; k++) calls.end(40, calls.algorithm.limit + 1);
      expect(calls.algorithm.limit).toBe(limit);
    }
  });

  it('learns from calls that began in it, neither from those under way before nor from those after', () => {
    const calls = drained();
    for (let k = 0; k < 9; k++) calls.end(1000, 5);
    for (let k = 0; k < 18; k++) calls.end(10, 5);
    for (let k = 0; k < 25; k++) calls.end(1, 5);
    // The latency without queueing is 10 ms as before, so that calls of 40 ms queue; so many would be rounds of any other.
    for (let k = 0; k < 1000; k++) calls.end(40, calls.algorithm.limit);
    expect(calls.algorithm.limit).toBeCloseTo(FULL, 9);
  });

  it('takes half of what it finds: a dependency that has become slower gets more calls', () => {
    const calls = drained();
    for (let k = 0; k < 91; k++) calls.end(40, 5);
    // (10 + 40) / 2 ms without queueing: so long is a round at least.
    for (let k = 0; k < 25; k++) calls.end(40, 18);
    expect(calls.algorithm.limit).toBeCloseTo(2 * FULL, 9);
    expect(calls.round(40)).toBeCloseTo(1.25 * 25 + 1.5 * 5, 9);
  });

  it('is followed by another at once where it shows that calls queued even in it, or none was served', () => {
    for (const isDropped of [false, true]) {
      const calls = drained();
      for (let k = 0; k < 31; k++) calls.end(1, 5, isDropped);
      const { limit } = calls.algorithm;
      expect(limit).toBeCloseTo(FULL, 9);
      expect(calls.round(40)).toBeLessThan(6);
    }
  });

  it('is not begun where the clock shows no latency at all', () => {
    const algorithm = bbrLimit({ initial: 20 });
    for (let nowMs = 0; nowMs < 100; nowMs++) algorithm.sample(0, 20, false, nowMs);
    expect(algorithm.limit).toBe(20);
  });

  it('comes first where the first calls of all were made at the full limit, for they may have queued', () => {
    const algorithm = bbrLimit({ initial: 20 });
    for (let nowMs = 1; nowMs <= 20; nowMs++) algorithm.sample(10, 20, false, nowMs);
    expect(algorithm.limit).toBeLessThan(20);
  });
});
