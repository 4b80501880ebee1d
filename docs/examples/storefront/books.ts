import type { SqlClient } from '../../../src/postgres/index.ts';
import type { LedgerEntry } from './ledger.ts';

export interface Stock {
  readonly sku: string;
  readonly stock: number;
  readonly available: number;
  /** Reserved by orders that have not ended. */
  readonly held: number;
}

export interface ConfirmedOrder {
  readonly id: string;
  readonly sku: string;
  readonly cents: number;
}

/** What the database and the payment service have written down. The processes that wrote it are not asked. */
export interface Books {
  readonly stock: readonly Stock[];
  readonly orders: readonly ConfirmedOrder[];
  /** Order numbers of the mails that went out. */
  readonly mails: readonly string[];
  readonly sagas: readonly { readonly id: string; readonly status: string }[];
  readonly ledger: readonly LedgerEntry[];
}

const HELD = `(SELECT count(*) FROM reservation r WHERE r.sku = p.sku AND state = 'held')`;

export async function readBooks(db: SqlClient, ledger: readonly LedgerEntry[]): Promise<Books> {
  const stock = await db.query(
    `SELECT sku, stock::text, available::text, ${HELD}::text AS held FROM product p ORDER BY sku`,
    [],
  );
  const orders = await db.query('SELECT id, sku, cents::text FROM orders', []);
  const mails = await db.query('SELECT order_id FROM mail', []);
  const sagas = await db.query('SELECT id, status FROM holdfast.saga', []);
  return {
    stock: stock.map(({ sku, stock: units, available, held }) => ({
      sku: String(sku),
      stock: Number(units),
      available: Number(available),
      held: Number(held),
    })),
    orders: orders.map(({ id, sku, cents }) => ({ id: String(id), sku: String(sku), cents: Number(cents) })),
    mails: mails.map(({ order_id: id }) => String(id)),
    sagas: sagas.map(({ id, status }) => ({ id: String(id), status: String(status) })),
    ledger,
  };
}

/** Sagas that are still on their way. */
export async function unfinished(db: SqlClient): Promise<readonly string[]> {
  const sql = `SELECT id FROM holdfast.saga WHERE status NOT IN ('completed', 'compensated') ORDER BY id`;
  return (await db.query(sql, [])).map(({ id }) => String(id));
}
