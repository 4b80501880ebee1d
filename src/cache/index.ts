export type { Deadline } from '../core/deadline.ts';
export type {
  BatchLoader,
  BatchResult,
  CacheOptions,
  CacheStats,
  LoadContext,
  Loader,
  LoadOptions,
  LoadResult,
  RemovalCause,
  SetOptions,
} from './cache-options.ts';
export type { Cache } from './cache.ts';
export { createCache } from './cache.ts';
export { CacheClosedError, LoadTimeoutError } from './errors.ts';
export type { Bounds, EvictionPolicy, Evictor } from './eviction-policy.ts';
export { lru } from './lru.ts';
export type { Memoized } from './memoize.ts';
export { memoize } from './memoize.ts';
export { tinyLfu } from './tiny-lfu.ts';
export type {
  BackingStore,
  BatchOutcome,
  CachedStoreOptions,
  StoreWrite,
  WriteBehindEvent,
  WriteBehindOptions,
  WriteContext,
  WriteStrategy,
} from './cached-store-options.ts';
export type { CachedStore, CachedStoreWait } from './cached-store.ts';
export { createCachedStore } from './cached-store.ts';
export { WriteFailedError, WritesFullError } from './errors.ts';
export { createTieredCache } from './tiered-cache.ts';
export type {
  ChangeOptions,
  Serializer,
  TieredCache,
  TieredCacheOptions,
  TieredCacheStats,
  TieredSetOptions,
} from './tiered-options.ts';
export type {
  Tier,
  TierAnswer,
  TierCaller,
  TierChange,
  TierEntry,
  TierMessage,
  TierNews,
  TierPartition,
  TierReceipt,
  TierState,
} from './tiered-store.ts';
