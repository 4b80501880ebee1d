import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RedisSend } from '../../src/redis/client.ts';
import { runScript } from '../../src/redis/script.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import type { RedisCluster } from '../support/redis-cluster.ts';
import { clustered, single } from './client.kit.ts';

const script = { lua: () => "redis.call('SET', KEYS[1], ARGV[1]) return {1, ARGV[1], redis.call('GET', KEYS[1])}" };

/** What every client must answer alike. */
async function exercise(send: RedisSend, key: string): Promise<void> {
  expect(await send(['SET', key, 'välue'], key)).toBe('OK');
  expect(await send(['GET', key], key)).toBe('välue');
  expect(await send(['GET', `{${key}}none`], key)).toBe(null);
  expect(await send(['INCR', `{${key}}count`], key)).toBe(1);
  await expect(send(['INCR', key], key)).rejects.toThrow(/not an integer/);
  expect(await runScript(send, script, [key], ['x'], { timeoutMs: 5000 })).toEqual([1, 'x', 'x']);
}

const { available } = redisAvailability();

describe.skipIf(!available)('a single server', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  it.each(Object.entries(single))('is spoken to through %s', async (_name, connect) => {
    const [send, end] = await connect(redis.port);
    try {
      await redis.send(['FLUSHALL']);
      await redis.send(['SCRIPT', 'FLUSH']);
      await exercise(send, 'key');
      await exercise(send, 'again');
    } finally {
      await end();
    }
  });
});

describe.skipIf(!available)('a cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  it.each(Object.entries(clustered))('is spoken to through %s, whichever node has the key', async (name, connect) => {
    const [send, end] = await connect(cluster.nodes.map((node) => node.port));
    try {
      for (let k = 0; k < 30; k++) await exercise(send, `${name}-${k}`);
    } finally {
      await end();
    }
  });
});
