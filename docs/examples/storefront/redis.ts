import { createClient } from 'redis';
import type { RedisSend } from '../../../src/redis/index.ts';
import { fromNodeRedis } from '../../../src/redis/index.ts';

/** Connects to the Unix socket of a redis-server. */
export async function connectRedis(path: string): Promise<RedisSend> {
  const client = createClient({ socket: { path, tls: false } });
  client.on('error', () => {});
  await client.connect();
  return fromNodeRedis(client);
}
