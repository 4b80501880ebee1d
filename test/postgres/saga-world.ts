import pg from 'pg';
import type { SqlClient, SqlQuery } from '../../src/postgres/index.ts';
import { fromPg } from '../../src/postgres/index.ts';
import { guard, saga, SagaRefusal } from '../../src/saga/index.ts';

/*
 * A shop whose books are in PostgreSQL, and the saga that sells. Stock and money belong to participants of their own,
 * with a guard; orders are written in the transaction of the saga's own store, with no guard and no unique index, so
 * that a step which took effect twice is seen.
 */
export const TABLES = `
  CREATE TABLE account (name text PRIMARY KEY, amount bigint NOT NULL);
  CREATE TABLE called (key text NOT NULL, attempt int NOT NULL, fence int NOT NULL);
  CREATE TABLE charged (key text NOT NULL, cents int NOT NULL);
  CREATE TABLE ordered (id text NOT NULL);
  INSERT INTO account VALUES ('stock', 0), ('sold', 0), ('bank', 0), ('shop', 0);`;

export const PRICE = 5;

export interface Order {
  /** At which step the order is refused. */
  readonly refuse?: 'charge' | 'confirm';
}

export function poolTo(url: string, max: number = 4): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  pool.on('error', () => {});
  return pool;
}

async function move(query: SqlQuery, from: string, to: string, amount: number): Promise<number> {
  const rows = await query(
    `UPDATE account SET amount = amount + CASE name WHEN $1::text THEN -$3::bigint ELSE $3::bigint END
    WHERE name IN ($1::text, $2::text) AND (name <> 'stock' OR $1::text <> 'stock' OR amount >= $3::bigint) RETURNING name`,
    [from, to, amount],
  );
  return rows.length;
}

/** The saga, with participants behind `db`. `within` is called in the middle of charging. */
export function sellIn(db: SqlClient, within: () => unknown = () => {}) {
  const note = (key: string, attempt: number, fence: number) =>
    db.query('INSERT INTO called VALUES ($1::text, $2::int, $3::int)', [key, attempt, fence]);
  return saga<Order>('sell')
    .step('reserve', {
      run: ({ idempotencyKey }) =>
        db.transaction((query) =>
          guard(query).once(idempotencyKey, async () => {
            if ((await move(query, 'stock', 'sold', 1)) < 2) throw new SagaRefusal('sold out');
            return 'reserved';
          }),
        ),
      compensate: ({ runKey }) =>
        db.transaction((query) => guard(query).undo(runKey, () => move(query, 'sold', 'stock', 1))),
      retry: { maxAttempts: 50, baseDelayMs: 5, maxDelayMs: 200 },
    })
    .step('charge', {
      run: async ({ input, idempotencyKey, attempt, fence }) => {
        await note(idempotencyKey, attempt, fence);
        await within();
        if (input.refuse === 'charge') throw new SagaRefusal('no credit');
        return db.transaction((query) =>
          guard(query).once(idempotencyKey, async () => {
            await query('INSERT INTO charged VALUES ($1::text, $2::int)', [idempotencyKey, PRICE]);
            await move(query, 'bank', 'shop', PRICE);
            return PRICE;
          }),
        );
      },
      compensate: ({ runKey }) =>
        db.transaction((query) =>
          guard(query).undo<number>(runKey, async (cents) => {
            await query('INSERT INTO charged VALUES ($1::text, $2::int)', [runKey, -cents]);
            await move(query, 'shop', 'bank', cents);
          }),
        ),
      retry: { maxAttempts: 50, baseDelayMs: 5, maxDelayMs: 200 },
    })
    .step('order', {
      atomic: true,
      run: async ({ sagaId }, tx: SqlQuery) => {
        await tx('INSERT INTO ordered VALUES ($1::text)', [sagaId]);
      },
      compensate: async ({ sagaId }, tx: SqlQuery) => {
        const gone = await tx('DELETE FROM ordered WHERE id = $1::text RETURNING id', [sagaId]);
        if (gone.length !== 1) throw new Error(`${gone.length} orders to undo`);
      },
    })
    .step('confirm', {
      run: ({ input, emit }) => {
        if (input.refuse === 'confirm') throw new SagaRefusal('no confirmation');
        emit('sold', PRICE);
        return 'confirmed';
      },
    });
}

export type Sell = ReturnType<typeof sellIn>;

/** What is wrong with the books when `stock` were for sale. Empty: nothing. */
export async function audit(client: SqlClient, stock: number, maxCalls: number = Infinity): Promise<string[]> {
  const wrong: string[] = [];
  const all = async (text: string): Promise<readonly Record<string, unknown>[]> => client.query(text, []);
  const accounts = new Map(
    (await all('SELECT name, amount::int FROM account')).map((row) => [row['name'], row['amount']]),
  );
  const sagas = await all(
    `SELECT s.id, s.status, (SELECT count(*)::int FROM ordered o WHERE o.id = s.id) AS orders,
      (SELECT count(*)::int FROM charged c WHERE c.key LIKE s.id || '/%' AND c.cents > 0) AS charges,
      (SELECT coalesce(sum(cents), 0)::int FROM charged c WHERE c.key LIKE s.id || '/%') AS paid,
      (SELECT count(*)::int FROM called c WHERE c.key LIKE s.id || '/%') AS calls,
      (SELECT count(*)::int FROM holdfast.saga_outbox e WHERE e.saga_id = s.id) AS events FROM holdfast.saga s`,
  );
  const completed = sagas.filter(({ status }) => status === 'completed').length;
  const expected: Record<string, number> = {
    stock: stock - completed,
    sold: completed,
    bank: -PRICE * completed,
    shop: PRICE * completed,
  };
  for (const [name, amount] of Object.entries(expected)) {
    if (accounts.get(name) !== amount) wrong.push(`${name} has ${String(accounts.get(name))} and not ${amount}`);
  }
  for (const { id, status, orders, charges, paid, calls, events } of sagas) {
    const done = status === 'completed' ? 1 : 0;
    const what = `${String(id)} is ${String(status)}`;
    if (status !== 'completed' && status !== 'compensated') wrong.push(what);
    if (orders !== done) wrong.push(`${what} with ${String(orders)} orders`);
    if (events !== done) wrong.push(`${what} with ${String(events)} events`);
    if (paid !== done * PRICE) wrong.push(`${what} and paid ${String(paid)}`);
    if ((charges as number) > 1) wrong.push(`${what}, charged ${String(charges)} times`);
    if ((calls as number) > maxCalls) wrong.push(`${what}, called ${String(calls)} times`);
  }
  return wrong;
}

/** A new shop. */
export async function openShop(
  client: SqlClient,
  query: (sql: string) => PromiseLike<unknown>,
  stock: number,
): Promise<void> {
  await query(TABLES);
  await query(`UPDATE account SET amount = ${stock} WHERE name = 'stock'`);
  await guard(client.query).init();
}

/** A port that `before` and `after` of each statement are called around, BEGIN and COMMIT included. */
export function watched(pool: pg.Pool, before: (text: string) => unknown, after: (text: string) => unknown): SqlClient {
  const around = async <T>(text: string, run: () => PromiseLike<T>): Promise<T> => {
    await before(text);
    const result = await run();
    await after(text);
    return result;
  };
  return fromPg({
    query: (text, params) => around(text, () => pool.query(text, params)),
    connect: async () => {
      const client = await pool.connect();
      return {
        query: (text, params) => around(text, () => client.query(text, params)),
        release: (error) => client.release(error),
        on: (event, listener) => client.on(event, listener),
        removeListener: (event, listener) => client.removeListener(event, listener),
      };
    },
  });
}
