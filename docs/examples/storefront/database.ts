import type { Pool } from '../../../src/pool/index.ts';
import { createPool } from '../../../src/pool/index.ts';
import type { PgPoolLike, SqlClient } from '../../../src/postgres/index.ts';
import { fromPg } from '../../../src/postgres/index.ts';
import type { Connection } from './connection.ts';
import { ConnectionLostError, openConnection } from './connection.ts';
import type { Product } from './plan.ts';
import { limits } from './plan.ts';

export interface Database extends SqlClient {
  readonly pool: Pool<Connection>;
}

/** A pool of connections to the database, as `name`. `onMost` hears of each new most of connections at a time. */
export function openDatabase(place: string, name: string, onMost: (most: number) => void = () => {}): Database {
  let open = 0;
  let most = 0;
  const pool = createPool<Connection>({
    name,
    create: ({ signal }) => {
      open++;
      if (open > most) onMost((most = open));
      return openConnection(place, { name, signal, onClosed: () => open-- });
    },
    destroy: (connection) => connection.end(),
    validate: async (connection) => (await connection.query('SELECT 1', [])).length === 1,
    max: limits.connectionsPerShop,
    acquireTimeoutMs: limits.acquireMs,
    createTimeoutMs: limits.queryMs,
    validateTimeoutMs: limits.acquireMs,
    createBackoff: { baseMs: 50, maxMs: 300 },
    destroyOnError: (error) => error instanceof ConnectionLostError,
  });
  return { pool, ...fromPg(pgLike(pool)) };
}

/** For `fromPg`, our pool is one of pg's: it hands out connections, and takes them back, broken or not. */
function pgLike(pool: Pool<Connection>): PgPoolLike {
  const queryOf =
    ({ query }: Connection): PgPoolLike['query'] =>
    async (text, params = []) => ({ rows: await query(text, params) });
  return {
    query: (text, params) => pool.use((connection) => queryOf(connection)(text, params)),
    connect: async () => {
      const lease = await pool.acquire();
      const release = (error?: Error | boolean): void => (error ? lease.destroy(error) : lease.release());
      return { query: queryOf(lease.resource), release };
    },
  };
}

const TABLES = [
  `CREATE TABLE product (sku text PRIMARY KEY, cents int NOT NULL, stock int NOT NULL,
    available int NOT NULL CHECK (available >= 0))`,
  `CREATE TABLE reservation (order_id text PRIMARY KEY, sku text NOT NULL, state text NOT NULL,
    expires_at timestamptz NOT NULL)`,
  `CREATE INDEX ON reservation (expires_at) WHERE state = 'held'`,
  `CREATE INDEX ON reservation (sku, state)`,
  `CREATE TABLE orders (id text PRIMARY KEY, sku text NOT NULL, cents int NOT NULL, buyer text NOT NULL)`,
  `CREATE TABLE mail (order_id text PRIMARY KEY, body text NOT NULL)`,
];

/** The tables of the shop; those of the sagas and of the worker leases are made by their stores. */
export async function furnish(db: SqlClient, products: readonly Product[]): Promise<void> {
  for (const statement of TABLES) await db.query(statement, []);
  const add = `INSERT INTO product SELECT sku, cents, stock, stock
    FROM json_to_recordset($1::text::json) AS p(sku text, cents int, stock int)`;
  await db.query(add, [JSON.stringify(products)]);
}

const EXPIRE = `WITH gone AS (
    UPDATE reservation SET state = 'expired'
    WHERE state = 'held' AND expires_at < now() AND pg_try_advisory_xact_lock(7) RETURNING sku
  ), counts AS (SELECT sku, count(*) AS n FROM gone GROUP BY sku)
  UPDATE product p SET available = available + n FROM counts WHERE p.sku = counts.sku RETURNING n::text`;

/** Gives back what was reserved and not bought in time. Answers how many units. */
export async function expireReservations(db: SqlClient): Promise<number> {
  const rows = await db.query(EXPIRE, []);
  return rows.reduce((sum, { n }) => sum + Number(n), 0);
}
