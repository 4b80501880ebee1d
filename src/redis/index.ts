export { fromGlide, fromIoredis, fromNodeRedis } from './client.ts';
export type { GlideLike, IoredisLike, NodeRedisClusterLike, NodeRedisLike, RedisSend } from './client.ts';
export { redisWorkerLeaseStore } from './worker-lease.ts';
export type { RedisWorkerLeaseStoreOptions } from './worker-lease.ts';
