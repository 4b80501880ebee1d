import { GlideClient, GlideClusterClient, Logger } from '@valkey/valkey-glide';
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AsyncBloom, RedisSend } from '../../src/redis/index.ts';
import { fromGlide, fromIoredis, fromNodeRedis, redisBloom } from '../../src/redis/index.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import type { RedisCluster } from '../support/redis-cluster.ts';

type Connection = readonly [send: RedisSend, end: () => unknown];
type Connect = (ports: readonly number[]) => Promise<Connection>;

// It warns of every error reply, and some are wanted here.
Logger.init('off');

const HOST = '127.0.0.1';
const ignore = (): void => {};

/** Clients as applications make them, with the listener for errors that a server that dies calls for. */
const single: Readonly<Record<string, Connect>> = {
  async ioredis([port]) {
    const client = new Redis(port!, HOST, { maxRetriesPerRequest: null });
    client.on('error', ignore);
    return [fromIoredis(client), () => client.disconnect()];
  },
  async 'node-redis'([port]) {
    const client = createClient({ url: `redis://${HOST}:${port}` });
    client.on('error', ignore);
    await client.connect();
    return [fromNodeRedis(client), () => client.destroy()];
  },
  async GLIDE([port]) {
    const client = await GlideClient.createClient({ addresses: [{ host: HOST, port: port! }] });
    return [fromGlide(client), () => client.close()];
  },
};

const clustered: Readonly<Record<string, Connect>> = {
  async ioredis(ports) {
    const client = new Cluster(ports.map((port) => ({ host: HOST, port })));
    client.on('error', ignore);
    return [fromIoredis(client), () => client.disconnect()];
  },
  async 'node-redis'(ports) {
    const client = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://${HOST}:${port}` })) });
    client.on('error', ignore);
    await client.connect();
    return [fromNodeRedis(client, { isCluster: true }), () => client.destroy()];
  },
  async GLIDE(ports) {
    const client = await GlideClusterClient.createClient({ addresses: ports.map((port) => ({ host: HOST, port })) });
    return [fromGlide(client), () => client.close()];
  },
};

const TIMEOUT_MS = 300;
/** How long past its deadline a call may take on a busy machine. */
const GRACE_MS = 700;

function bloomOf(send: RedisSend, key: string, timeoutMs = 10_000): AsyncBloom {
  return redisBloom({ send, key, capacity: 1000, falsePositiveRate: 1e-6, ttlMs: 60_000, timeoutMs });
}

/** Fails when a call takes longer than its deadline; tells whether it was answered. */
async function settles(call: Promise<unknown>): Promise<'answered' | 'rejected'> {
  const startMs = performance.now();
  const [{ status }] = await Promise.allSettled([call]);
  expect(performance.now() - startMs).toBeLessThan(TIMEOUT_MS + GRACE_MS);
  return status === 'fulfilled' ? 'answered' : 'rejected';
}

/** All kinds of call, at once. */
function everyCall(bloom: AsyncBloom): readonly Promise<unknown>[] {
  return [bloom.add('x'), bloom.has('x'), bloom.addAll(['x', 'y']), bloom.hasAll(['x']), bloom.snapshot()];
}

async function expectOneNews(sends: readonly RedisSend[], name: string): Promise<void> {
  const keys = Array.from({ length: 50 }, (_, k) => `key-${k}`);
  const told = await Promise.all(sends.map((send) => Promise.all(keys.map((key) => bloomOf(send, name).add(key)))));
  for (const at of keys.keys()) expect(told.filter((answers) => answers[at]).length, keys[at]).toBe(1);
}

const { available } = redisAvailability();
let names = 0;
const fresh = (): string => `bloom-clients-${names++}`;

