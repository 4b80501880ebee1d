import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBloomFilter } from '../../src/bloom/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { fromIoredis, redisBloom } from '../../src/redis/index.ts';
import type { RedisServer } from '../support/redis.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';

const { available } = redisAvailability();

describe.skipIf(!available)('redisBloom while its key is replaced', () => {
  let redis: RedisServer;
  let client: Redis;

  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.port);
  });
  afterAll(async () => {
    client?.disconnect();
    await redis?.stop();
  });

  it('copies or pushes to one filter as a whole, however often it is replaced under way', async () => {
    const send = fromIoredis(client);
    const own = { capacity: 60_000, falsePositiveRate: 0.001, ttlMs: 60_000, timeoutMs: 10_000, key: 'replaced' };
    const others = Array.from({ length: 3000 }, (_, k) => `other-${k}`);
    const plain = redisBloom({ ...own, send });
    /** Replaces the filter by another after `calls` more calls, `times` times over. */
    const replacing = (calls: number, times: number): typeof plain => {
      let left = calls;
      const through: RedisSend = async (command, key) => {
        if (--left === 0 && times-- > 0) {
          left = calls;
          await redis.send(['DEL', own.key]);
          await plain.addAll(others);
        }
        return send(command, key);
      };
      return redisBloom({ ...own, send: through });
    };
    const local = createBloomFilter({ capacity: own.capacity, falsePositiveRate: own.falsePositiveRate });
    const keys = Array.from({ length: 3000 }, (_, k) => `key-${k}`);
    local.addAll(keys);
    await plain.push(local);
    const copy = await replacing(3, 1).snapshot();
    expect([copy.hasAll(others).includes(0), copy.has('key-0')]).toEqual([false, false]);
    await replacing(4, 1).push(local);
    expect(await plain.hasAll([...keys, ...others])).toEqual(new Uint8Array(6000).fill(1));
    const replaced = { code: 'ERR_BLOOM_MISMATCH', message: expect.stringContaining('was replaced while it was') };
    await expect(replacing(3, 99).snapshot()).rejects.toMatchObject(replaced);
    await expect(replacing(4, 99).push(local)).rejects.toMatchObject(replaced);
  });
});
