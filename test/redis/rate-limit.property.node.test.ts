import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy } from '../../src/rate-limit/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import { anyPolicies, anyPolicyOf } from '../rate-limit/trace.ts';
import type { Step } from '../rate-limit/trace.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import {
  anySteps,
  bucketOfTwo,
  comparable,
  inTurn,
  pinnedTo,
  reservations,
  shortOfUnits,
  SOME_MS,
  StoredPair,
} from './rate-limit-support.ts';
import type { ServerClock } from './rate-limit-support.ts';
import { scenarios } from './stored-scenarios.ts';

const { available } = redisAvailability();

describe.skipIf(!available)('redisRateLimiter', () => {
  let redis: RedisServer;
  let send: RedisSend;
  let trace = 0;
  beforeAll(async () => {
    redis = await startRedis();
    send = (command) => redis.send(command);
  });
  afterAll(() => redis?.stop());

  async function compare(policies: readonly RateLimitPolicy[], steps: readonly Step[]): Promise<void> {
    const clock: ServerClock = { ms: SOME_MS };
    const { rules, some } = comparable(policies, steps);
    const options = { prefix: 'test:', denyCache: false, timeoutMs: 20_000 } as const;
    const limiter = redisRateLimiter(pinnedTo(clock, send), rules, options);
    const pair = new StoredPair(limiter, rules, clock, `${trace++}:`);
    for (const step of some) await pair.run(step);
  }

  it.each(Object.entries(anyPolicyOf))(
    'decides by the written rule of a %s, to the unit and the millisecond',
    async (_kind, policy) => {
      await fc.assert(fc.asyncProperty(policy, anySteps, async (one, some) => compare([one], some)));
    },
  );

  it('decides on several policies all or nothing, and says which refuse and for how long', async () => {
    await fc.assert(fc.asyncProperty(anyPolicies, anySteps, async (rules, some) => compare(rules, some)));
  });

  it.each(Object.entries(scenarios))('%s', async (_title, play) => {
    const clock: ServerClock = { ms: SOME_MS };
    const options = { denyCache: false, timeoutMs: 20_000 } as const;
    await play((policy) => redisRateLimiter(pinnedTo(clock, send), policy, options), clock, `scenario:${trace++}`);
  });

  it('keeps no reservation that can give nothing back', async () => {
    const clock: ServerClock = { ms: SOME_MS };
    const bucket = tokenBucket({ limit: 10, periodMs: 1000, burst: 5 });
    const limiter = redisRateLimiter(pinnedTo(clock, send), bucket, { prefix: 'kept:', timeoutMs: 20_000 });
    const size = async (): Promise<number> => {
      const [key] = (await redis.send(['KEYS', 'kept:*'])) as string[];
      return Number(await redis.send(['STRLEN', key!]));
    };
    for (let k = 0; k < 5; k++) await limiter.reserve('k');
    const withFive = await size();
    clock.ms += 500;
    await limiter.consume('k');
    const without = await size();
    await limiter.reset('k');
    await limiter.consume('k');
    expect([without, withFive > 5 * without]).toEqual([await size(), true]);
  });

  it.each(Object.entries(inTurn))(
    'gives back no more than still counts when the %s of two reservations is taken back first',
    async (_which, steps) => compare([bucketOfTwo], steps),
  );

  it('takes a reservation back as if it had never been made, at any time and in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(shortOfUnits, ...Object.values(anyPolicyOf)), reservations, async (one, some) => {
        await compare([one], some);
      }),
    );
  });
});
