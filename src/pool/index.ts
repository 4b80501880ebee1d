export { createPool } from './pool.ts';
export { createKeyedPool } from './keyed-pool.ts';
export type { KeyedPool, KeyedPoolOptions } from './keyed-pool.ts';
export { recommendPoolSize } from './recommend.ts';
export type { PoolLoad } from './recommend.ts';
export { poolMetrics } from './metrics.ts';
export type { MetricsSink } from './metrics.ts';
export type { CreateBackoffOptions, CreateContext, PoolLeak, PoolOptions } from './options.ts';
export type {
  AcquireOptions,
  DestroyReason,
  Lease,
  Pool,
  PoolCloseOptions,
  PoolEvent,
  PoolLimits,
  PoolStats,
} from './pool-types.ts';
export { PoolError } from './errors.ts';
export type { PoolErrorCode } from './errors.ts';
