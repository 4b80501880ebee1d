import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy } from '../../src/rate-limit/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import { redisAvailability } from '../support/redis.ts';
import { pinnedTo, SOME_MS } from './rate-limit-support.ts';
import type { ServerClock } from './rate-limit-support.ts';
import { useRedis } from './redis-suite.ts';

const { available } = redisAvailability();

const bucket = tokenBucket({ limit: 10, periodMs: 1000, burst: 5 });

/** One of each kind, so long that nothing comes back during a test. */
const HOUR = 3_600_000;
const kinds: readonly RateLimitPolicy[] = [
  tokenBucket({ limit: 5, periodMs: HOUR, name: 'bucket' }),
  fixedWindow({ limit: 5, windowMs: HOUR, name: 'first' }),
  fixedWindow({ limit: 5, windowMs: HOUR, align: 'epoch', name: 'epoch' }),
  slidingWindow({ limit: 5, windowMs: HOUR, name: 'sliding' }),
  slidingLog({ limit: 5, windowMs: HOUR, name: 'log' }),
];

describe.skipIf(!available)('redisRateLimiter', () => {
  const suite = useRedis();
  const { limiterOf, send, sent, keys, counts } = suite;

  describe('a decision', () => {
    it('is one script on one declared key and one round trip, on any number of policies', async () => {
      const limiter = limiterOf(kinds);
      await limiter.consume('user:42');
      sent.length = 0;
      const commands = await counts(() => limiter.consume('user:42'));
      expect(commands).toEqual({ evalsha: 1, time: 1, get: 1, set: 1 });
      expect(sent).toHaveLength(1);
      expect(sent[0]!.slice(2, 4)).toEqual(['1', (await keys())[0]]);
    });

    it('writes nothing when it refuses, nor when it only looks', async () => {
      const limiter = limiterOf(kinds, { denyCache: false });
      await limiter.consume('k', 5);
      const refusals = await counts(async () => {
        for (let k = 0; k < 100; k++) expect((await limiter.consume('k')).allowed).toBe(false);
      });
      expect(refusals).toEqual({ evalsha: 100, time: 100, get: 100 });
      expect(await counts(() => limiter.peek('k'))).toEqual({ evalsha: 1, time: 1, get: 1 });
      expect(await counts(() => limiter.peek('new'))).toEqual({ evalsha: 1, time: 1, get: 1 });
      expect(await counts(() => limiter.consume('new', 0))).toEqual({ evalsha: 1, time: 1, get: 1 });
      expect(await counts(() => limiter.reserve('k', 1))).toEqual({ evalsha: 1, time: 1, get: 1 });
    });

    it.each(kinds.map((kind) => [kind.name, kind] as const))(
      'leaves a key that lives as long as it is of use, and no second longer: %s',
      async (_name, kind) => {
        const policy = { ...kind, windowMs: 60_000 } as RateLimitPolicy;
        const { resetAfterMs } = await limiterOf(policy).consume('k', 3);
        const ttlMs = Number(await suite.redis.send(['PTTL', (await keys())[0]!]));
        expect(ttlMs).toBeGreaterThan(resetAfterMs - 1000);
        expect(ttlMs).toBeLessThanOrEqual(resetAfterMs + 1000);
      },
    );

    it('expires keys of long windows, short ones and fractions of a second alike', async () => {
      const month = limiterOf(fixedWindow({ limit: 1, windowMs: 2_592_000_000 }));
      const passed: boolean[] = [];
      for (let k = 0; k < 5; k++) passed.push((await month.consume('k')).allowed);
      expect(passed).toEqual([true, false, false, false, false]);
      expect(await suite.redis.send(['PTTL', (await keys())[0]!])).toBeGreaterThan(2_591_000_000);
      await limiterOf(fixedWindow({ limit: 1, windowMs: 20 })).consume('short');
      const short = (await keys()).find((key) => key.endsWith('short'));
      // It may be gone by now, of which Redis says -2; of one that never goes, -1.
      const shortMs = Number(await suite.redis.send(['PTTL', short ?? 'gone']));
      expect([shortMs <= 20, shortMs === -1]).toEqual([true, false]);
      const soon = fixedWindow({ limit: 1, windowMs: 20, name: 'soon' });
      await limiterOf([soon, fixedWindow({ limit: 1, windowMs: HOUR }), { ...soon, name: 'last' }]).consume('several');
      const several = (await keys()).find((key) => key.endsWith('several'))!;
      expect(Number(await suite.redis.send(['PTTL', several]))).toBeGreaterThan(HOUR - 10_000);
    });

    it('leaves no key behind where everything was given back', async () => {
      const reservation = await limiterOf(kinds).reserve('k', 2);
      await reservation!.cancel();
      expect(await keys()).toEqual([]);
    });

    it('is the same where the server does not know the script, has lost it, or has lost everything', async () => {
      const limiter = limiterOf(kinds, { denyCache: false });
      expect((await limiter.consume('k', 5)).allowed).toBe(true);
      await suite.redis.send(['SCRIPT', 'FLUSH']);
      expect((await limiter.consume('k')).allowed).toBe(false);
      await suite.redis.send(['FLUSHALL']);
      expect(await limiter.consume('k', 5)).toMatchObject({ allowed: true, remaining: 0 });
      await suite.redis.restart();
      expect(await limiter.consume('k', 5)).toMatchObject({ allowed: true, remaining: 0 });
    });

    it.each([
      ['is out of memory', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0'], /OOM/],
      ['takes no writes', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'], /READONLY/],
    ] as const)('is what `onStoreError` says at once where the server %s', async (_why, begin, end, message) => {
      const policy = fixedWindow({ limit: 2, windowMs: HOUR });
      const local = createRateLimiter(policy);
      const [falling, throwing] = [limiterOf(policy, { onStoreError: local }), limiterOf(policy)];
      await falling.consume('k');
      await suite.redis.send([...begin]);
      try {
        expect(await falling.consume('k')).toMatchObject({ allowed: true, source: 'fallback' });
        await expect(throwing.consume('k')).rejects.toThrow(message);
      } finally {
        await suite.redis.send([...end]);
      }
      expect(await falling.consume('k')).toMatchObject({ allowed: true, remaining: 0, source: 'store' });
    });

    it('refuses a cost of more than a policy ever gives for good, and any other for as long as said', async () => {
      const limiter = limiterOf([bucket, fixedWindow({ limit: 100, windowMs: HOUR, name: 'hourly' })]);
      expect(await limiter.consume('k', 6)).toMatchObject({
        allowed: false,
        retryAfterMs: Infinity,
        policy: bucket.name,
      });
      expect(await limiter.consume('k', Number.MAX_SAFE_INTEGER)).toMatchObject({
        retryAfterMs: Infinity,
        violated: [bucket.name, 'hourly'],
      });
      expect(await keys()).toEqual([]);
    });

    it.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53, '1' as unknown as number])(
      'rejects a cost of %s, and changes nothing',
      async (cost) => {
        const limiter = limiterOf(bucket);
        for (const call of [limiter.consume('k', cost), limiter.peek('k', cost), limiter.reserve('k', cost)]) {
          await expect(call).rejects.toThrow(/^cost must be an integer of at least 0/);
        }
        expect(sent).toEqual([]);
      },
    );

    it('holds a debt of any size, and pays it back', async () => {
      for (const kind of kinds) {
        const limiter = limiterOf(kind, { denyCache: false });
        const reservation = await limiter.reserve('k', 1);
        await reservation!.settle(Number.MAX_SAFE_INTEGER);
        expect(await limiter.consume('k')).toMatchObject({ allowed: false, remaining: 0 });
        const ttlMs = Number(await suite.redis.send(['PTTL', (await keys()).find((key) => key.includes(kind.name))!]));
        expect(ttlMs).toBeGreaterThan(0);
      }
    });
  });

  describe('calls of one tick for one key', () => {
    it('share a round trip and are decided one after the other', async () => {
      await limiterOf(bucket).peek('k');
      sent.length = 0;
      const limiter = limiterOf(bucket);
      const calls = await Promise.all([2, 2, 4, 1, 1].map((cost) => limiter.consume('k', cost)));
      expect(calls.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
        [true, 3],
        [true, 1],
        [false, 1],
        [true, 0],
        [false, 0],
      ]);
      expect(sent.map(([name]) => name)).toEqual(['EVALSHA']);
    });

    it('are answered as without `batch`, for any calls', async () => {
      const costs = fc.array(fc.tuple(fc.constantFrom('consume', 'peek', 'reserve'), fc.nat({ max: 6 })), {
        maxLength: 30,
      });
      let round = 0;
      await fc.assert(
        fc.asyncProperty(costs, async (some) => {
          const clock: ServerClock = { ms: SOME_MS };
          const options = { denyCache: false, timeoutMs: 10_000 } as const;
          const one = redisRateLimiter(pinnedTo(clock, send), kinds, { ...options, prefix: `${round++}:` });
          const other = redisRateLimiter(pinnedTo(clock, send), kinds, {
            ...options,
            prefix: `${round++}:`,
            batch: false,
          });
          const ask = async (limiter: typeof one, [verb, cost]: (typeof some)[number]): Promise<unknown> => {
            const answer = await limiter[verb as 'consume' | 'reserve']('k', cost);
            return answer && 'decision' in answer ? answer.decision : answer;
          };
          const together = await Promise.all(some.map((call) => ask(one, call)));
          const apart: unknown[] = [];
          for (const call of some) apart.push(await ask(other, call));
          expect(together).toEqual(apart);
        }),
      );
    });

    it('never hold the server up: thousands are sent in several trips, in order', async () => {
      const limiter = limiterOf(fixedWindow({ limit: 1500, windowMs: HOUR }), { denyCache: false });
      const calls = await Promise.all(Array.from({ length: 2000 }, () => limiter.consume('k')));
      expect(calls.map(({ allowed }) => allowed)).toEqual(calls.map((_, at) => at < 1500));
      expect(sent.filter(([name]) => name === 'EVALSHA').length).toBe(4);
    });
  });

  describe('a reservation', () => {
    it('returns what was not used, once, however often its end is sent', async () => {
      const doubling: RedisSend = async (command) => {
        await suite.redis.send(command);
        return suite.redis.send(command);
      };
      const plain = limiterOf(kinds[0]!, { denyCache: false });
      const resent = redisRateLimiter(doubling, kinds[0]!, { denyCache: false, timeoutMs: 10_000 });
      await plain.peek('k');
      const reservation = (await plain.reserve('k', 4))!;
      const other = (await plain.reserve('k', 1))!;
      expect(reservation.cost).toBe(4);
      const twice = await resent.reserve('twice', 2);
      expect((await plain.peek('twice', 0)).remaining).toBe(1);
      await twice!.cancel();
      expect((await plain.peek('twice', 0)).remaining).toBe(3);
      await reservation.settle(1);
      await reservation.settle(0);
      await reservation.cancel();
      expect((await plain.peek('k', 0)).remaining).toBe(3);
      await other[Symbol.asyncDispose]();
      expect((await plain.peek('k', 0)).remaining).toBe(3);
    });

    it('books what was used above it as debt', async () => {
      const limiter = limiterOf(kinds[0]!, { denyCache: false });
      await using reservation = (await limiter.reserve('k', 2))!;
      await reservation.settle(7);
      const { allowed, retryAfterMs } = await limiter.consume('k', 1);
      expect(allowed).toBe(false);
      expect(retryAfterMs).toBeGreaterThan((3 * HOUR) / 5 - 5000);
    });

    it('gives nothing back into a window that began after it, nor after a flush or reset', async () => {
      const clock: ServerClock = { ms: SOME_MS };
      const limiter = redisRateLimiter(pinnedTo(clock, send), kinds, { denyCache: false, timeoutMs: 10_000 });
      const reserved = [
        await limiter.reserve('k', 4),
        await limiter.reserve('flushed', 4),
        await limiter.reserve('reset', 4),
      ];
      clock.ms += 3 * HOUR;
      await suite.redis.send(['DEL', ...(await keys()).filter((key) => key.endsWith('flushed'))]);
      await limiter.reset('reset');
      for (const key of ['k', 'flushed', 'reset']) await limiter.consume(key, 5);
      for (const each of reserved) await each!.cancel();
      for (const key of ['k', 'flushed', 'reset']) expect((await limiter.peek(key, 0)).remaining).toBe(0);
    });

    it('refuses an amount that is none', async () => {
      const reservation = (await limiterOf(bucket).reserve('k', 2))!;
      await expect(reservation.settle(-1)).rejects.toThrow('actual must be an integer of at least 0, got -1');
      await reservation.settle(0);
      expect(await keys()).toEqual([]);
    });
  });
});