describe.skipIf(!available).each(Object.entries(single))('redisBloom over %s', (_name, connect) => {
  let redis: RedisServer;
  let connections: readonly Connection[];
  let send: RedisSend;
  beforeAll(async () => {
    redis = await startRedis();
    connections = await Promise.all([1, 2, 3].map(() => connect([redis.port])));
    send = connections[0]![0];
  });
  afterAll(async () => {
    for (const [, end] of connections ?? []) await end();
    await redis?.stop();
  });

  it('tells exactly one of racing clients that a key is new, with the script known or flushed', async () => {
    const sends = connections.map(([each]) => each);
    await redis.send(['SCRIPT', 'FLUSH']);
    await expectOneNews(sends, fresh());
    await expectOneNews(sends, fresh());
  });

  it('goes on when the scripts are flushed, and begins anew when everything is', async () => {
    const bloom = bloomOf(send, fresh());
    expect(await bloom.add('a')).toBe(true);
    await redis.send(['SCRIPT', 'FLUSH']);
    expect(await bloom.add('a')).toBe(false);
    await redis.send(['SCRIPT', 'FLUSH']);
    expect(await bloom.has('a')).toBe(true);
    await redis.send(['FLUSHALL']);
    expect(await bloom.has('a')).toBe(false);
    expect(await bloom.add('a')).toBe(true);
    expect((await bloom.snapshot()).has('a')).toBe(true);
  });

  it('settles every call within its deadline while the server is frozen, and recovers by itself', async () => {
    const name = fresh();
    const bloom = bloomOf(send, name, TIMEOUT_MS);
    await bloomOf(send, name).add('a');
    redis.freeze();
    try {
      expect(new Set(await Promise.all(everyCall(bloom).map(settles)))).toEqual(new Set(['rejected']));
    } finally {
      redis.thaw();
    }
    await expect.poll(() => bloom.has('a').catch(() => 'down'), { timeout: 10_000 }).toBe(true);
  });

  it('settles every call within its deadline while the server is dead, and begins anew when it is back', async () => {
    const bloom = bloomOf(send, fresh(), TIMEOUT_MS);
    await redis.kill();
    for (let round = 0; round < 2; round++) {
      expect(new Set(await Promise.all(everyCall(bloom).map(settles)))).toEqual(new Set(['rejected']));
    }
    await redis.restart();
    await expect.poll(() => bloom.has('a').catch(() => 'down'), { timeout: 15_000 }).toBe(false);
    expect(await bloomOf(send, fresh()).add('a')).toBe(true);
  });
});

describe.skipIf(!available).each(Object.entries(clustered))('redisBloom over %s in a cluster', (_name, connect) => {
  let cluster: RedisCluster;
  let connections: readonly Connection[];
  beforeAll(async () => {
    cluster = await startRedisCluster();
    const ports = cluster.nodes.map(({ port }) => port);
    connections = await Promise.all([1, 2].map(() => connect(ports)));
  });
  afterAll(async () => {
    for (const [, end] of connections ?? []) await end();
    await cluster?.stop();
  });

  it('tells exactly one of racing clients that a key is new, whichever node has the filter', async () => {
    const sends = connections.map(([send]) => send);
    for (let k = 0; k < 6; k++) await expectOneNews(sends, fresh());
  });

  it('settles every call within its deadline while a node is frozen, and goes on when it is back', async () => {
    const send = connections[0]![0];
    const filters = Array.from({ length: 9 }, fresh);
    for (const name of filters) await bloomOf(send, name).add('a');
    const [node] = cluster.nodes as [RedisServer];
    node.freeze();
    try {
      const outcomes = await Promise.all(
        filters.flatMap((name) => everyCall(bloomOf(send, name, TIMEOUT_MS)).map(settles)),
      );
      expect(outcomes).toContain('rejected');
    } finally {
      node.thaw();
    }
    for (const name of filters) {
      const bloom = bloomOf(send, name, TIMEOUT_MS);
      await expect.poll(() => bloom.has('a').catch(() => 'down'), { timeout: 15_000 }).toBe(true);
    }
  }, 60_000);
});
