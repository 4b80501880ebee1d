import { describe, expect, it } from 'vitest';
import { bbrLimit, gradientLimit, vegasLimit } from '../../src/rate-limit/index.ts';
import { Calls } from './limit-kit.ts';

/** Puts up with nothing but the latency without queueing. Rounds of 16 calls and latencies below 16 ms: all count. */
const strict = (): Calls => new Calls(gradientLimit({ initial: 16, tolerance: 1 }));

/** The latency without queueing that it believes in, by how far a round of 16 ms brings it. */
function believed(calls: Calls): number {
  const { limit } = calls.algorithm;
  const after = calls.round(16);
  return (16 * ((after - limit) / 0.2 + limit - Math.sqrt(limit))) / limit;
}

describe('the latency without queueing', () => {
  it('is half of what it was and half of what a round takes that uses less than half of the limit', () => {
    const calls = strict();
    calls.quietRound(10);
    calls.quietRound(10.5);
    expect(believed(calls)).toBeCloseTo(10.25, 9);
  });

  it('is not learned from a round that queues, though it uses less than half of the limit', () => {
    const calls = strict();
    calls.quietRound(10);
    calls.quietRound(15);
    expect(believed(calls)).toBeCloseTo(10, 9);
  });

  it('is learned from a round at the full limit where that was shorter for sure, and not where it may be chance', () => {
    const sure = strict();
    sure.quietRound(12);
    sure.round(9);
    expect(believed(sure)).toBeCloseTo(10.5, 9);
    const chance = strict();
    chance.quietRound(12);
    for (let k = 0; k < 16; k++) chance.end(k % 2 === 0 ? 8 : 14, 16); // 11 in the mean, 13.25 at the most
    expect(believed(chance)).toBeCloseTo(12, 9);
  });

  it('and the rate say nothing while time stands still', () => {
    const calls = new Calls(bbrLimit({ initial: 20 }));
    for (let k = 0; k < 20; k++) calls.algorithm.sample(0, 1, false, calls.nowMs);
    calls.nowMs += 1000;
    calls.quietRound(10);
    // An endless rate would double the limit.
    expect(calls.round(10)).toBeLessThanOrEqual(20);
  });
});

describe('a round', () => {
  it('that comes after a pause begins with the start of its first call, so that the pause is not part of its rate', () => {
    const calls = new Calls(bbrLimit({ initial: 16 }));
    for (let k = 0; k < 16; k++) {
      calls.nowMs += 9;
      calls.end(40, 1);
    }
    calls.nowMs += 1000;
    // 16 calls in 55 ms, each of 40.
    const flight = (16 / 55) * 40;
    expect(calls.round(40)).toBeCloseTo(1.25 * flight + 1.5 * Math.sqrt(flight), 9);
  });

  it('that uses just half of the limit lets it grow', () => {
    const calls = new Calls(vegasLimit({ initial: 16 }));
    for (const [inflight, limit] of [
      [7, 16],
      [8, 32],
    ] as const) {
      for (let k = 0; k < 16; k++) calls.end(10, inflight);
      expect(calls.algorithm.limit).toBe(limit);
    }
  });
});
