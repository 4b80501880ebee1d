import { describe, expect, it } from 'vitest';
import { slidingLog } from '../../src/rate-limit/index.ts';
import { setup } from './kit.ts';

describe('a log', () => {
  it('gives what is taken back of a reservation from its own entry, not from an earlier one', () => {
    const { limiter, clock } = setup(slidingLog({ limit: 5, windowMs: 1000 }));
    limiter.tryAcquire('key');
    clock.stall(10);
    const reservation = limiter.reserve('key', 2)!;
    clock.stall(10);
    limiter.tryAcquire('key');
    reservation.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(3);
    clock.stall(980);
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 4, resetAfterMs: 20 });
  });

  it('has no more entries than its limit, also of a key in debt, whose last units then leave together', () => {
    const { limiter, clock } = setup(slidingLog({ limit: 3, windowMs: 1000 }));
    for (let k = 0; k < 3; k++) {
      limiter.tryAcquire('key');
      clock.stall(1);
    }
    clock.stall(497);
    limiter.reserve('key', 0)!.settle(1);
    // Two left at 0 and 1; the third leaves with the debt of 500.
    clock.stall(502);
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 1, resetAfterMs: 498 });
  });

  it('that a key takes along from what it shared is as long as it was', () => {
    const { limiter, clock } = setup(slidingLog({ limit: 4, windowMs: 1000 }), { maxKeys: 1 });
    limiter.tryAcquire('own', 4);
    for (const units of [2, 1]) {
      limiter.tryAcquire('other', units);
      clock.stall(400);
    }
    limiter.reset('own');
    expect(limiter.tryAcquire('other')).toBe(true);
    expect([limiter.size, limiter.peek('other', 2)]).toEqual([
      1,
      expect.objectContaining({ allowed: false, remaining: 0, retryAfterMs: 200 }),
    ]);
    clock.stall(200);
    expect(limiter.peek('other', 2)).toMatchObject({ allowed: true, remaining: 0 });
  });
});
