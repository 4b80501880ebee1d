import { expect } from 'vitest';
import { fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy, StoredRateLimiter } from '../../src/rate-limit/index.ts';
import type { ServerClock } from './rate-limit-support.ts';

const HOUR = 3_600_000;

/** One of each kind, so long that nothing comes back unless the clock is set. */
const kinds: readonly RateLimitPolicy[] = [
  tokenBucket({ limit: 5, periodMs: HOUR, name: 'bucket' }),
  fixedWindow({ limit: 5, windowMs: HOUR, name: 'first' }),
  fixedWindow({ limit: 5, windowMs: HOUR, align: 'epoch', name: 'epoch' }),
  slidingWindow({ limit: 5, windowMs: HOUR, name: 'sliding' }),
  slidingLog({ limit: 5, windowMs: HOUR, name: 'log' }),
];

/** The same, of a second. */
const seconds = kinds.map((kind) => ({ ...kind, windowMs: 1000 }) as RateLimitPolicy);

/** Makes a limiter over a store whose clock is the given one. */
type Make = (policy: RateLimitPolicy | readonly RateLimitPolicy[]) => StoredRateLimiter;

/** What holds for every store, by the sentence that says so. `key` is one that nobody used. */
export const scenarios: Readonly<Record<string, (make: Make, clock: ServerClock, key: string) => Promise<void>>> = {
  'has units of a log that come within a step share an entry, and leave with the last of them': async (
    make,
    clock,
    key,
  ) => {
    const limiter = make(slidingLog({ limit: 3, windowMs: 100, maxEntries: 2 }));
    await limiter.consume(key);
    clock.ms += 50;
    await limiter.consume(key);
    expect(await limiter.peek(key, 2)).toMatchObject({ allowed: false, retryAfterMs: 100 });
  },

  'locks a key out for one full refill at the most when the clock of the server steps back, and gives nothing': async (
    make,
    clock,
    key,
  ) => {
    for (const rule of seconds) {
      const limiter = make(rule);
      await limiter.consume(key, 5);
      clock.ms -= 86_400_000;
      const { allowed, retryAfterMs } = await limiter.consume(key);
      // The window before counts as well where two are weighed.
      const mostMs = rule.kind === 'sliding-window' ? 2000 : 1000;
      expect([rule.name, allowed, retryAfterMs <= mostMs]).toEqual([rule.name, false, true]);
      clock.ms += retryAfterMs - 1;
      expect([rule.name, (await limiter.consume(key)).allowed]).toEqual([rule.name, false]);
      clock.ms += 1;
      expect([rule.name, (await limiter.consume(key)).allowed]).toEqual([rule.name, true]);
    }
  },

  'credits no time twice when the clock of the server steps forwards and back again': async (make, clock, key) => {
    for (const rule of seconds) {
      const limiter = make(rule);
      await limiter.consume(key, 5);
      clock.ms += 86_400_000;
      expect([rule.name, (await limiter.consume(key, 5)).allowed]).toEqual([rule.name, true]);
      for (let k = 0; k < 5; k++) {
        clock.ms -= 10_000;
        expect([rule.name, (await limiter.consume(key)).allowed]).toEqual([rule.name, false]);
      }
    }
  },

  'gives nothing back for a reservation of before a step of the clock backwards': async (make, clock, key) => {
    for (const kind of kinds) {
      const limiter = make(kind);
      const reservation = (await limiter.reserve(key, 5))!;
      clock.ms -= 5000;
      await limiter.consume(key);
      await reservation.cancel();
      expect([kind.name, (await limiter.consume(key)).allowed]).toEqual([kind.name, false]);
    }
  },

  'gives nothing back for a reservation of before a reset': async (make, _clock, key) => {
    for (const kind of kinds) {
      const limiter = make(kind);
      const reservation = (await limiter.reserve(key, 4))!;
      // In one trip, so that the key is never gone.
      await Promise.all([limiter.reset(key), limiter.consume(key, 5)]);
      await reservation.cancel();
      expect([kind.name, (await limiter.peek(key, 0)).remaining]).toEqual([kind.name, 0]);
    }
  },

  'gives nothing back into a window that began after the reservation': async (make, clock, key) => {
    for (const kind of kinds) {
      const limiter = make(kind);
      const reservation = (await limiter.reserve(key, 4))!;
      clock.ms += 3 * HOUR;
      await limiter.consume(key, 5);
      await reservation.cancel();
      expect([kind.name, (await limiter.peek(key, 0)).remaining]).toEqual([kind.name, 0]);
    }
  },

  'gives nothing back of a reservation of two windows ago, though the key was used since': async (make, clock, key) => {
    const limiter = make(slidingWindow({ limit: 5, windowMs: HOUR }));
    clock.ms += HOUR - (clock.ms % HOUR);
    const reservation = (await limiter.reserve(key, 2))!;
    clock.ms += HOUR;
    await limiter.consume(key, 3);
    clock.ms += HOUR;
    expect((await limiter.peek(key, 0)).remaining).toBe(2);
    await reservation.cancel();
    expect((await limiter.peek(key, 0)).remaining).toBe(2);
  },

  'knows reservations of one moment apart': async (make, _clock, key) => {
    const limiter = make(kinds[2]!);
    const [one, three] = await Promise.all([limiter.reserve(key, 1), limiter.reserve(key, 3)]);
    await one!.cancel();
    expect((await limiter.peek(key, 0)).remaining).toBe(2);
    await three!.cancel();
    expect((await limiter.peek(key, 0)).remaining).toBe(5);
  },

  'knows reservations of one microsecond apart': async (make, clock, key) => {
    const limiter = make(kinds[2]!);
    clock.us = 0;
    const one = await limiter.reserve(key, 1);
    const three = await limiter.reserve(key, 3);
    await three!.cancel();
    expect((await limiter.peek(key, 0)).remaining).toBe(4);
    await one!.cancel();
    expect((await limiter.peek(key, 0)).remaining).toBe(5);
  },

  'gives back a hundred reservations of one tick, however late in its millisecond': async (make, clock, key) => {
    clock.us = 999;
    const limiter = make(tokenBucket({ limit: 100, periodMs: 1000 * HOUR }));
    const reservations = await Promise.all(Array.from({ length: 100 }, () => limiter.reserve(key)));
    await Promise.all(reservations.slice(40).map((reservation) => reservation!.cancel()));
    expect((await limiter.peek(key, 0)).remaining).toBe(60);
  },

  'counts what is reserved when the numbers of a millisecond are used up for good': async (make, clock, key) => {
    clock.ms += 9 - (clock.ms % 10);
    clock.us = 999;
    const limiter = make(fixedWindow({ limit: 1005, windowMs: 10, align: 'epoch' }));
    const reservations = await Promise.all(Array.from({ length: 1002 }, () => limiter.reserve(key)));
    clock.ms++;
    await limiter.consume(key, 2);
    await reservations[1001]!.cancel();
    expect((await limiter.peek(key, 0)).remaining).toBe(1003);
  },

  'gives units of several logs back to each of them': async (make, _clock, key) => {
    const limiter = make([kinds[4]!, slidingLog({ limit: 4, windowMs: 2 * HOUR })]);
    await (await limiter.reserve(key, 3))!.settle(1);
    expect(await limiter.peek(key, 5)).toMatchObject({ allowed: false, violated: ['log', '4/7200000ms'] });
    expect((await limiter.peek(key, 0)).remaining).toBe(3);
  },

  'keeps no more debt of a bucket than it can count, so that each millisecond still pays some back': async (
    make,
    clock,
    key,
  ) => {
    const limiter = make(kinds[0]!);
    for (const cost of [1, 0]) await (await limiter.reserve(key, cost))!.settle(Number.MAX_SAFE_INTEGER);
    const before = await limiter.peek(key);
    clock.ms++;
    const after = await limiter.peek(key);
    expect([before.resetAfterMs - after.resetAfterMs, before.retryAfterMs - after.retryAfterMs]).toEqual([1, 1]);
  },

  'gives back the last thousand reservations of a key, and no older ones': async (make, clock, key) => {
    const limiter = make(tokenBucket({ limit: 2000, periodMs: 1000 * HOUR, burst: 2000 }));
    const reservations = [];
    for (let k = 0; k < 11; k++) {
      clock.ms++;
      const some = await Promise.all(Array.from({ length: 91 }, () => limiter.reserve(key)));
      reservations.push(...some.map((reservation) => reservation!));
    }
    const left = [];
    for (const at of [0, 1, 1000]) {
      await reservations[at]!.cancel();
      left.push((await limiter.peek(key, 0)).remaining);
    }
    expect(left).toEqual([999, 1000, 1001]);
  },
};
