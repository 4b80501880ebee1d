import { GlideClient, GlideClusterClient, Logger } from '@valkey/valkey-glide';
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import type { RedisSend } from '../../src/redis/client.ts';
import { fromGlide, fromIoredis, fromNodeRedis } from '../../src/redis/client.ts';

/** Ends what it has opened. */
type Connected = readonly [send: RedisSend, end: () => unknown];

// It warns of every error reply, and some are wanted here.
Logger.init('off');

/** Every client of one server, by the function that takes it. */
export const single: Readonly<Record<string, (port: number) => Promise<Connected>>> = {
  async fromIoredis(port) {
    const client = new Redis(port);
    return [fromIoredis(client), () => client.disconnect()];
  },
  async fromNodeRedis(port) {
    const client = await createClient({ url: `redis://127.0.0.1:${port}` }).connect();
    return [fromNodeRedis(client), () => client.destroy()];
  },
  async fromGlide(port) {
    const client = await GlideClient.createClient({ addresses: [{ host: '127.0.0.1', port }] });
    return [fromGlide(client), () => client.close()];
  },
};

/** Every client of a cluster, by the function that takes it. */
export const clustered: Readonly<Record<string, (ports: readonly number[]) => Promise<Connected>>> = {
  async fromIoredis(ports) {
    const client = new Cluster(ports.map((port) => ({ host: '127.0.0.1', port })));
    return [fromIoredis(client), () => client.disconnect()];
  },
  async fromNodeRedis(ports) {
    const client = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) });
    await client.connect();
    return [fromNodeRedis(client, { isCluster: true }), () => client.destroy()];
  },
  async fromGlide(ports) {
    const addresses = ports.map((port) => ({ host: '127.0.0.1', port }));
    const client = await GlideClusterClient.createClient({ addresses });
    return [fromGlide(client), () => client.close()];
  },
};
