/**
 * Subscribes to a channel and resolves, once that stands, with a function that ends it. The client has to subscribe again
 * by itself after its connection was lost; what was published meanwhile may be lost.
 */
export type RedisSubscriber = (channel: string, onMessage: (message: string) => void) => PromiseLike<() => unknown>;

/** What {@link subscriberFromIoredis} needs of an ioredis `Redis` or `Cluster`. */
export interface IoredisSubscriberLike {
  subscribe(channel: string): PromiseLike<unknown>;
  unsubscribe(channel: string): PromiseLike<unknown>;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  off(event: 'message', listener: (channel: string, message: string) => void): unknown;
}

/**
 * A {@link RedisSubscriber} over ioredis. Give it a connection of its own, which can send no other commands then.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { subscriberFromIoredis } from 'holdfast/redis';
 *
 * const end = await subscriberFromIoredis(new Redis())('news', console.log);
 * await end();
 * ```
 */
export function subscriberFromIoredis(client: IoredisSubscriberLike): RedisSubscriber {
  // One listener, and one subscription to a channel, however many want it.
  const wanted = new Map<string, Set<(message: string) => void>>();
  const listener = (channel: string, message: string): void => {
    for (const tell of wanted.get(channel) ?? []) tell(message);
  };
  return async (channel, onMessage) => {
    const own = (message: string): void => onMessage(message);
    if (wanted.size === 0) client.on('message', listener);
    const all = wanted.get(channel) ?? new Set();
    wanted.set(channel, all.add(own));
    const leave = (): unknown => {
      if (!all.delete(own) || all.size > 0) return undefined;
      wanted.delete(channel);
      if (wanted.size === 0) client.off('message', listener);
      return client.unsubscribe(channel);
    };
    try {
      await client.subscribe(channel);
    } catch (error) {
      await Promise.resolve(leave()).catch(() => {});
      throw error;
    }
    return leave;
  };
}

/** What {@link subscriberFromNodeRedis} needs of a client made by node-redis' `createClient` or `createCluster`. */
export interface NodeRedisSubscriberLike {
  subscribe(channel: string, listener: (message: string | Uint8Array) => void): PromiseLike<unknown>;
  unsubscribe(channel: string, listener: (message: string | Uint8Array) => void): PromiseLike<unknown>;
}

/**
 * A {@link RedisSubscriber} over node-redis. Give it a client of its own, which can send no other commands then.
 *
 * @example
 * ```ts no-run
 * import { createClient } from 'redis';
 * import { subscriberFromNodeRedis } from 'holdfast/redis';
 *
 * const end = await subscriberFromNodeRedis(await createClient().connect())('news', console.log);
 * await end();
 * ```
 */
export function subscriberFromNodeRedis(client: NodeRedisSubscriberLike): RedisSubscriber {
  return async (channel, onMessage) => {
    const listener = (message: string | Uint8Array): void => onMessage(message as string);
    await client.subscribe(channel, listener);
    return () => client.unsubscribe(channel, listener);
  };
}

/** What a GLIDE client is told about its subscriptions when it is made. */
export interface GlideSubscriptions {
  /** Mode 0: channels by their exact names. */
  channelsAndPatterns: { 0: Set<string> };
  callback: (message: { message: string | Uint8Array }) => void;
}

/** What {@link subscriberFromGlide} needs of a `GlideClient` or `GlideClusterClient`. */
export interface GlideSubscriberLike {
  close(): unknown;
}

/**
 * A {@link RedisSubscriber} over Valkey GLIDE, whose clients learn what to listen to when they are made: one client for
 * each channel, closed at its end.
 *
 * @example
 * ```ts no-run
 * import { GlideClient } from '@valkey/valkey-glide';
 * import { subscriberFromGlide } from 'holdfast/redis';
 *
 * const subscriber = subscriberFromGlide((pubsubSubscriptions) =>
 *   GlideClient.createClient({ addresses: [{ host: 'localhost' }], pubsubSubscriptions }),
 * );
 * const end = await subscriber('news', console.log);
 * await end();
 * ```
 */
export function subscriberFromGlide(
  create: (pubsubSubscriptions: GlideSubscriptions) => PromiseLike<GlideSubscriberLike>,
): RedisSubscriber {
  return async (channel, onMessage) => {
    const client = await create({
      channelsAndPatterns: { 0: new Set([channel]) },
      callback: ({ message }) => onMessage(String(message)),
    });
    return () => client.close();
  };
}
