import { describe, expect, it } from 'vitest';
import type { Jitter } from '../../src/policy/index.ts';
import { constantBackoff, exponentialBackoff, retry } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { failingWith } from './kit.ts';

/** What a backoff answers to attempts 1, 2, ... of one call. */
function waits(backoff: (attempt: number, previousMs: number) => number, attempts: number): number[] {
  const answers: number[] = [];
  for (let attempt = 1; attempt <= attempts; attempt++) answers.push(backoff(attempt, answers.at(-1) ?? 0));
  return answers;
}

describe('exponentialBackoff', () => {
  it.each<[Jitter, number, number[]]>([
    ['none', 0.5, [10, 30, 90, 270, 500, 500]],
    ['full', 0, [0, 0, 0, 0, 0, 0]],
    ['full', 0.5, [5, 15, 45, 135, 250, 250]],
    ['equal', 0, [5, 15, 45, 135, 250, 250]],
    ['equal', 0.5, [7.5, 22.5, 67.5, 202.5, 375, 375]],
    ['decorrelated', 0, [10, 10, 10, 10, 10, 10]],
    ['decorrelated', 0.5, [20, 35, 57.5, 91.25, 141.875, 217.8125]],
  ])('with jitter %s and chance %d waits %j', (jitter, chance, expected) => {
    const backoff = exponentialBackoff({ baseMs: 10, factor: 3, maxMs: 500, jitter, random: () => chance });
    expect(waits(backoff, 6)).toEqual(expected);
  });

  it('starts at 50 ms, doubles up to 20 s and spreads fully by default', () => {
    expect(waits(exponentialBackoff({ jitter: 'none' }), 11)).toEqual([
      50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 20_000, 20_000,
    ]);
    expect(waits(exponentialBackoff({ random: () => 0.25 }), 3)).toEqual([12.5, 25, 50]);
  });

  it('draws from Math.random by default, anew for each wait', () => {
    const backoff = exponentialBackoff({ baseMs: 1000 });
    const drawn = new Set(Array.from({ length: 50 }, () => backoff(1, 0)));
    expect(drawn.size).toBeGreaterThan(40);
    expect(Math.max(...drawn)).toBeLessThan(1000);
  });

  it('stays at its base when the factor is 1', () => {
    expect(waits(exponentialBackoff({ baseMs: 70, factor: 1, jitter: 'none' }), 4)).toEqual([70, 70, 70, 70]);
  });

  it('may have its base as its longest wait', () => {
    expect(waits(exponentialBackoff({ baseMs: 70, maxMs: 70, jitter: 'none' }), 3)).toEqual([70, 70, 70]);
  });

  it.each<Jitter>(['none', 'full', 'equal', 'decorrelated'])(
    'with jitter %s is never NaN, after 10 000 attempts either',
    (jitter) => {
      const backoff = exponentialBackoff({ jitter, factor: 10, maxMs: Number.MAX_SAFE_INTEGER });
      for (const wait of waits(backoff, 10_000)) expect(wait >= 0 && wait <= Number.MAX_SAFE_INTEGER).toBe(true);
    },
  );

  it('is what retry waits by default', async () => {
    const clock = createVirtualClock();
    const delaysMs: number[] = [];
    const policy = retry({
      maxAttempts: 9,
      clock,
      onEvent: (event) => delaysMs.push(event.type === 'retry' ? event.delayMs : -1),
    });
    const call = policy.run(failingWith(Array(8).fill('failure'), 'value'));
    await clock.advance(30_000);
    expect(await call).toBe('value');
    delaysMs.forEach((delayMs, at) => expect(delayMs).toBeLessThanOrEqual(50 * 2 ** at));
    expect(Math.max(...delaysMs)).toBeGreaterThan(50);
  });
});

describe('constantBackoff', () => {
  it.each([0, 0.5, 250])('always waits %d ms', (ms) => {
    expect(waits(constantBackoff(ms), 5)).toEqual([ms, ms, ms, ms, ms]);
  });
});
