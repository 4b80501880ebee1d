export { redisBloom } from './bloom.ts';
export type { AsyncBloom, RedisBloomCallOptions, RedisBloomOptions } from './bloom.ts';
export type { StoredRateLimiterOptions, StoredRateLimitEvent } from '../rate-limit/stored-options.ts';
export { redisBreakerStore } from './breaker-store.ts';
export type { RedisBreakerStoreOptions } from './breaker-store.ts';
export { fromGlide, fromIoredis, fromNodeRedis } from './client.ts';
export type { GlideLike, IoredisLike, NodeRedisClusterLike, NodeRedisLike, RedisSend } from './client.ts';
export { redisRateLimiter } from './rate-limit.ts';
export type { RedisRateLimiterOptions } from './rate-limit.ts';
export { redisSagaStore } from './saga-store.ts';
export type { RedisSagaStore, RedisSagaStoreOptions } from './saga-store.ts';
export { redisWorkerLeaseStore } from './worker-lease.ts';
export type { RedisWorkerLeaseStoreOptions } from './worker-lease.ts';
export { redisTier } from './tier.ts';
export type { RedisTierOptions } from './tier.ts';
export { subscriberFromGlide, subscriberFromIoredis, subscriberFromNodeRedis } from './tier-subscriber.ts';
export type {
  GlideSubscriberLike,
  GlideSubscriptions,
  IoredisSubscriberLike,
  NodeRedisSubscriberLike,
  RedisSubscriber,
} from './tier-subscriber.ts';
