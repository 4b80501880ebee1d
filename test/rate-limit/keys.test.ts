import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { anyKey } from '../support/arbitraries.ts';
import { admitted, setup } from './kit.ts';
import { Reference } from './reference.ts';
import { anyPolicies } from './trace.ts';

const hourly = tokenBucket({ limit: 5, periodMs: 3_600_000 });
const kinds = [
  hourly,
  fixedWindow({ limit: 5, windowMs: 1000 }),
  fixedWindow({ limit: 5, windowMs: 1000, align: 'epoch', name: 'aligned' }),
  slidingWindow({ limit: 5, windowMs: 1000 }),
  slidingLog({ limit: 5, windowMs: 1000 }),
].map((policy) => [`${policy.kind} ${policy.name}`, policy] as const);

describe('a flood of new keys', () => {
  it.each(kinds)('does not make a blocked key forgotten', (_, policy) => {
    for (const overflow of ['sketch', 'deny'] as const) {
      const { limiter } = setup(policy, { maxKeys: 100, overflow });
      expect(admitted(limiter, 9, 'blocked')).toBe(5);
      for (let k = 0; k < 5000; k++) limiter.tryAcquire(`flood-${k}`);
      expect([limiter.size, limiter.tryAcquire('blocked')]).toEqual([100, false]);
    }
  });

  it('takes nothing from the keys that have a place of their own', () => {
    const { limiter } = setup(hourly, { maxKeys: 100 });
    for (let k = 0; k < 100; k++) limiter.tryAcquire(`own-${k}`);
    for (let k = 0; k < 2000; k++) limiter.tryAcquire(`flood-${k}`);
    const left = Array.from({ length: 100 }, (_, k) => limiter.peek(`own-${k}`, 0).remaining);
    expect(left).toEqual(left.map(() => 4));
  });

  it('never makes more keys than maxKeys, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.tuple(anyKey(), fc.nat({ max: 5 }), fc.nat({ max: 400 }))),
        (maxKeys, calls) => {
          const { limiter, clock } = setup(fixedWindow({ limit: 3, windowMs: 1000 }), { maxKeys });
          for (const [key, cost, ms] of calls) {
            clock.stall(ms);
            limiter.reserve(key, cost)?.settle(cost + 1);
            expect(limiter.size).toBeLessThanOrEqual(maxKeys);
          }
        },
      ),
    );
  });

  it('lets no key have more than its limit, however many share what is left', () => {
    fc.assert(
      fc.property(
        anyPolicies,
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom('sketch', 'deny'),
        fc.nat(),
        fc.array(fc.tuple(fc.nat({ max: 12 }), fc.nat({ max: 4 }), fc.nat({ max: 80 })), {
          maxLength: 80,
          size: 'max',
        }),
        (policies, maxKeys, overflow, seed, calls) => {
          const clock = createVirtualClock();
          const limiter = createRateLimiter(policies, { clock, maxKeys, overflow, random: createSeededRandom(seed) });
          const reference = new Reference(policies, clock.epochMs());
          limiter.peek(); // its time begins
          for (const [key, cost, ms] of calls) {
            clock.stall(ms);
            const isAllowed = limiter.tryAcquire(`${key}`, cost);
            // A refusal may be for others' sake; what passes must be what the key alone may take.
            if (isAllowed) expect(reference.take(`${key}`, cost, clock.now())).toBeDefined();
          }
        },
      ),
    );
  });

  it('leaves the keys that have a place of their own exact', () => {
    fc.assert(
      fc.property(
        anyPolicies,
        fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 80 })), { maxLength: 60 }),
        (policies, calls) => {
          const clock = createVirtualClock();
          const limiter = createRateLimiter(policies, { clock, maxKeys: 3 });
          const reference = new Reference(policies, clock.epochMs());
          limiter.peek(); // its time begins
          let isKept = false;
          for (const [cost, ms] of calls) {
            clock.stall(ms);
            if (limiter.peek('own', 0).resetAfterMs === 0) isKept = false;
            if (!isKept && limiter.size === 3) break; // it would come too late for a place
            const isAllowed = limiter.tryAcquire('own', cost);
            expect(isAllowed).toBe(reference.take('own', cost, clock.now()) !== undefined);
            isKept ||= isAllowed && cost > 0;
            for (let k = 0; k < 4; k++) limiter.tryAcquire(`other-${ms}-${k}`);
          }
        },
      ),
    );
  });
});

