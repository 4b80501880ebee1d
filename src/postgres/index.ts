export { fromPg, fromPglite, fromPostgresJs } from './client.ts';
export type {
  PgClientLike,
  PgPoolLike,
  PgRows,
  PgliteLike,
  PgliteRunner,
  PostgresJsLike,
  PostgresJsRunner,
  SqlClient,
  SqlQuery,
  SqlValue,
} from './client.ts';
export { listenPg, listenPglite, listenPostgresJs } from './listen.ts';
export type {
  PgListenOptions,
  PgListenerLike,
  PgliteListenerLike,
  PostgresJsListenerLike,
  SqlListen,
} from './listen.ts';
export type { StoredRateLimiterOptions, StoredRateLimitEvent } from '../rate-limit/stored-options.ts';
export { postgresRateLimiter } from './rate-limit.ts';
export type { PostgresRateLimiterOptions } from './rate-limit.ts';
export { postgresWorkerLeaseStore } from './worker-lease.ts';
export type { PostgresWorkerLeaseStoreOptions } from './worker-lease.ts';
export { postgresSagaStore } from './saga-store.ts';
export type { PostgresSagaStore, PostgresSagaStoreOptions } from './saga-store-options.ts';
