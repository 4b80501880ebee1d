import { setTimeout as delay } from 'node:timers/promises';
import { GlideClient } from '@valkey/valkey-glide';
import { Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe } from 'vitest';
import type { RedisSend } from '../../src/redis/index.ts';
import { fromGlide, fromIoredis, fromNodeRedis, redisSagaStore } from '../../src/redis/index.ts';
import { sagaStoreConformance } from '../saga/store-conformance.ts';
import type { RedisCluster } from '../support/redis-cluster.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import type { RedisServer } from '../support/redis.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';

const { available } = redisAvailability();

/** A client and how to end it. */
type Opened = readonly [RedisSend, () => unknown];

const clients: Readonly<Record<string, (port: number) => Promise<Opened>>> = {
  ioredis: async (port) => {
    const client = new Redis(port);
    return [fromIoredis(client), () => client.disconnect()];
  },
  'node-redis': async (port) => {
    const client = await createClient({ url: `redis://127.0.0.1:${port}` }).connect();
    return [fromNodeRedis(client), () => client.destroy()];
  },
  'Valkey GLIDE': async (port) => {
    const client = await GlideClient.createClient({ addresses: [{ host: '127.0.0.1', port }] });
    return [fromGlide(client), () => client.close()];
  },
};

describe.skipIf(!available).each(Object.keys(clients))('redisSagaStore through %s', (name) => {
  let server: RedisServer;
  let opened: Opened;
  let store: ReturnType<typeof redisSagaStore>;
  beforeAll(async () => {
    server = await startRedis();
    opened = await clients[name]!(server.port);
    store = redisSagaStore(opened[0]);
    await store.init();
  });
  afterAll(async () => {
    opened?.[1]();
    await server?.stop();
  });

  sagaStoreConformance(() => ({ store, pass: delay }));
});

describe.skipIf(!available)('redisSagaStore over Redis Cluster', () => {
  let cluster: RedisCluster;
  let end: () => unknown;
  let store: ReturnType<typeof redisSagaStore>;
  beforeAll(async () => {
    cluster = await startRedisCluster();
    const client = createCluster({ rootNodes: cluster.nodes.map(({ url }) => ({ url })) });
    await client.connect();
    end = () => client.destroy();
    store = redisSagaStore(fromNodeRedis(client, { isCluster: true }), { partitions: 7 });
    await store.init();
  }, 60_000);
  afterAll(async () => {
    end?.();
    await cluster?.stop();
  });

  sagaStoreConformance(() => ({ store, pass: delay }));
});