describe('room', () => {
  it.each(kinds)('is made by keys that are as good as new, and by no other', (_, policy) => {
    const { limiter, clock } = setup(policy, { maxKeys: 2, overflow: 'deny' });
    for (const key of ['a', 'b']) limiter.tryAcquire(key);
    const { allowed, violated, retryAfterMs } = limiter.consume('c');
    expect([allowed, violated, retryAfterMs > 0]).toEqual([false, [], true]);
    clock.stall(Math.max(...['a', 'b'].map((key) => limiter.peek(key, 0).resetAfterMs)) - 1);
    expect(limiter.tryAcquire('c')).toBe(false);
    clock.stall(1);
    expect(limiter.tryAcquire('c')).toBe(true);
  });

  it.each(kinds)('is there in full for new keys once all others have been idle', (_, policy) => {
    const { limiter, clock } = setup(policy, { maxKeys: 50 });
    for (let k = 0; k < 5000; k++) limiter.tryAcquire(`flood-${k}`);
    clock.stall(3_600_000);
    for (let k = 0; k < 50; k++) expect(admitted(limiter, 9, `new-${k}`)).toBe(5);
    expect(limiter.size).toBe(50);
  });

  it('is found behind keys that are busy', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 1, periodMs: 1000 }), { maxKeys: 9, overflow: 'deny' });
    for (let k = 0; k < 9; k++) limiter.tryAcquire(`key-${k}`);
    clock.stall(1000);
    for (let k = 0; k < 6; k++) expect(limiter.tryAcquire(`key-${k}`)).toBe(true);
    const tries = [1, 2, 3, 4].map(() => limiter.tryAcquire('new'));
    expect(tries).toContain(true);
  });

  it('tells a denied key how long the key that was looked at last will take', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 1, periodMs: 1000 }), { maxKeys: 1, overflow: 'deny' });
    limiter.tryAcquire('a');
    clock.stall(400);
    expect(limiter.consume('b')).toMatchObject({ allowed: false, retryAfterMs: 600, remaining: 1, resetAfterMs: 0 });
    expect(limiter.peek('b')).toMatchObject({ allowed: false, retryAfterMs: 600 });
    clock.stall(600);
    expect(limiter.peek('b').allowed).toBe(true);
    expect(limiter.consume('b').allowed).toBe(true);
  });

  it('keeps what a key was charged while it had none', () => {
    const { limiter, clock } = setup(
      [fixedWindow({ limit: 5, windowMs: 1000 }), slidingLog({ limit: 9, windowMs: 60_000 })],
      {
        maxKeys: 1,
      },
    );
    limiter.tryAcquire('first');
    expect(admitted(limiter, 3, 'late')).toBe(3);
    limiter.reset('first');
    expect([limiter.tryAcquire('late'), limiter.size]).toEqual([true, 1]);
    expect(admitted(limiter, 9, 'late')).toBe(1);
    clock.stall(1000);
    expect(admitted(limiter, 9, 'late')).toBe(4);
  });

  it('is not taken by refusals, peeks and costs of 0', () => {
    const { limiter } = setup(hourly);
    limiter.peek('a');
    limiter.tryAcquire('b', 6);
    limiter.tryAcquire('c', 0);
    limiter.reserve('d', 0);
    expect(limiter.size).toBe(0);
  });

  it('is given back by keys on the way, not only when there is none left', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 1, periodMs: 10 }), { maxKeys: 1000 });
    for (let k = 0; k < 5000; k++) {
      limiter.tryAcquire(`key-${k}`);
      clock.stall(1);
    }
    expect(limiter.size).toBeLessThan(50);
  });
});

