import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import { admitted, setup } from './kit.ts';

const DAY = 86_400_000;
const each = [
  tokenBucket({ limit: 5, periodMs: 1000 }),
  fixedWindow({ limit: 5, windowMs: 1000 }),
  fixedWindow({ limit: 5, windowMs: 1000, align: 'epoch', name: 'aligned' }),
  slidingWindow({ limit: 5, windowMs: 1000 }),
  slidingLog({ limit: 5, windowMs: 1000 }),
].map((policy) => [`${policy.kind} ${policy.name}`, policy] as const);

describe('a clock that steps', () => {
  it.each(each)('back gives nothing, and holds nothing back', (_, policy) => {
    fc.assert(
      fc.property(fc.nat({ max: 999 }), fc.integer({ min: 1, max: DAY }), (passedMs, backMs) => {
        const { limiter, clock } = setup(policy);
        admitted(limiter, 5);
        clock.stall(passedMs);
        const before = limiter.peek('key', 5);
        clock.setNow(clock.now() - backMs);
        expect(limiter.peek('key', 5)).toEqual(before);
        clock.stall(before.retryAfterMs);
        expect(limiter.tryAcquire('key', 5)).toBe(true);
      }),
    );
  });

  it.each(each)('back and forth does not credit the same span twice', (_, policy) => {
    const { limiter, clock } = setup(policy);
    admitted(limiter, 5);
    let units = 0;
    // 50 ms to and fro, 100 times: 5 s of steps forward, which are time, and as many back, which are not.
    for (let k = 0; k < 10; k++) {
      clock.stall(10);
      units += admitted(limiter, 1);
      clock.setNow(clock.now() - 10);
      limiter.peek('key');
    }
    expect(units).toBeLessThanOrEqual(policy.kind === 'token-bucket' ? 0 : policy.limit);
    expect(limiter.peek('key', 0).remaining).toBe(0);
  });

  it.each(each)('to nonsense and stays there never admits more than the limit: %s', (_, policy) => {
    for (const reading of [Number.NaN, -Infinity, Infinity]) {
      let nowMs = 0;
      const limiter = createRateLimiter(policy, { clock: { now: () => nowMs, epochMs: () => 0 } });
      expect(admitted(limiter, 9)).toBe(5);
      nowMs = reading;
      expect(admitted(limiter, 9)).toBe(0);
      nowMs = 0;
      expect(admitted(limiter, 9)).toBe(0);
      nowMs = 5000;
      expect(admitted(limiter, 9)).toBe(5);
    }
  });

  it.each(each)('is no different when it counts from Unix time, or from below 0', (_, policy) => {
    const traces = [0, 1.7e12, -5e9, 0.75].map((nowMs) => {
      let reading = nowMs;
      const limiter = createRateLimiter(policy, { clock: { now: () => reading, epochMs: () => reading - nowMs } });
      return Array.from({ length: 60 }, (_k, k) => {
        reading += (k * 37) % 211;
        return limiter.consume('key', k % 4);
      });
    });
    for (const trace of traces) expect(trace).toEqual(traces[0]);
  });
});

describe('whole milliseconds', () => {
  it('are counted, and no part of one is lost', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 1, periodMs: 10 }));
    limiter.tryAcquire('key');
    for (let k = 0; k < 39; k++) {
      clock.stall(0.25);
      limiter.peek('key');
    }
    expect(limiter.peek('key').retryAfterMs).toBe(1);
    clock.stall(0.25);
    expect(limiter.tryAcquire('key')).toBe(true);
  });

  it('do not drift: 10 a second asked every 10 ms for 100 s are 1010, not a tenth less', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 10, periodMs: 1000 }));
    let units = admitted(limiter, 100);
    for (let k = 0; k < 10_000; k++) {
      clock.stall(10);
      units += admitted(limiter, 2);
    }
    expect(units).toBe(1010);
  });
});

