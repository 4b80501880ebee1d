import { GlideClient, GlideClusterClient } from '@valkey/valkey-glide';
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TieredCache } from '../../src/cache/index.ts';
import { createCache, createTieredCache } from '../../src/cache/index.ts';
import {
  redisTier,
  subscriberFromGlide,
  subscriberFromIoredis,
  subscriberFromNodeRedis,
} from '../../src/redis/index.ts';
import type { RedisSend, RedisSubscriber } from '../../src/redis/index.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import type { RedisCluster } from '../support/redis-cluster.ts';
import { clustered, single } from './client.kit.ts';

const { available } = redisAvailability();

/** Ends what it has opened. */
type Listening = readonly [subscriber: RedisSubscriber, end: () => unknown];

const host = '127.0.0.1';
const addresses = (ports: readonly number[]): { host: string; port: number }[] => ports.map((port) => ({ host, port }));

const listenSingle: Readonly<Record<string, (port: number) => Promise<Listening>>> = {
  async fromIoredis(port) {
    const client = new Redis(port);
    return [subscriberFromIoredis(client), () => client.disconnect()];
  },
  async fromNodeRedis(port) {
    const client = await createClient({ url: `redis://${host}:${port}` }).connect();
    return [subscriberFromNodeRedis(client), () => client.destroy()];
  },
  async fromGlide(port) {
    const create = subscriberFromGlide((pubsubSubscriptions) =>
      GlideClient.createClient({ addresses: addresses([port]), pubsubSubscriptions }),
    );
    return [create, () => {}];
  },
};

const listenClustered: Readonly<Record<string, (ports: readonly number[]) => Promise<Listening>>> = {
  async fromIoredis(ports) {
    const client = new Cluster(addresses(ports));
    return [subscriberFromIoredis(client), () => client.disconnect()];
  },
  async fromNodeRedis(ports) {
    const client = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://${host}:${port}` })) });
    await client.connect();
    return [subscriberFromNodeRedis(client), () => client.destroy()];
  },
  async fromGlide(ports) {
    const create = subscriberFromGlide((pubsubSubscriptions) =>
      GlideClusterClient.createClient({ addresses: addresses(ports), pubsubSubscriptions }),
    );
    return [create, () => {}];
  },
};

type Connection = readonly [RedisSend, RedisSubscriber];

function join([send, subscriber]: Connection, partitions: number): TieredCache<string> {
  return createTieredCache<string>({
    l1: createCache({ maxEntries: 1000 }),
    tier: redisTier(send, { subscriber, partitions }),
    ttlMs: 60_000,
    // Long, so that only the bus can be as fast as this test wants it.
    l1MaxStaleMs: 4000,
    tierTimeoutMs: 2000,
  });
}

/** Two members with one server: what one changes the other does not serve. */
async function life(connection: Connection, partitions: number): Promise<void> {
  const [one, two] = [join(connection, partitions), join(connection, partitions)];
  await Promise.all([one.ready(), two.ready()]);
  // Lets the ghosts go that a new tier begins with.
  await one.clear({ wait: 'all' });
  const keys = ['', 'a', 'ä{b}', '\ud800', '\ud801', ...Array.from({ length: 20 }, (_, at) => `key ${at}`)];
  let loads = 0;
  const load = async (key: string): Promise<string> => `${++loads} ${key.length}`;
  const loadAll = async (cache: TieredCache<string>): Promise<(string | undefined)[]> =>
    Promise.all(keys.map((key) => cache.getOrLoad(key, load)));
  const [first, second] = await Promise.all([loadAll(one), loadAll(two)]);
  expect(second).toEqual(first);
  expect([loads, new Set(first).size]).toEqual([keys.length, keys.length]);
  const startMs = performance.now();
  await Promise.all(keys.map((key) => one.delete(key, { wait: 'all' })));
  expect(await Promise.all(keys.map((key) => two.get(key)))).toEqual(keys.map(() => undefined));
  expect(performance.now() - startMs).toBeLessThan(4000 / 3);
  await Promise.all(keys.map((key) => one.set(key, `set ${key.length}`, { wait: 'all', tags: ['t', '\ud800'] })));
  expect(await Promise.all(keys.map((key) => two.get(key)))).toEqual(keys.map((key) => `set ${key.length}`));
  await two.invalidateTags(['\ud801'], { wait: 'all' });
  expect(await one.get('a')).toBe('set 1');
  await two.invalidateTags(['\ud800'], { wait: 'all' });
  expect(await Promise.all(keys.map((key) => one.get(key)))).toEqual(keys.map(() => undefined));
  expect(one.stats().tierFailures + two.stats().tierFailures).toBe(0);
  await Promise.all([one.close(), two.close()]);
}

describe.skipIf(!available)('a tiered cache over a single server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server?.stop());

  it.each(Object.keys(single))('shares values, loads and changes: %s', async (name) => {
    await server.send(['FLUSHALL']);
    await server.send(['SCRIPT', 'FLUSH']);
    const [send, end] = await single[name]!(server.port);
    const [subscriber, endListening] = await listenSingle[name]!(server.port);
    try {
      await life([send, subscriber], 1);
    } finally {
      await end();
      await endListening();
    }
  });
});

describe.skipIf(!available)('a tiered cache over a cluster of three', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  it.each(Object.keys(clustered))('shares values, loads and changes, spread over all nodes: %s', async (name) => {
    await Promise.all(cluster.nodes.map((node) => node.send(['FLUSHALL'])));
    const ports = cluster.nodes.map(({ port }) => port);
    const [send, end] = await clustered[name]!(ports);
    const [subscriber, endListening] = await listenClustered[name]!(ports);
    try {
      await life([send, subscriber], 8);
      const sizes = await Promise.all(cluster.nodes.map((node) => node.send(['DBSIZE'])));
      expect(Math.min(...sizes.map(Number))).toBeGreaterThan(0);
    } finally {
      await end();
      await endListening();
    }
  });
});
