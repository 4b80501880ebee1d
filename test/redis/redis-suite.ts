import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { RateLimitPolicy, StoredRateLimiter } from '../../src/rate-limit/index.ts';
import type { RedisRateLimiterOptions, RedisSend } from '../../src/redis/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import type { RedisServer } from '../support/redis.ts';
import { startRedis } from '../support/redis.ts';

/** A server for the tests of one `describe`, empty before each of them. */
export interface RedisSuite {
  readonly redis: RedisServer;
  readonly send: RedisSend;
  /** What went through `send` in this test. */
  readonly sent: string[][];
  /** A limiter that waits as long as a busy machine takes. */
  limiterOf(policy: RateLimitPolicy | readonly RateLimitPolicy[], options?: RedisRateLimiterOptions): StoredRateLimiter;
  keys(): Promise<string[]>;
  /** How often the server carries out each command while `work` runs, those of scripts included. */
  counts(work: () => Promise<unknown>): Promise<Record<string, number>>;
}

/** Call it where hooks may be registered. */
export function useRedis(): RedisSuite {
  let redis!: RedisServer;
  const sent: string[][] = [];
  const send: RedisSend = (command) => (sent.push([...command]), redis.send(command));
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());
  beforeEach(async () => {
    await redis.send(['FLUSHALL']);
    sent.length = 0;
  });
  return {
    get redis() {
      return redis;
    },
    send,
    sent,
    limiterOf: (policy, options) => redisRateLimiter(send, policy, { timeoutMs: 10_000, ...options }),
    keys: async () => (await redis.send(['KEYS', '*'])) as string[],
    async counts(work) {
      await redis.send(['CONFIG', 'RESETSTAT']);
      await work();
      const info = String(await redis.send(['INFO', 'commandstats']));
      const all = [...info.matchAll(/cmdstat_(\w+)[|\w]*:calls=(\d+)/g)].map(([, name, calls]) => [
        name,
        Number(calls),
      ]);
      const { config, info: own, ...rest } = Object.fromEntries(all) as Record<string, number>;
      void [config, own];
      return rest;
    },
  };
}
