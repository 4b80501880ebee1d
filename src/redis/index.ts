export { redisBloom } from './bloom.ts';
export type { AsyncBloom, RedisBloomCallOptions, RedisBloomOptions } from './bloom.ts';
export type { StoredRateLimiterOptions, StoredRateLimitEvent } from '../rate-limit/stored-options.ts';
export { fromGlide, fromIoredis, fromNodeRedis } from './client.ts';
export type { GlideLike, IoredisLike, NodeRedisClusterLike, NodeRedisLike, RedisSend } from './client.ts';
export { redisRateLimiter } from './rate-limit.ts';
export type { RedisRateLimiterOptions } from './rate-limit.ts';
export { redisWorkerLeaseStore } from './worker-lease.ts';
export type { RedisWorkerLeaseStoreOptions } from './worker-lease.ts';
