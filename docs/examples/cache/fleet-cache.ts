import { createClient } from 'redis';
import type { TieredCache } from '../../../src/cache/index.ts';
import { createCache, createTieredCache } from '../../../src/cache/index.ts';
import { fromNodeRedis, redisTier, subscriberFromNodeRedis } from '../../../src/redis/index.ts';

/** So long a process may use its own memory without word from Redis. */
export const STALE_MS = 600;

export type ToChild =
  | { readonly read: number; readonly key: string }
  | { readonly loaded: number; readonly version: number };
export type FromChild =
  | { readonly isReady: true }
  | { readonly read: number; readonly version: number | undefined }
  | { readonly load: number; readonly key: string };

export interface Member {
  readonly cache: TieredCache<number>;
  close(): Promise<void>;
}

/** Makes this process a member of the fleet whose Redis listens at the Unix socket `path`. */
export async function joinFleet(path: string, load: (key: string) => Promise<number>): Promise<Member> {
  const connect = async () => {
    const client = createClient({ socket: { path, tls: false } });
    // It tries to connect again by itself.
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const [client, listener] = [await connect(), await connect()];
  const cache = createTieredCache<number>({
    l1: createCache({ maxEntries: 1000 }),
    tier: redisTier(fromNodeRedis(client), { subscriber: subscriberFromNodeRedis(listener) }),
    ttlMs: 60_000,
    l1MaxStaleMs: STALE_MS,
    tierTimeoutMs: 1000,
    tierRetryMs: 200,
    loader: load,
  });
  return {
    cache,
    async close() {
      await cache.close();
      client.destroy();
      listener.destroy();
    },
  };
}
