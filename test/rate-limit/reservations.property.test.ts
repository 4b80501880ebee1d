import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimiter, RateLimitPolicy, Reservation } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { setup } from './kit.ts';
import { anyPolicies } from './trace.ts';

const perMinute = tokenBucket({ limit: 600, periodMs: 60_000, burst: 100 });
const each = [
  tokenBucket({ limit: 5, periodMs: 1000 }),
  fixedWindow({ limit: 5, windowMs: 1000 }),
  fixedWindow({ limit: 5, windowMs: 1000, align: 'epoch', name: 'aligned' }),
  slidingWindow({ limit: 5, windowMs: 1000 }),
  slidingLog({ limit: 5, windowMs: 1000 }),
].map((policy) => [`${policy.kind} ${policy.name}`, policy] as const);

/** What a limiter says of `key` now and in all the time until it is as good as new. */
function future(limiter: RateLimiter, policies: readonly RateLimitPolicy[]): unknown[] {
  const most = Math.max(...policies.map((policy) => (policy.kind === 'token-bucket' ? policy.burst : policy.limit)));
  return Array.from({ length: most + 1 }, (_, cost) => limiter.peek('key', cost));
}

describe('cancel', () => {
  it('leaves the key as if the reservation had never been made, at every later time, in any order', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 90 }) }),
      fc.record({ do: fc.constant('take' as const), cost: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ do: fc.constant('reserve' as const), cost: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ do: fc.constant('cancel' as const), which: fc.nat({ max: 9 }) }),
    );
    fc.assert(
      fc.property(anyPolicies, fc.array(step, { maxLength: 40, size: 'max' }), (policies, steps) => {
        const clock = createVirtualClock();
        const limiter = createRateLimiter(policies, { clock });
        const without = createRateLimiter(policies, { clock });
        for (const one of [limiter, without]) one.peek();
        const open: Reservation[] = [];
        for (const one of steps) {
          if (one.do === 'wait') clock.stall(one.ms);
          else if (one.do === 'cancel') open.splice(one.which % (open.length || 1), 1)[0]?.cancel();
          else if (one.do === 'reserve')
            open.push(...[limiter.reserve('key', one.cost)].filter((made) => made !== undefined));
          // What the reservations did not leave was not taken there either.
          else if (limiter.tryAcquire('key', one.cost)) without.reserve('key', 0)!.settle(one.cost);
        }
        for (const reservation of open) reservation.cancel();
        for (let k = 0; k < 12; k++) {
          expect(future(limiter, policies)).toEqual(future(without, policies));
          clock.stall(k < 6 ? 7 : 97);
        }
      }),
    );
  });

  it('does not give back what flowed in only because of it', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 10, periodMs: 1000 }));
    const reservation = limiter.reserve('key', 10)!;
    clock.stall(600);
    expect(limiter.tryAcquire('key', 6)).toBe(true);
    reservation.cancel();
    // Without it the bucket was full all the time: 6 of 10 are taken, not 6 of 16.
    expect(limiter.peek('key', 0).remaining).toBe(4);
  });

  it('does so for the later of two as well', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { limiter, clock } = setup(tokenBucket({ limit: 10, periodMs: 1000 }));
      const two = [limiter.reserve('key', 5)!, limiter.reserve('key', 5)!];
      clock.stall(600);
      expect(limiter.tryAcquire('key', 6)).toBe(true);
      // Without either of them the other has flowed back by now.
      for (const which of order) {
        two[which]!.cancel();
        expect(limiter.peek('key', 0).remaining).toBe(4);
      }
    }
  });

  it('of more than 10 000 open ones leaves the oldest as they were made', () => {
    const { limiter } = setup(tokenBucket({ limit: 20_000, periodMs: 60_000 }));
    const made = Array.from({ length: 10_001 }, () => limiter.reserve('key')!);
    made[0]!.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(9999);
    for (const reservation of made.slice(1, 3)) reservation.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(10_001);
  });

  it('is exact after any number of others at any rate', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 7, periodMs: 997, burst: 300 }));
    limiter.tryAcquire('key', 300);
    clock.stall(10_000);
    const before = limiter.peek('key', 0).remaining;
    const made = Array.from({ length: before }, () => limiter.reserve('key')!);
    for (const reservation of made.reverse()) reservation.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(before);
    expect(limiter.peek('key', before).allowed).toBe(true);
  });

  it('stays exact while a busy key is charged in a thousand milliseconds, and never gives too much', () => {
    const { limiter, clock } = setup(fixedWindow({ limit: 5000, windowMs: 1000 }));
    const [early, late] = [limiter.reserve('key', 10)!, limiter.reserve('key', 10)!];
    for (let k = 0; k < 900; k++) {
      clock.stall(1);
      limiter.tryAcquire('key');
    }
    early.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(5000 - 10 - 900);
    for (let k = 0; k < 2000; k++) {
      clock.stall(1);
      limiter.tryAcquire('key');
    }
    const left = limiter.peek('key', 0).remaining;
    late.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(left);
  });
});

