import { amount, integer, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import type { Deadline } from '../core/deadline.ts';
import { withDeadline } from '../core/deadline.ts';
import type {
  LeaseGrant,
  LeaseRelease,
  LeaseRenewal,
  LeaseRequest,
  WorkerLeaseStore,
} from '../snowflake/lease-store.ts';
import type { SqlClient } from './client.ts';

/** Options of {@link postgresWorkerLeaseStore}. */
export interface PostgresWorkerLeaseStoreOptions {
  /**
   * The table, made when it is missing; with a schema in front where wanted.
   *
   * @defaultValue 'holdfast_worker_leases'
   */
  readonly table?: string | undefined;
  /**
   * After this a call rejects with code ERR_STORE_TIMEOUT.
   *
   * @defaultValue 2000
   */
  readonly timeoutMs?: number | undefined;
  /** Where the deadlines come from. Leases go by the clock of the server. */
  readonly clock?: Clock | undefined;
}

/**
 * Keeps worker leases in a PostgreSQL table, a row for each worker id.
 *
 * Up to 65 536 worker ids in a pool. Each verb is one statement; `clock_timestamp()` of the server decides. A grant is
 * on disk before it is answered, also where `synchronous_commit` is off, so that a crash of the server loses none.
 *
 * @example
 * ```ts no-run
 * import { Pool } from 'pg';
 * import { fromPg, postgresWorkerLeaseStore } from 'holdfast/postgres';
 * import { createLeasedSnowflake } from 'holdfast/snowflake';
 *
 * await using ids = await createLeasedSnowflake({ store: postgresWorkerLeaseStore(fromPg(new Pool())) });
 * console.log(ids.next());
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function postgresWorkerLeaseStore(
  client: SqlClient,
  options: PostgresWorkerLeaseStoreOptions = {},
): WorkerLeaseStore {
  const { table = 'holdfast_worker_leases', timeoutMs = 2000, clock = shortClock } = options;
  if (typeof client?.query !== 'function') refuse('client', 'a SqlClient', client);
  if (!/^([a-z_]\w*\.)?[a-z_]\w*$/i.test(table)) refuse('table', 'a plain name, with a schema or without', table);
  return new TableStore(client, table, { timeoutMs: amount('timeoutMs', timeoutMs, 1, 2 ** 31 - 1), clock });
}

/**
 * The time of the server, and a commit that reaches the disk: a grant that a crash takes back would be granted
 * twice. Left alone where the setting asks for even more.
 */
const CLOCK = `clock AS MATERIALIZED (
  SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us,
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END)`;

const MISSING_TABLE = '42P01';
const SERIALIZATION_FAILURE = '40001';

const MOST_IDS = 65_536;

class TableStore implements WorkerLeaseStore {
  readonly #client: SqlClient;
  readonly #table: string;
  readonly #limits: Deadline;

  constructor(client: SqlClient, table: string, limits: Deadline) {
    this.#client = client;
    this.#table = table;
    this.#limits = limits;
  }

  async acquire(request: LeaseRequest): Promise<LeaseGrant | null> {
    // The first use of a pool makes all its rows.
    integer('workerIds', request.workerIds, 1, MOST_IDS);
    // All statements within one deadline.
    return this.#bounded(async (isOver) => {
      const grant = await this.#grant(request);
      // What nobody waits for any more would only take a worker id away.
      if (grant || isOver()) return grant;
      // Where none was missing, somebody else may just have added them.
      await this.#addMissing(request);
      return isOver() ? null : this.#grant(request);
    });
  }

  renew({ pool, workerId, fencingToken, ttlMs }: LeaseRenewal): Promise<number | null> {
    const text = `WITH ${CLOCK}
      UPDATE ${this.#table} AS l SET until_ms = greatest(l.until_ms, clock.us / 1000 + $4::bigint) FROM clock
      WHERE l.pool = $1::text AND l.worker_id = $2::int AND l.fencing_token = $3::bigint AND l.is_held
      RETURNING l.until_ms::text`;
    return this.#bounded(async () => {
      const [row] = await orNone(this.#client.query(text, [pool, workerId, fencingToken, ttlMs]));
      return row ? Number(row['until_ms']) : null;
    });
  }

  async release({ pool, workerId, fencingToken, untilMs }: LeaseRelease): Promise<void> {
    await this.#bounded(() =>
      this.#client.query(
        `WITH ${CLOCK}
        UPDATE ${this.#table} AS l
        SET is_held = false, until_ms = least(l.until_ms, greatest(l.from_ms, $4::bigint)) FROM clock
        WHERE l.pool = $1::text AND l.worker_id = $2::int AND l.fencing_token = $3::bigint AND l.is_held
        RETURNING clock.us::text`,
        [pool, workerId, fencingToken, Math.ceil(untilMs)],
      ),
    );
  }

  #bounded<T>(work: (isOver: () => boolean) => PromiseLike<T>): Promise<T> {
    return withDeadline('PostgreSQL', this.#limits, async (isOver) => {
      for (;;) {
        try {
          return await work(isOver);
        } catch (error) {
          // Has done nothing, and somebody else's has: under the default isolation this does not occur.
          if (codeOf(error) !== SERIALIZATION_FAILURE || isOver()) throw error;
        }
      }
    });
  }

  /** The free worker id that has rested longest. A row that somebody else is about to take is passed over. */
  async #grant({ pool, workerIds, ttlMs }: LeaseRequest): Promise<LeaseGrant | null> {
    const text = `WITH ${CLOCK}, free AS (
        SELECT r.worker_id FROM ${this.#table} AS r, clock
        WHERE r.pool = $1::text AND r.worker_id < $2::int AND (NOT r.is_held OR r.until_ms <= clock.us / 1000)
        ORDER BY r.until_ms, r.worker_id LIMIT 1 FOR UPDATE OF r SKIP LOCKED)
      UPDATE ${this.#table} AS l
      SET is_held = true, from_ms = l.until_ms, until_ms = greatest(l.until_ms, clock.us / 1000 + $3::bigint),
        fencing_token = greatest(l.fencing_token + 1, clock.us)
      FROM free, clock WHERE l.pool = $1::text AND l.worker_id = free.worker_id
      RETURNING l.worker_id::text, l.fencing_token::text, l.from_ms::text, l.until_ms::text,
        (clock.us / 1000)::text AS now_ms`;
    const [row] = await orNone(this.#client.query(text, [pool, workerIds, ttlMs]));
    if (!row) return null;
    return {
      workerId: Number(row['worker_id']),
      fencingToken: Number(row['fencing_token']),
      fromMs: Number(row['from_ms']),
      untilMs: Number(row['until_ms']),
      nowMs: Number(row['now_ms']),
    };
  }

  /** Adds the worker ids that the table knows nothing of. */
  async #addMissing({ pool, workerIds, ttlMs, coldStart }: LeaseRequest): Promise<void> {
    const add = (): PromiseLike<readonly unknown[]> =>
      this.#client.query(
        `WITH ${CLOCK} INSERT INTO ${this.#table} AS l (pool, worker_id, from_ms, until_ms, fencing_token, is_held)
        SELECT $1::text, id, 0, CASE $4::text WHEN 'wait' THEN clock.us / 1000 + $3::bigint ELSE 0 END, 0, false
        FROM clock, generate_series(0, $2::int - 1) AS id
        WHERE (SELECT count(*) FROM ${this.#table} WHERE pool = $1::text AND worker_id < $2::int) < $2::int
        ON CONFLICT DO NOTHING`,
        [pool, workerIds, ttlMs, coldStart],
      );
    try {
      await add();
    } catch (error) {
      if (codeOf(error) !== MISSING_TABLE) throw error;
      await this.#createTable();
      await add();
    }
  }

  async #createTable(): Promise<void> {
    try {
      await this.#client.query(
        `CREATE TABLE IF NOT EXISTS ${this.#table} (
          pool text NOT NULL, worker_id int NOT NULL, from_ms bigint NOT NULL, until_ms bigint NOT NULL,
          fencing_token bigint NOT NULL, is_held boolean NOT NULL, PRIMARY KEY (pool, worker_id))`,
        [],
      );
    } catch (error) {
      // Two at once: PostgreSQL lets one of them run into a unique index of its catalogue, or find a table after all.
      if (!['23505', '42P07', '42710'].includes(codeOf(error))) throw error;
    }
  }
}

type Rows = readonly Record<string, unknown>[];

/** No rows where the table is missing. */
async function orNone(rows: PromiseLike<Rows>): Promise<Rows> {
  try {
    return await rows;
  } catch (error) {
    if (codeOf(error) !== MISSING_TABLE) throw error;
    return [];
  }
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown } | null | undefined)?.code);
}
