/**
 * Sends one Redis command and answers its reply; `key` is the key it is about, which a cluster client
 * needs to find the node. The one function through which this library speaks to Redis or Valkey:
 * write your own, or take {@link fromIoredis}, {@link fromNodeRedis} or {@link fromGlide}.
 */
export type RedisSend = (command: readonly string[], key: string) => PromiseLike<unknown>;

/** What {@link fromIoredis} needs of an ioredis `Redis` or `Cluster`. */
export interface IoredisLike {
  call(command: string, ...args: string[]): PromiseLike<unknown>;
}

/**
 * A {@link RedisSend} over ioredis, standalone or cluster.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { fromIoredis } from 'holdfast/redis';
 *
 * const send = fromIoredis(new Redis());
 * await send(['SET', 'greeting', 'hello'], 'greeting');
 * ```
 */
export function fromIoredis(client: IoredisLike): RedisSend {
  return (command) => client.call(...(command as [string, ...string[]]));
}

/** What {@link fromNodeRedis} needs of a client made by node-redis' `createClient` or `createClientPool`. */
export interface NodeRedisLike {
  sendCommand(command: string[]): PromiseLike<unknown>;
}

/** What {@link fromNodeRedis} needs of a client made by node-redis' `createCluster`. */
export interface NodeRedisClusterLike {
  sendCommand(key: string, isReadonly: boolean, command: string[]): PromiseLike<unknown>;
}

/**
 * A {@link RedisSend} over node-redis. A cluster takes its arguments in another form, so say when it is one.
 *
 * @example
 * ```ts no-run
 * import { createClient } from 'redis';
 * import { fromNodeRedis } from 'holdfast/redis';
 *
 * const send = fromNodeRedis(await createClient().connect());
 * await send(['SET', 'greeting', 'hello'], 'greeting');
 * ```
 */
export function fromNodeRedis(client: NodeRedisLike): RedisSend;
export function fromNodeRedis(client: NodeRedisClusterLike, options: { readonly isCluster: true }): RedisSend;
export function fromNodeRedis(
  client: NodeRedisLike | NodeRedisClusterLike,
  { isCluster }: { readonly isCluster?: boolean } = {},
): RedisSend {
  // A reader of the key may lag behind its writer on a replica, hence not read-only even where it could be.
  return isCluster
    ? (command, key) => (client as NodeRedisClusterLike).sendCommand(key, false, [...command])
    : (command) => (client as NodeRedisLike).sendCommand([...command]);
}

/** What {@link fromGlide} needs of a `GlideClient` or `GlideClusterClient`. */
export interface GlideLike {
  customCommand(command: string[]): PromiseLike<unknown>;
}

/**
 * A {@link RedisSend} over Valkey GLIDE, standalone or cluster.
 *
 * @example
 * ```ts no-run
 * import { GlideClient } from '@valkey/valkey-glide';
 * import { fromGlide } from 'holdfast/redis';
 *
 * const client = await GlideClient.createClient({ addresses: [{ host: 'localhost' }] });
 * const send = fromGlide(client);
 * await send(['SET', 'greeting', 'hello'], 'greeting');
 * ```
 */
export function fromGlide(client: GlideLike): RedisSend {
  return (command) => client.customCommand([...command]);
}
