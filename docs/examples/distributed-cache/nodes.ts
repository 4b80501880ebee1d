import { createClient } from 'redis';
import { fromNodeRedis } from '../../../src/redis/index.ts';
import { findRedis, startRedis } from '../rate-limit/processes.ts';
import type { CacheNode } from './distributed-cache.ts';
import { redisNode } from './distributed-cache.ts';

/** A node that can be killed. */
export interface Started extends CacheNode {
  kill(): Promise<void>;
}

/** A node: a redis-server where there is one, otherwise a map in this process. */
export async function startNode(): Promise<Started> {
  const program = findRedis();
  return program === undefined ? mapNode() : serverNode(program);
}

async function serverNode(program: string): Promise<Started> {
  const server = await startRedis(program);
  // A command while the server is away has to fail, and not to wait for its return.
  const client = createClient({ socket: { path: server.path, tls: false }, disableOfflineQueue: true });
  client.on('error', () => {});
  await client.connect();
  return {
    ...redisNode(fromNodeRedis(client)),
    async kill() {
      client.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

function mapNode(): Started {
  const entries = new Map<string, string>();
  let isDead = false;
  const alive = (): void => {
    if (isDead) throw new Error('this node is dead');
  };
  return {
    get: async (key) => (alive(), entries.get(key)),
    set: async (key, value) => {
      alive();
      entries.set(key, value);
    },
    async kill() {
      isDead = true;
    },
  };
}
