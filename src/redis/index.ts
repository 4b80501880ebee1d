export { fromGlide, fromIoredis, fromNodeRedis } from './client.ts';
export type { GlideLike, IoredisLike, NodeRedisClusterLike, NodeRedisLike, RedisSend } from './client.ts';
