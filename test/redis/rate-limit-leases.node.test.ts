import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { StoredRateLimitDecision } from '../../src/rate-limit/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { redisAvailability } from '../support/redis.ts';
import { pinnedTo, SOME_MS } from './rate-limit-support.ts';
import type { ServerClock } from './rate-limit-support.ts';
import { useRedis } from './redis-suite.ts';

const { available } = redisAvailability();

const HOUR = 3_600_000;
const bucket = tokenBucket({ limit: 10, periodMs: 1000, burst: 5 });
const hourly = tokenBucket({ limit: 5, periodMs: HOUR });

describe.skipIf(!available)('what a process decides by itself', () => {
  const { limiterOf, send, sent } = useRedis();

  describe('a lease', () => {
    const clock = createVirtualClock();
    const lease = { units: 10, ttlMs: 1000 };
    const hundred = fixedWindow({ limit: 100, windowMs: HOUR });
    const used = async (limiter: ReturnType<typeof redisRateLimiter>): Promise<number> =>
      100 - (await limiter.peek('k', 0)).remaining;

    it('is taken from the store before it is used, and spares the trips', async () => {
      const limiter = limiterOf(hundred, { lease, clock });
      const observer = limiterOf(hundred);
      const sources: StoredRateLimitDecision['source'][] = [];
      for (let k = 0; k < 25; k++) sources.push((await limiter.consume('k')).source);
      expect(sources.filter((source) => source === 'store').length).toBe(3);
      expect(await used(observer)).toBe(30);
      await limiter.close();
      expect(await used(observer)).toBe(25);
    });

    it('dies after its time, and what is left of it goes back with the next', async () => {
      const limiter = limiterOf(hundred, { lease, clock });
      const observer = limiterOf(hundred);
      await limiter.consume('k');
      clock.setNow(clock.now() + 999);
      expect((await limiter.consume('k')).source).toBe('lease');
      clock.setNow(clock.now() + 1);
      expect((await limiter.consume('k')).source).toBe('store');
      expect(await used(observer)).toBe(12);
    });

    it('is waited for by the calls that come while it is on its way', async () => {
      const limiter = limiterOf(hundred, { lease, clock });
      await limiter.peek('k');
      sent.length = 0;
      const calls = await Promise.all(Array.from({ length: 64 }, () => limiter.consume('k')));
      expect(calls.every(({ allowed }) => allowed)).toBe(true);
      expect(sent.length).toBe(7);
    });

    it('takes what there is when that is less, and admits to the last unit', async () => {
      const limiter = limiterOf(fixedWindow({ limit: 23, windowMs: HOUR }), { lease, clock });
      const calls = await Promise.all(Array.from({ length: 64 }, () => limiter.consume('k')));
      expect(calls.filter(({ allowed }) => allowed).length).toBe(23);
    });

    it('is kept for `maxKeys` keys at the most, without a limit being lost', async () => {
      const limiter = limiterOf(fixedWindow({ limit: 3, windowMs: HOUR }), { lease: { ...lease, maxKeys: 2 }, clock });
      for (const key of ['a', 'b', 'c', 'd']) {
        const calls = await Promise.all(Array.from({ length: 5 }, () => limiter.consume(key)));
        expect(calls.filter(({ allowed }) => allowed).length).toBe(3);
      }
    });

    it('never admits more than the limit over any number of holders, costs and deaths', async () => {
      const step = fc.record({
        who: fc.nat({ max: 2 }),
        cost: fc.nat({ max: 4 }),
        waitMs: fc.constantFrom(0, 0, 0, 400, 1100),
        closes: fc.constantFrom(false, false, false, false, true),
      });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
          const own = createVirtualClock();
          const prefix = `lease${round++}:`;
          const make = (): ReturnType<typeof redisRateLimiter> =>
            limiterOf(fixedWindow({ limit: 60, windowMs: HOUR }), { lease, clock: own, prefix, denyCache: false });
          const limiters = [make(), make(), make()];
          let admitted = 0;
          for (const { who, cost, waitMs, closes } of steps) {
            own.setNow(own.now() + waitMs);
            if ((await limiters[who]!.consume('k', cost)).allowed) admitted += cost;
            if (!closes) continue;
            await limiters[who]!.close();
            limiters[who] = make();
          }
          await Promise.all(limiters.map((limiter) => limiter.close()));
          const { remaining } = await make().peek('k', 0);
          expect(admitted).toBeLessThanOrEqual(60 - remaining);
        }),
        { numRuns: 30 },
      );
    });
  });

  describe('the deny cache', () => {
    it('refuses the same cost without asking until it is due, and asks for every other', async () => {
      const clock = createVirtualClock();
      const limiter = limiterOf(tokenBucket({ limit: 1, periodMs: 400, burst: 10 }), { clock });
      await limiter.consume('k', 8);
      const refused = await limiter.consume('k', 6);
      sent.length = 0;
      const again = await limiter.consume('k', 6);
      expect(again).toEqual({ ...refused, source: 'deny-cache' });
      expect(sent).toEqual([]);
      expect((await limiter.consume('k', 1)).allowed).toBe(true);
      expect((await limiter.consume('k', 1)).allowed).toBe(true);
      expect((await limiter.consume('k', 7)).source).toBe('store');
      expect((await limiter.consume('other', 6)).allowed).toBe(true);
    });

    it('never refuses what the store would admit', async () => {
      const clock = createVirtualClock();
      const server: ServerClock = { ms: SOME_MS };
      const limiter = redisRateLimiter(pinnedTo(server, send), bucket, { clock, timeoutMs: 10_000 });
      await limiter.consume('k', 5);
      const { retryAfterMs } = await limiter.consume('k', 3);
      clock.setNow(clock.now() + retryAfterMs - 1);
      expect(await limiter.consume('k', 3)).toMatchObject({ source: 'deny-cache', retryAfterMs: 1 });
      clock.setNow(clock.now() + 1);
      server.ms += retryAfterMs;
      expect((await limiter.consume('k', 3)).allowed).toBe(true);
    });

    it('asks again after `maxMs`, after a reset and after a refund', async () => {
      const clock = createVirtualClock();
      const limiter = limiterOf(hourly, { clock, denyCache: { maxMs: 100 } });
      const reservation = await limiter.reserve('k', 5);
      expect((await limiter.consume('k')).source).toBe('store');
      expect((await limiter.consume('k')).source).toBe('deny-cache');
      clock.setNow(clock.now() + 100);
      expect((await limiter.consume('k')).source).toBe('store');
      await reservation!.settle(4);
      expect((await limiter.consume('k')).allowed).toBe(true);
      expect((await limiter.consume('k')).allowed).toBe(false);
      await limiter.reset('k');
      expect((await limiter.consume('k')).allowed).toBe(true);
    });

    it('keeps `maxKeys` refusals', async () => {
      const limiter = limiterOf(fixedWindow({ limit: 1, windowMs: HOUR }), { denyCache: { maxKeys: 2 } });
      for (const key of ['a', 'b', 'c']) await limiter.consume(key);
      for (const key of ['a', 'b', 'c']) await limiter.consume(key);
      const sources: string[] = [];
      for (const key of ['c', 'b', 'a']) sources.push((await limiter.consume(key)).source);
      expect(sources).toEqual(['deny-cache', 'deny-cache', 'store']);
    });
  });
});
