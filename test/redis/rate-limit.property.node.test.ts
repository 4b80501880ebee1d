import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy } from '../../src/rate-limit/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import { anyPolicies, anyPolicyOf, anyStep } from '../rate-limit/trace.ts';
import type { Step } from '../rate-limit/trace.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { pinnedTo, StoredPair } from './rate-limit-support.ts';
import type { ServerClock } from './rate-limit-support.ts';

/** A moment at which no window of the policies begins. */
const SOME_MS = 1_795_684_857_321;

/** A store forgets who is idle, so that it cannot keep what a key has to begin with. */
const full = (policy: RateLimitPolicy): RateLimitPolicy =>
  policy.kind === 'token-bucket' ? { ...policy, initial: policy.burst } : policy;

/** A window keeps its start when the unit that it started with is given back. */
const keepsStart = (policies: readonly RateLimitPolicy[]): boolean =>
  policies.some((policy) => policy.kind === 'fixed-window' && policy.align === 'first');

const steps = fc.array(anyStep, { minLength: 30, maxLength: 80 });

/** One key that is always short of units, with reservations that end in any order. */
const reservations = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 12 }) }),
    fc.record({
      do: fc.constantFrom('consume', 'reserve', 'reserve'),
      key: fc.constant('a'),
      cost: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ do: fc.constant('settle' as const), which: fc.nat({ max: 9 }), actual: fc.nat({ max: 5 }) }),
  ),
  { minLength: 30, maxLength: 80 },
);

/** A bucket that is seldom full and seldom empty. */
const shortOfUnits: fc.WeightedArbitrary<RateLimitPolicy> = {
  arbitrary: fc
    .record({ limit: fc.integer({ min: 1, max: 4 }), burst: fc.integer({ min: 8, max: 20 }) })
    .map((options) => tokenBucket({ ...options, periodMs: 10 })),
  weight: 8,
};

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
    const rules = policies.map(full);
    const limiter = redisRateLimiter(pinnedTo(clock, send), rules, {
      prefix: `${trace++}:`,
      denyCache: false,
      timeoutMs: 20_000,
    });
    const pair = new StoredPair(limiter, rules, clock);
    const isExact = !keepsStart(policies);
    for (const step of steps) if (isExact || step.do !== 'settle') await pair.run(step);
  }

  it.each(Object.entries(anyPolicyOf))(
    'decides by the written rule of a %s, to the unit and the millisecond',
    async (_kind, policy) => {
      await fc.assert(fc.asyncProperty(policy, steps, async (one, some) => compare([one], some)));
    },
  );

  it('decides on several policies all or nothing, and says which refuse and for how long', async () => {
    await fc.assert(fc.asyncProperty(anyPolicies, steps, async (rules, some) => compare(rules, some)));
  });

  it('takes a reservation back as if it had never been made, at any time and in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(shortOfUnits, ...Object.values(anyPolicyOf)), reservations, async (one, some) => {
        fc.pre(!keepsStart([one]));
        await compare([one], some);
      }),
    );
  });
});
