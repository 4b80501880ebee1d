import { GlideClient, GlideClusterClient, Logger } from '@valkey/valkey-glide';
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consecutiveFailures, createCircuitBreaker, shareCircuit } from '../../src/circuit-breaker/index.ts';
import type { CircuitBreaker, SharedCircuit } from '../../src/circuit-breaker/index.ts';
import { fromGlide, fromIoredis, fromNodeRedis, redisBreakerStore } from '../../src/redis/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import type { RedisCluster } from '../support/redis-cluster.ts';

/** Ends what it has opened. */
type Connected = readonly [send: RedisSend, end: () => unknown];

// It warns of every error reply, and the first of a script is wanted here.
Logger.init('off');

const single: Readonly<Record<string, (port: number) => Promise<Connected>>> = {
  async ioredis(port) {
    const client = new Redis(port);
    return [fromIoredis(client), () => client.disconnect()];
  },
  async 'node-redis'(port) {
    const client = await createClient({ url: `redis://127.0.0.1:${port}` }).connect();
    return [fromNodeRedis(client), () => client.destroy()];
  },
  async GLIDE(port) {
    const client = await GlideClient.createClient({ addresses: [{ host: '127.0.0.1', port }] });
    return [fromGlide(client), () => client.close()];
  },
};

const clustered: Readonly<Record<string, (ports: readonly number[]) => Promise<Connected>>> = {
  async ioredis(ports) {
    const client = new Cluster(ports.map((port) => ({ host: '127.0.0.1', port })));
    return [fromIoredis(client), () => client.disconnect()];
  },
  async 'node-redis'(ports) {
    const client = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) });
    await client.connect();
    return [fromNodeRedis(client, { isCluster: true }), () => client.destroy()];
  },
  async GLIDE(ports) {
    const addresses = ports.map((port) => ({ host: '127.0.0.1', port }));
    const client = await GlideClusterClient.createClient({ addresses });
    return [fromGlide(client), () => client.close()];
  },
};

interface Node {
  readonly circuit: CircuitBreaker;
  readonly shared: SharedCircuit;
}

/** A fleet of three in this process, through an outage: together open, one trial, together closed. */
async function outage(send: RedisSend, name: string): Promise<void> {
  const store = redisBreakerStore(send);
  const nodes = Array.from({ length: 3 }, (_, k): Node => {
    const circuit = createCircuitBreaker({ name, trip: consecutiveFailures(1), openDurationMs: 300 });
    return {
      circuit,
      shared: shareCircuit(circuit, { store, node: `node ${k}`, syncIntervalMs: 30, timeoutMs: 5000 }),
    };
  });
  const are = (state: string) =>
    expect
      .poll(() => nodes.map(({ circuit }) => circuit.state), { timeout: 10_000, interval: 5 })
      .toEqual(nodes.map(() => state));
  await expect.poll(() => nodes.every(({ shared }) => shared.isConnected), { timeout: 10_000, interval: 5 }).toBe(true);
  for (const { circuit } of nodes.slice(0, 2)) circuit.tryAcquire()!.failure();
  await are('open');
  await are('half-open');
  const trials = (): number =>
    nodes.filter(({ circuit }) => {
      const permit = circuit.tryAcquire();
      permit?.success();
      return permit !== null;
    }).length;
  await expect.poll(trials, { timeout: 10_000, interval: 5 }).toBe(1);
  await are('closed');
  for (const { shared } of nodes) {
    expect(shared.stats()).toMatchObject({ failures: 0, isConnected: true });
    await shared.close();
  }
}

const { available } = redisAvailability();

describe.skipIf(!available)('a circuit shared through a single server', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  it.each(Object.entries(single))('opens and recovers everywhere, over %s', async (name, connect) => {
    const [send, end] = await connect(redis.port);
    try {
      await redis.send(['SCRIPT', 'FLUSH']);
      await outage(send, name);
    } finally {
      await end();
    }
  });
});

describe.skipIf(!available)('circuits shared through a cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  it.each(Object.entries(clustered))(
    'open and recover everywhere, whichever node has them, over %s',
    async (name, connect) => {
      const [send, end] = await connect(cluster.nodes.map((node) => node.port));
      try {
        // Names enough for every node of three to have one.
        await Promise.all(Array.from({ length: 8 }, (_, k) => outage(send, `${name} ${k}`)));
        const sizes = await Promise.all(cluster.nodes.map((node) => node.send(['DBSIZE'])));
        expect(Math.min(...sizes.map(Number))).toBeGreaterThan(0);
      } finally {
        await end();
      }
    },
  );
});
