export { redisBloom } from './bloom.ts';
export type { AsyncBloom, RedisBloomCallOptions, RedisBloomOptions } from './bloom.ts';
export { redisBreakerStore } from './breaker-store.ts';
export type { RedisBreakerStoreOptions } from './breaker-store.ts';
export { fromGlide, fromIoredis, fromNodeRedis } from './client.ts';
export type { GlideLike, IoredisLike, NodeRedisClusterLike, NodeRedisLike, RedisSend } from './client.ts';
export { redisWorkerLeaseStore } from './worker-lease.ts';
export type { RedisWorkerLeaseStoreOptions } from './worker-lease.ts';