describe('settle', () => {
  it('gives back what was not used', () => {
    const { limiter } = setup(perMinute);
    limiter.reserve('key', 80)!.settle(30);
    expect(limiter.peek('key', 0).remaining).toBe(70);
  });

  it('books what was used beyond as debt, and the next wait is exact', () => {
    const { limiter, clock } = setup(perMinute);
    limiter.reserve('key', 50)!.settle(250);
    expect(limiter.peek('key', 1)).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 15_100 });
    clock.stall(15_099);
    expect(limiter.tryAcquire('key')).toBe(false);
    clock.stall(1);
    expect(limiter.tryAcquire('key')).toBe(true);
  });

  it('books a debt of any size without losing count', () => {
    for (const [, policy] of each) {
      const { limiter, clock } = setup(policy);
      limiter.reserve('key')!.settle(Number.MAX_SAFE_INTEGER);
      limiter.reserve('key', 0)!.settle(Number.MAX_SAFE_INTEGER);
      expect(limiter.peek('key')).toMatchObject({ allowed: false, remaining: 0 });
      expect(Number.isSafeInteger(limiter.peek('key', 0).resetAfterMs)).toBe(true);
      clock.stall(limiter.peek('key', 5).retryAfterMs);
      expect(limiter.tryAcquire('key', 5)).toBe(true);
    }
  });

  it.each(each)('counts once: later calls change nothing', (_, policy) => {
    const { limiter } = setup(policy);
    const reservation = limiter.reserve('key', 3)!;
    reservation.settle(2);
    for (const end of [() => reservation.settle(0), () => reservation.cancel(), () => reservation.settle(9)]) end();
    reservation[Symbol.dispose]();
    expect(limiter.peek('key', 0).remaining).toBe(3);
  });

  it.each([-1, 0.5, Number.NaN, Infinity, '1'])(
    'refuses what is no whole number of at least 0, and stays open: %s',
    (actual) => {
      const { limiter } = setup(perMinute);
      const reservation = limiter.reserve('key', 10)!;
      expect(() => reservation.settle(actual as number)).toThrow('actual must be an integer of at least 0');
      reservation.settle(4);
      expect(limiter.peek('key', 0).remaining).toBe(96);
    },
  );

  it.each(each)('gives nothing back that a later window, or a key made new, did not give', (_, policy) => {
    const { limiter, clock } = setup(policy);
    const late = limiter.reserve('key', 5)!;
    clock.stall(2000);
    limiter.tryAcquire('key', 3);
    late.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(2);

    const forgotten = limiter.reserve('key', 2)!;
    limiter.reset('key');
    limiter.tryAcquire('key', 4);
    forgotten.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(1);
    limiter.reset('key');
    limiter.reserve('key', 1)!.cancel();
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 5, resetAfterMs: 0 });
  });

  it('gives nothing back to the key that has the place now', () => {
    const { limiter, clock } = setup(fixedWindow({ limit: 5, windowMs: 100, align: 'epoch' }), { maxKeys: 1 });
    const gone = limiter.reserve('gone', 5)!;
    clock.stall(100);
    limiter.tryAcquire('next', 5);
    gone.cancel();
    expect([limiter.peek('next', 0).remaining, limiter.peek('gone', 0).remaining]).toEqual([0, 5]);
  });

  it('works for all policies of a key', () => {
    const { limiter } = setup([
      perMinute,
      fixedWindow({ limit: 1000, windowMs: 1000 }),
      slidingLog({ limit: 70, windowMs: 1000 }),
    ]);
    limiter.reserve('key', 60)!.settle(20);
    expect(limiter.peek('key', 0)).toMatchObject({ policy: '70/1000ms', remaining: 50 });
    limiter.reserve('key', 10)!.settle(90);
    expect(limiter.peek('key', 1)).toMatchObject({ allowed: false, violated: ['600/60000ms', '70/1000ms'] });
  });
});

