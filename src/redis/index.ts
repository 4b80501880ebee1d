export { redisBloom } from './bloom.ts';
export type { AsyncBloom, RedisBloomCallOptions, RedisBloomOptions } from './bloom.ts';
export { fromGlide, fromIoredis, fromNodeRedis } from './client.ts';
export type { GlideLike, IoredisLike, NodeRedisClusterLike, NodeRedisLike, RedisSend } from './client.ts';
export { redisSagaStore } from './saga-store.ts';
export type { RedisSagaStore, RedisSagaStoreOptions } from './saga-store.ts';
export { redisWorkerLeaseStore } from './worker-lease.ts';
export type { RedisWorkerLeaseStoreOptions } from './worker-lease.ts';
