import type { Clock } from '../core/clock.ts';
import type { SagaStore } from '../saga/saga-store.ts';
import type { SqlQuery } from './client.ts';
import type { SqlListen } from './listen.ts';

/** Options of {@link postgresSagaStore}. */
export interface PostgresSagaStoreOptions {
  /**
   * The schema of the tables and functions, made when it is missing. At most 58 characters.
   *
   * @defaultValue 'holdfast'
   */
  readonly schema?: string | undefined;
  /**
   * After this a call rejects with code ERR_STORE_TIMEOUT. Shorter than the lease of the workers, so that a call can
   * be repeated.
   *
   * @defaultValue 5000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How long the transaction of an atomic step may wait for its step, before the server ends it: a process that has
   * stalled keeps its saga no longer than that.
   *
   * @defaultValue 30000
   */
  readonly idleInTransactionMs?: number | undefined;
  /**
   * Listens for notifications, with {@link listenPg}, {@link listenPostgresJs}, {@link listenPglite} or a function of
   * yours: what other processes send to sagas, and sagas that they let go of, are then seen at once and not with the
   * next poll or heartbeat. Everything is right without it. It keeps a connection for as long as the runner lives.
   *
   * @defaultValue none
   */
  readonly listen?: SqlListen | undefined;
  /** Where the deadlines come from. Leases and times go by the clock of the server. */
  readonly clock?: Clock | undefined;
}

/** A {@link SagaStore} whose atomic steps write through a {@link SqlQuery} of the transaction. */
export interface PostgresSagaStore extends SagaStore<SqlQuery> {
  atomic: NonNullable<SagaStore<SqlQuery>['atomic']>;
  outbox: NonNullable<SagaStore['outbox']>;
  published: NonNullable<SagaStore['published']>;
}