describe('long windows', () => {
  it.each(
    [
      tokenBucket({ limit: 1, periodMs: 30 * DAY }),
      fixedWindow({ limit: 1, windowMs: 30 * DAY }),
      slidingWindow({ limit: 1, windowMs: 30 * DAY }),
      slidingLog({ limit: 1, windowMs: 30 * DAY }),
      tokenBucket({ limit: 1, periodMs: 100 * 365 * DAY }),
    ].map((policy) => [policy.kind, policy] as const),
  )('of a month and more hold: %s', (_, policy) => {
    const { limiter, clock } = setup(policy);
    expect(admitted(limiter, 5)).toBe(1);
    clock.stall(policy.windowMs - 1);
    expect(admitted(limiter, 5)).toBe(0);
    clock.stall(policy.windowMs + 1);
    expect(admitted(limiter, 5)).toBe(1);
  });

  it('count a token of a year to the millisecond, and a billion a second', () => {
    const slow = setup(tokenBucket({ limit: 3, periodMs: 365 * DAY }));
    slow.limiter.tryAcquire('key', 3);
    expect(slow.limiter.peek('key').retryAfterMs).toBe((365 * DAY) / 3);
    const fast = setup(tokenBucket({ limit: 1e9, periodMs: 1000 }));
    fast.limiter.tryAcquire('key', 1e9);
    fast.clock.stall(1);
    expect(fast.limiter.peek('key', 0).remaining).toBe(1e6);
  });
});

describe('sliding window', () => {
  it('of a limit of 1 admits one', () => {
    const { limiter, clock } = setup(slidingWindow({ limit: 1, windowMs: 1000 }));
    expect(admitted(limiter, 3)).toBe(1);
    clock.stall(2000);
    expect(admitted(limiter, 3)).toBe(1);
  });

  it('weighs the window before to its last millisecond', () => {
    const { limiter, clock } = setup(slidingWindow({ limit: 3, windowMs: 60_000 }));
    limiter.peek('key');
    clock.stall(59_999);
    expect(admitted(limiter, 5)).toBe(3);
    clock.stall(1);
    expect(admitted(limiter, 5)).toBe(0);
    clock.stall(20_000);
    expect(admitted(limiter, 5)).toBe(1);
    clock.stall(39_999);
    expect(admitted(limiter, 5)).toBe(1);
  });
});

describe('windows of Unix time', () => {
  const hour = fixedWindow({ limit: 5, windowMs: 3_600_000, align: 'epoch' });

  it('begin at its multiples, for all keys at once', () => {
    const { limiter, clock } = setup(hour);
    clock.setEpoch(10 * 3_600_000 + 3_000_000);
    expect(limiter.consume('a', 5).resetAfterMs).toBe(600_000);
    clock.stall(400_000);
    expect(limiter.consume('b', 5).resetAfterMs).toBe(200_000);
    clock.stall(200_000);
    expect(limiter.consume('b', 5)).toMatchObject({ allowed: true, resetAfterMs: 3_600_000 });
  });

  it('are found before 1970', () => {
    const { limiter, clock } = setup(hour);
    clock.setEpoch(-600_000);
    expect(limiter.consume('a').resetAfterMs).toBe(600_000);
  });

  it.each([-DAY, -1_800_000, -1, 1, 1_800_000, DAY])('end as announced when Unix time is set, by %i ms', (stepMs) => {
    const { limiter, clock } = setup(hour);
    clock.setEpoch(10 * 3_600_000);
    clock.stall(60_000);
    admitted(limiter, 5);
    clock.setEpoch(clock.epochMs() + stepMs);
    expect(limiter.consume('key')).toMatchObject({ allowed: false, retryAfterMs: 3_540_000 });
    clock.stall(3_539_999);
    expect(admitted(limiter, 9)).toBe(0);
    clock.stall(1);
    expect(admitted(limiter, 9)).toBe(5);
    // And find their place again, the first of them no shorter than half an hour.
    const { resetAfterMs } = limiter.peek('key', 0);
    expect(resetAfterMs).toBeGreaterThanOrEqual(1_800_000);
    expect(resetAfterMs).toBeLessThanOrEqual(5_400_000);
    clock.stall(resetAfterMs);
    expect(Math.abs(clock.epochMs() % 3_600_000)).toBe(0);
  });
});