describe('using', () => {
  it('settles at what was reserved', () => {
    const { limiter } = setup(perMinute);
    {
      using reservation = limiter.reserve('key', 40)!;
      expect(reservation).toMatchObject({ cost: 40, decision: { allowed: true, remaining: 60 } });
    }
    expect(limiter.peek('key', 0).remaining).toBe(60);
    const reservation = limiter.reserve('key', 10)!;
    reservation[Symbol.dispose]();
    reservation.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(50);
  });
});

describe('a key with open reservations', () => {
  it('is not given up while one that is taken back would leave it a window', () => {
    const { limiter, clock } = setup(fixedWindow({ limit: 5, windowMs: 1000 }));
    const first = limiter.reserve('key', 2)!;
    clock.stall(500);
    limiter.tryAcquire('key');
    clock.stall(600); // the window of `first` is over, the one that began without it is not
    for (let k = 0; k < 9; k++) limiter.tryAcquire(`other-${k}`);
    first.cancel();
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 4, resetAfterMs: 400 });
    clock.stall(400);
    for (let k = 0; k < 20; k++) limiter.tryAcquire(`other-${k}`);
    expect(limiter.peek('key', 0)).toMatchObject({ remaining: 5, resetAfterMs: 0 });
  });
});

describe('merged entries', () => {
  it('are as many as maxEntries at most, whatever is owed', () => {
    const { limiter, clock } = setup(slidingLog({ limit: 2, windowMs: 1000 }));
    for (let k = 0; k < 4; k++) {
      limiter.reserve('key', 0)!.settle(1);
      clock.stall(100);
    }
    // Of units at 0, 100, 200 and 300 the last three share an entry, and leave with the last of them.
    clock.stall(899);
    expect(limiter.peek('key').retryAfterMs).toBe(1);
    clock.stall(1);
    expect(limiter.peek('key', 0).remaining).toBe(2);
  });

  it('are those of one step, also where there would be room for more', () => {
    const { limiter, clock } = setup(slidingLog({ limit: 9, windowMs: 700, maxEntries: 8 }));
    for (let k = 0; k < 8; k++) {
      limiter.tryAcquire('key');
      clock.stall(1);
    }
    clock.stall(682);
    limiter.tryAcquire('key');
    clock.stall(16);
    expect(limiter.peek('key', 0).remaining).toBe(0);
    clock.stall(1);
    expect(limiter.peek('key', 0).remaining).toBe(8);
  });

  it('of a log give back no more than was reserved', () => {
    const { limiter, clock } = setup(slidingLog({ limit: 6, windowMs: 1000, maxEntries: 2 }));
    const first = limiter.reserve('key', 2)!;
    clock.stall(300);
    limiter.tryAcquire('key', 3);
    first.cancel();
    expect(limiter.peek('key', 0).remaining).toBe(3);
    clock.stall(1000);
    expect(limiter.peek('key', 0).remaining).toBe(6);
  });
});
