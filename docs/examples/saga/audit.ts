import type { SqlClient } from '../../../src/postgres/index.ts';

/** What was found in the database, and whether it is as it has to be. */
export interface Finding {
  readonly claim: string;
  readonly isKept: boolean;
  readonly detail: string;
}

export interface Expected {
  readonly orders: number;
  /** What was in stock at the beginning, and how many of it must be sold. */
  readonly stock: Readonly<Record<string, { readonly before: number; readonly sold: number }>>;
}

const number = async (db: SqlClient, sql: string, ...params: readonly string[]): Promise<number> =>
  Number((await db.query(`SELECT (${sql})::text AS n`, params))[0]!['n']);

const PAID =
  'SELECT order_id, count(*) FILTER (WHERE cents > 0) AS charges, sum(cents) AS cents FROM payment GROUP BY 1';

/** Asks the tables alone, not the processes that wrote them. */
export async function audit(db: SqlClient, { orders, stock }: Expected): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const find = (claim: string, actual: number, expected: number): void =>
    void findings.push({ claim, isKept: actual === expected, detail: `${actual}, has to be ${expected}` });

  const ended = `SELECT count(*) FROM holdfast.saga WHERE status IN ('completed', 'compensated')`;
  find('orders that have come to their end', await number(db, ended), orders);
  for (const [item, { before, sold }] of Object.entries(stock)) {
    const bought = await number(db, 'SELECT count(*) FROM purchase WHERE item = $1', item);
    const left = await number(db, 'SELECT left_over FROM stock WHERE item = $1', item);
    find(`${item}: sold`, bought, sold);
    find(`${item}: sold and left over`, bought + left, before);
  }
  find('orders charged more than once', await number(db, `SELECT count(*) FROM (${PAID}) p WHERE charges > 1`), 0);
  find(
    'purchases not paid exactly once',
    await number(
      db,
      `SELECT count(*) FROM purchase LEFT JOIN (${PAID}) p USING (order_id) WHERE charges IS DISTINCT FROM 1 OR cents <= 0`,
    ),
    0,
  );
  find(
    'money kept for nothing',
    await number(
      db,
      `SELECT coalesce(sum(cents), 0) FROM payment WHERE order_id NOT IN (SELECT order_id FROM purchase)`,
    ),
    0,
  );
  find(
    'purchases and completed orders that do not match',
    await number(
      db,
      `SELECT count(*) FROM purchase FULL JOIN (SELECT id FROM holdfast.saga WHERE status = 'completed') s ON id = order_id WHERE id IS NULL OR order_id IS NULL`,
    ),
    0,
  );
  const mails = 'SELECT count(*) FROM purchase FULL JOIN mail USING (order_id) WHERE item IS NULL OR body IS NULL';
  find('purchases without mail, and mails without purchase', await number(db, mails), 0);
  return findings;
}
