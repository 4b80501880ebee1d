import pg from 'pg';
import type { SqlClient } from '../../../src/postgres/index.ts';
import { fromPg, fromPglite } from '../../../src/postgres/index.ts';

/** A database of the shop, opened by one process. */
export interface Shop {
  readonly db: SqlClient;
  close(): Promise<void>;
}

/** Opens the database at a PostgreSQL URL, or that of PGlite in `pglite:FOLDER`. */
export async function openShop(place: string): Promise<Shop> {
  if (place.startsWith('pglite:')) {
    const { PGlite } = await import('@electric-sql/pglite');
    const lite = await PGlite.create(place.slice('pglite:'.length));
    return { db: fromPglite(lite), close: () => lite.close() };
  }
  const pool = new pg.Pool({ connectionString: place, max: 8 });
  // A connection that ends while nobody uses it is replaced by the pool.
  pool.on('error', () => {});
  return { db: fromPg(pool), close: () => pool.end() };
}

/** Tables of the participants; the tables of the sagas are the store's own business. */
export async function furnish({ db }: Shop, stock: Readonly<Record<string, number>>): Promise<void> {
  const statements = [
    'CREATE TABLE stock (item text PRIMARY KEY, left_over int NOT NULL CHECK (left_over >= 0))',
    'CREATE TABLE payment (order_id text NOT NULL, cents int NOT NULL)',
    'CREATE TABLE purchase (order_id text PRIMARY KEY, item text NOT NULL)',
    'CREATE TABLE mail (order_id text PRIMARY KEY, body text NOT NULL)',
  ];
  for (const statement of statements) await db.query(statement, []);
  for (const [item, count] of Object.entries(stock)) {
    await db.query('INSERT INTO stock VALUES ($1, $2::text::int)', [item, String(count)]);
  }
}
