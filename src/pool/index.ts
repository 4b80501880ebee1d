export { createPool } from './pool.ts';
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
