import { HoldfastError } from '../core/errors.ts';

/** What a parameter may be: everything else is cast in SQL, because clients differ in what they do to values. */
export type SqlValue = string | number | null;

/** Runs one statement with parameters $1, $2, ... and answers its rows. */
export type SqlQuery = (text: string, params: readonly SqlValue[]) => PromiseLike<readonly Record<string, unknown>[]>;

/**
 * The port through which this library speaks to PostgreSQL: write your own, or take {@link fromPg},
 * {@link fromPostgresJs} or {@link fromPglite}.
 */
export interface SqlClient {
  /** Runs a statement in a transaction of its own. */
  readonly query: SqlQuery;
  /** Runs `fn` in one transaction: committed when it fulfils, rolled back when it rejects. */
  transaction<T>(fn: (query: SqlQuery) => PromiseLike<T>): Promise<T>;
}

/**
 * Runs `fn` with a query that refuses once `fn` has settled. What a function that was left behind still sends would run
 * outside of the transaction, or within that of whoever got the connection next.
 */
export async function whileOpen<T>(query: SqlQuery, fn: (query: SqlQuery) => PromiseLike<T>): Promise<T> {
  let isOpen = true;
  try {
    return await fn(async (text, params) => {
      if (!isOpen) throw new HoldfastError('ERR_STORE_FAULT', 'the transaction has ended');
      return query(text, params);
    });
  } finally {
    isOpen = false;
  }
}

export interface PgRows {
  readonly rows: readonly Record<string, unknown>[];
}

/** What {@link fromPg} needs of a client that a pool hands out. */
export interface PgClientLike {
  query(text: string, params?: SqlValue[]): PromiseLike<PgRows>;
  release(error?: Error | boolean): void;
  on?(event: 'error', listener: () => void): unknown;
  removeListener?(event: 'error', listener: () => void): unknown;
}

/** What {@link fromPg} needs of a `Pool` of pg. */
export interface PgPoolLike {
  query(text: string, params?: SqlValue[]): PromiseLike<PgRows>;
  connect(): PromiseLike<PgClientLike>;
}

/**
 * A {@link SqlClient} over a `Pool` of pg.
 *
 * @example
 * ```ts no-run
 * import { Pool } from 'pg';
 * import { fromPg } from 'holdfast/postgres';
 *
 * const client = fromPg(new Pool());
 * console.log(await client.query('SELECT $1::text AS greeting', ['hello']));
 * ```
 */
export function fromPg(pool: PgPoolLike): SqlClient {
  return {
    query: async (text, params) => (await pool.query(text, [...params])).rows,
    transaction: (fn) => pgTransaction(pool, fn),
  };
}

async function pgTransaction<T>(pool: PgPoolLike, fn: (query: SqlQuery) => PromiseLike<T>): Promise<T> {
  const client = await pool.connect();
  // A connection in an unknown state is closed, not handed to the next.
  let broken = true;
  // The pool listens only to clients that are at rest, and an error that nobody listens to ends the process. What runs
  // on the client rejects in any case.
  const ignore = (): void => {};
  client.on?.('error', ignore);
  try {
    await client.query('BEGIN');
    const query: SqlQuery = async (text, params) => (await client.query(text, [...params])).rows;
    const result = await whileOpen(query, fn).then(
      async (value) => {
        await client.query('COMMIT');
        return value;
      },
      async (error: unknown) => {
        // Where the connection is gone, the server rolls back by itself.
        await client.query('ROLLBACK').then(
          () => (broken = false),
          () => {},
        );
        throw error;
      },
    );
    broken = false;
    return result;
  } finally {
    client.removeListener?.('error', ignore);
    client.release(broken);
  }
}

/** What {@link fromPostgresJs} needs of what runs statements in postgres.js. */
export interface PostgresJsRunner {
  unsafe(text: string, params?: SqlValue[]): PromiseLike<readonly Record<string, unknown>[]>;
}

/** What {@link fromPostgresJs} needs of the `sql` that postgres.js makes. */
export interface PostgresJsLike extends PostgresJsRunner {
  begin(fn: (sql: PostgresJsRunner) => Promise<unknown>): Promise<unknown>;
}

/**
 * A {@link SqlClient} over postgres.js.
 *
 * @example
 * ```ts no-run
 * import postgres from 'postgres';
 * import { fromPostgresJs } from 'holdfast/postgres';
 *
 * const client = fromPostgresJs(postgres());
 * console.log(await client.query('SELECT $1::text AS greeting', ['hello']));
 * ```
 */
export function fromPostgresJs(sql: PostgresJsLike): SqlClient {
  const queryOf =
    (runner: PostgresJsRunner): SqlQuery =>
    async (text, params) =>
      runner.unsafe(text, [...params]);
  return {
    query: queryOf(sql),
    transaction: async <T>(fn: (query: SqlQuery) => PromiseLike<T>): Promise<T> => {
      // In a box: postgres.js takes an array for a list of statements to await.
      const { value } = (await sql.begin(async (inner) => ({ value: await whileOpen(queryOf(inner), fn) }))) as {
        value: T;
      };
      return value;
    },
  };
}

/** What {@link fromPglite} needs of what runs statements in PGlite. */
export interface PgliteRunner {
  query(text: string, params?: SqlValue[]): PromiseLike<{ readonly rows: readonly unknown[] }>;
}

/** What {@link fromPglite} needs of a `PGlite`. */
export interface PgliteLike extends PgliteRunner {
  transaction<T>(fn: (inner: PgliteRunner) => Promise<T>): Promise<T>;
}

/**
 * A {@link SqlClient} over PGlite, PostgreSQL in this process.
 *
 * @example
 * ```ts no-run
 * import { PGlite } from '@electric-sql/pglite';
 * import { fromPglite } from 'holdfast/postgres';
 *
 * const client = fromPglite(new PGlite());
 * console.log(await client.query('SELECT $1::text AS greeting', ['hello']));
 * ```
 */
export function fromPglite(db: PgliteLike): SqlClient {
  const queryOf =
    (runner: PgliteRunner): SqlQuery =>
    async (text, params) =>
      (await runner.query(text, [...params])).rows as readonly Record<string, unknown>[];
  return {
    query: queryOf(db),
    transaction: (fn) => db.transaction(async (inner) => whileOpen(queryOf(inner), fn)),
  };
}
