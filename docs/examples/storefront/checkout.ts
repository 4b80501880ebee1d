import type { SqlClient, SqlQuery } from '../../../src/postgres/index.ts';
import type { Saga } from '../../../src/saga/index.ts';
import { SagaRefusal, guard, saga } from '../../../src/saga/index.ts';
import type { Plant } from './options.ts';
import type { Payments } from './payments.ts';
import { limits } from './plan.ts';

export interface Order {
  readonly sku: string;
  readonly buyer: string;
  /** `declined` is a card without money. */
  readonly card: string;
}

interface Results {
  /** What it costs. */
  readonly reserve: number;
  readonly charge: string;
  readonly confirm: string;
  readonly notify: string;
}

export interface CheckoutOptions {
  readonly db: SqlClient;
  readonly payments: Payments;
  readonly plant: Plant | undefined;
}

/** Ends of a reservation that the buyer can do something about. */
export const SOLD_OUT = 'sold out';
export const ALL_RESERVED = 'all reserved at the moment';

/** Other attempts of steps whose service may come back; a refusal ends them at once. */
const retry = { maxAttempts: limits.paymentAttempts, baseDelayMs: 100, maxDelayMs: 800 };
const compensationRetry = { maxAttempts: Infinity, baseDelayMs: 100, maxDelayMs: 800 };

/** Reserve, charge, confirm, notify. What was reserved and charged is given back where the order does not come about. */
export function checkoutSaga({ db, payments, plant }: CheckoutOptions): Saga<Order, Results, SqlQuery> {
  return saga<Order>('checkout')
    .step('reserve', {
      retry,
      compensationRetry,
      run: ({ input, sagaId, idempotencyKey }) =>
        db.transaction((query) =>
          guard(query).once(idempotencyKey, () => reserve(query, sagaId, input.sku, plant === 'oversell')),
        ),
      compensate: ({ sagaId, runKey }) =>
        db.transaction((query) => guard(query).undo(runKey, () => release(query, sagaId, plant === 'lose-units'))),
    })
    .step('charge', {
      retry,
      compensationRetry,
      run: ({ input, sagaId, results, idempotencyKey, signal }) =>
        payments.charge({ key: idempotencyKey, orderId: sagaId, cents: results.reserve, card: input.card }, signal),
      compensate: ({ runKey, sagaId, signal }) => payments.refund({ key: runKey, orderId: sagaId }, signal),
    })
    .step('confirm', {
      atomic: true,
      kind: 'pivot',
      retry,
      run: async ({ input, sagaId, results }, query: SqlQuery) => {
        const sell = `UPDATE reservation SET state = 'sold' WHERE order_id = $1 AND state = 'held' RETURNING sku`;
        const [held] = await query(sell, [sagaId]);
        if (!held) throw new SagaRefusal('the reservation has expired');
        const values = [sagaId, input.sku, String(results.reserve), input.buyer];
        await query('INSERT INTO orders VALUES ($1, $2, $3::text::int, $4)', values);
        return sagaId;
      },
    })
    .step('notify', {
      run: async ({ input, sagaId, results }) => {
        const body = `thank you, ${input.buyer}: ${results.reserve} cents received`;
        await db.query('INSERT INTO mail VALUES ($1, $2) ON CONFLICT DO NOTHING', [sagaId, body]);
        return body;
      },
    });
}

async function reserve(query: SqlQuery, orderId: string, sku: string, isOverselling: boolean): Promise<number> {
  const take = `UPDATE product SET available = available - 1 WHERE sku = $1 AND available > 0 RETURNING cents::text`;
  const [row] = await query(isOverselling ? 'SELECT cents::text FROM product WHERE sku = $1' : take, [sku]);
  if (!row) throw new SagaRefusal((await isSoldOut(query, sku)) ? SOLD_OUT : ALL_RESERVED);
  const hold = `INSERT INTO reservation VALUES ($1, $2, 'held', now() + $3::text::float8 * interval '1 ms')`;
  await query(hold, [orderId, sku, String(limits.reservationMs)]);
  return Number(row['cents']);
}

/** For good: what is only reserved may come back. */
async function isSoldOut(query: SqlQuery, sku: string): Promise<boolean> {
  const sold = `SELECT (stock <= (SELECT count(*) FROM reservation r WHERE r.sku = p.sku AND state = 'sold'))::text AS is
    FROM product p WHERE sku = $1`;
  const [row] = await query(sold, [sku]);
  return row?.['is'] === 'true';
}

/** Nothing is left to give back where the reservation has expired meanwhile. */
async function release(query: SqlQuery, orderId: string, isForgetful: boolean): Promise<void> {
  const free = `UPDATE reservation SET state = 'released' WHERE order_id = $1 AND state = 'held' RETURNING sku`;
  const [row] = await query(free, [orderId]);
  if (!row || isForgetful) return;
  await query('UPDATE product SET available = available + 1 WHERE sku = $1', [String(row['sku'])]);
}
