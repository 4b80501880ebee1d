import { GlideClusterClient } from '@valkey/valkey-glide';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixedWindow, slidingLog, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { fromGlide, fromIoredis, fromNodeRedis, redisRateLimiter } from '../../src/redis/index.ts';
import { redisAvailability } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import type { RedisCluster } from '../support/redis-cluster.ts';
import { inTime } from '../support/in-time.ts';
import { flush } from '../support/gate.ts';

const HOUR = 3_600_000;

const clients: Readonly<Record<string, (ports: readonly number[]) => Promise<readonly [RedisSend, () => unknown]>>> = {
  async ioredis(ports) {
    const client = new Cluster(ports.map((port) => ({ host: '127.0.0.1', port })));
    return [fromIoredis(client), () => client.disconnect()];
  },
  async 'node-redis'(ports) {
    const client = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) });
    await client.connect();
    return [fromNodeRedis(client, { isCluster: true }), () => client.destroy()];
  },
  async glide(ports) {
    const client = await GlideClusterClient.createClient({
      addresses: ports.map((port) => ({ host: '127.0.0.1', port })),
    });
    return [fromGlide(client), () => client.close()];
  },
};

describe.skipIf(!redisAvailability().available)('a cluster of three', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(() => cluster?.stop());

  it.each(Object.entries(clients))(
    'decides on several policies of any key, spread over all nodes: %s',
    async (name, connect) => {
      const [send, end] = await connect(cluster.nodes.map(({ port }) => port));
      try {
        const limiter = redisRateLimiter(
          send,
          [
            tokenBucket({ limit: 3, periodMs: HOUR }),
            fixedWindow({ limit: 4, windowMs: HOUR }),
            slidingLog({ limit: 5, windowMs: HOUR, name: 'log' }),
          ],
          { timeoutMs: 10_000, prefix: `${name}:`, denyCache: false },
        );
        const keys = [
          '{a}',
          '{b}',
          'a}b{c',
          '{}',
          '',
          'user:{42}',
          ...Array.from({ length: 40 }, (_, at) => `user:${at}`),
        ];
        const calls = await Promise.all(keys.flatMap((key) => [1, 2, 1].map((cost) => limiter.consume(key, cost))));
        expect(calls.map(({ allowed }) => allowed)).toEqual(keys.flatMap(() => [true, true, false]));
        const sizes = await Promise.all(cluster.nodes.map((node) => node.send(['DBSIZE'])));
        expect(Math.min(...sizes.map(Number))).toBeGreaterThan(0);
        const reservation = await limiter.reserve('{r}', 2);
        await reservation!.settle(1);
        expect((await limiter.peek('{r}', 0)).remaining).toBe(2);
      } finally {
        await end();
      }
    },
  );

  it('serves the keys of the nodes that are left, and fails the others within the deadline', async () => {
    const [send, end] = await clients['ioredis']!(cluster.nodes.map(({ port }) => port));
    try {
      const limiterOf = (timeoutMs: number): ReturnType<typeof redisRateLimiter> =>
        redisRateLimiter(send, fixedWindow({ limit: 9, windowMs: HOUR }), {
          timeoutMs,
          onStoreError: 'deny',
          denyCache: false,
        });
      const keys = Array.from({ length: 30 }, (_, at) => `left:${at}`);
      // The client finds its way around the cluster, which takes its time on a busy machine.
      await Promise.all(keys.map((key) => limiterOf(10_000).consume(key)));
      const limiter = limiterOf(1000);
      cluster.nodes[0]!.freeze();
      const calls = Promise.all(keys.map((key) => limiter.consume(key)));
      await flush(); // so that all of them are sent, and their deadlines run
      const answers = await inTime(calls, 1000);
      const healthy = keys.filter((_, at) => answers[at]!.source === 'store');
      const again = await Promise.all(healthy.map((key) => limiter.consume(key)));
      expect(again.map(({ source }) => source)).toEqual(healthy.map(() => 'store'));
      cluster.nodes[0]!.thaw();
      const sources = answers.map(({ source }) => source);
      expect(sources).toContain('store');
      expect(sources).toContain('fallback');
    } finally {
      await end();
    }
  });
});