describe('shared places', () => {
  it('serve keys in full while they are few, by the best of their four', () => {
    const { limiter } = setup(hourly, { maxKeys: 400 });
    for (let k = 0; k < 400; k++) limiter.tryAcquire(`own-${k}`);
    for (let k = 0; k < 15; k++) expect(admitted(limiter, 9, `other-${k}`)).toBe(5);
    for (let k = 0; k < 15; k++) expect(limiter.tryAcquire(`other-${k}`)).toBe(false);
  });

  it('are other ones with another seed', () => {
    const refusedOf = [1, 2, 3, 4].map((seed) => {
      const { limiter } = setup(hourly, { maxKeys: 16, random: createSeededRandom(seed) });
      for (let k = 0; k < 16; k++) limiter.tryAcquire(`own-${k}`);
      return Array.from({ length: 40 }, (_, k) => limiter.tryAcquire(`other-${k}`, 3)).join();
    });
    expect(new Set(refusedOf).size).toBeGreaterThan(1);
  });

  it('begin with no more than `initial`, as keys do', () => {
    const { limiter, clock } = setup(tokenBucket({ limit: 1, periodMs: 10, burst: 5, initial: 2 }), { maxKeys: 1 });
    limiter.tryAcquire('known');
    expect([admitted(limiter, 5, 'unknown'), limiter.peek('unknown', 0).remaining]).toEqual([2, 0]);
    clock.stall(10);
    expect(admitted(limiter, 5, 'unknown')).toBe(1);
  });

  it('end a window no sooner than that of the key which came last', () => {
    const { limiter, clock } = setup(fixedWindow({ limit: 5, windowMs: 100 }), { maxKeys: 1 });
    limiter.tryAcquire('own', 5);
    limiter.tryAcquire('early');
    clock.stall(90);
    expect(admitted(limiter, 9, 'late')).toBe(4);
    clock.stall(9);
    limiter.reset('own');
    limiter.tryAcquire('own', 5);
    clock.stall(1);
    expect(limiter.tryAcquire('late')).toBe(false);
    clock.stall(90);
    expect(admitted(limiter, 9, 'late')).toBe(5);
  });

  it('end no window of a key that gets a place of its own before its time', () => {
    for (const take of ['tryAcquire', 'reserve'] as const) {
      const { limiter, clock } = setup(fixedWindow({ limit: 4, windowMs: 100 }), { maxKeys: 1 });
      limiter.tryAcquire('first');
      clock.stall(10);
      limiter.tryAcquire('other'); // to where the key below is looked up as well
      clock.stall(90);
      limiter[take]('key');
      expect(limiter.size).toBe(1);
      clock.stall(10); // the window of `other` is over
      expect(admitted(limiter, 9, 'key')).toBeLessThanOrEqual(3);
      clock.stall(90);
      expect(admitted(limiter, 9, 'key')).toBe(4);
    }
  });

  it('hold what a reservation cost above what was reserved as long as a window of the key itself would', () => {
    for (const isPlaced of [false, true]) {
      const { limiter, clock } = setup(fixedWindow({ limit: 10, windowMs: 1000 }), { maxKeys: 1 });
      limiter.tryAcquire('own');
      const reservation = limiter.reserve('key')!;
      clock.stall(900);
      limiter.tryAcquire('other'); // to where `key` is looked up as well
      clock.stall(100);
      if (!isPlaced) limiter.tryAcquire('own'); // else its place is free when the reservation ends
      clock.stall(800);
      reservation.settle(11);
      expect(limiter.peek('key').allowed).toBe(false);
      clock.stall(150); // the window of `other` is over
      expect([isPlaced, limiter.tryAcquire('key')]).toEqual([isPlaced, false]);
      clock.stall(849);
      expect(limiter.tryAcquire('key')).toBe(false);
      clock.stall(1);
      expect(admitted(limiter, 11, 'key')).toBe(10);
    }
  });

  it('peek as they consume', () => {
    const { limiter } = setup([hourly, slidingWindow({ limit: 7, windowMs: 500 })], { maxKeys: 1 });
    limiter.tryAcquire('own');
    for (let k = 0; k < 9; k++) {
      const seen = limiter.peek('other', 2);
      expect(limiter.consume('other', 2)).toEqual(seen);
    }
  });

  it('give nothing back for a reservation, and book what it went over', () => {
    const { limiter } = setup(hourly, { maxKeys: 1 });
    limiter.tryAcquire('own');
    limiter.reserve('other', 2)!.cancel();
    expect(limiter.peek('other', 0).remaining).toBe(3);
    limiter.reserve('other', 1)!.settle(11);
    expect(limiter.peek('other', 1)).toMatchObject({ allowed: false, retryAfterMs: 9 * 720_000 });
    // Charged at once to what all keys of these places share, and paid back no later than the debt is.
    expect(limiter.tryAcquire('own', 4)).toBe(true);
  });
});
