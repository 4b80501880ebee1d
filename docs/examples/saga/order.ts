import type { SqlClient, SqlQuery } from '../../../src/postgres/index.ts';
import type { Saga } from '../../../src/saga/index.ts';
import { SagaRefusal, guard, saga } from '../../../src/saga/index.ts';

export interface Order {
  readonly item: string;
  readonly cents: number;
  /** `declined` is a card without money. */
  readonly card: 'good' | 'declined';
}

interface Results {
  readonly reserve: number;
  readonly charge: number;
  readonly confirm: string;
  readonly notify: string;
}

export interface OrderOptions {
  /** Without it, a call that is repeated after a crash takes effect again. */
  readonly isGuarded: boolean;
  /** Called when the money is taken, and before the saga hears of it. */
  readonly onCharged: (id: string) => Promise<void>;
}

/*
 * Stock and payments stand for services of their own: each call is a transaction of its own, and `guard` makes calls
 * that come twice or late harmless. The confirmation is an atomic step: it commits together with the log of the saga.
 */
export function orderSaga(db: SqlClient, { isGuarded, onCharged }: OrderOptions): Saga<Order, Results, SqlQuery> {
  const once = <T>(key: string, fn: (query: SqlQuery) => Promise<T>): Promise<T> =>
    db.transaction((query) => (isGuarded ? guard(query).once(key, () => fn(query)) : fn(query)));
  const undo = (key: string, fn: (query: SqlQuery) => Promise<unknown>): Promise<unknown> =>
    db.transaction((query) => (isGuarded ? guard(query).undo(key, () => fn(query)) : fn(query)));

  return saga<Order>('order')
    .step('reserve', {
      run: ({ input, idempotencyKey }) =>
        once(idempotencyKey, async (query) => {
          const [row] = await query(
            'UPDATE stock SET left_over = left_over - 1 WHERE item = $1 AND left_over > 0 RETURNING left_over::text',
            [input.item],
          );
          if (!row) throw new SagaRefusal(`${input.item} is sold out`);
          return Number(row['left_over']);
        }),
      compensate: async ({ input, runKey }) =>
        void (await undo(runKey, (query) =>
          Promise.resolve(query('UPDATE stock SET left_over = left_over + 1 WHERE item = $1', [input.item])),
        )),
    })
    .step('charge', {
      run: async ({ input, sagaId, idempotencyKey }) => {
        if (input.card === 'declined') throw new SagaRefusal('the card was declined');
        await once(idempotencyKey, (query) => pay(query, sagaId, input.cents));
        await onCharged(sagaId);
        return input.cents;
      },
      compensate: async ({ input, sagaId, runKey }) =>
        void (await undo(runKey, (query) => pay(query, sagaId, -input.cents))),
    })
    .step('confirm', {
      atomic: true,
      kind: 'pivot',
      run: async ({ input, sagaId }, query: SqlQuery) => {
        await query('INSERT INTO purchase VALUES ($1, $2)', [sagaId, input.item]);
        return sagaId;
      },
    })
    .step('notify', {
      run: async ({ sagaId, results }) => {
        const body = `thank you, ${results.charge} cents received`;
        await db.query('INSERT INTO mail VALUES ($1, $2) ON CONFLICT DO NOTHING', [sagaId, body]);
        return body;
      },
    });
}

async function pay(query: SqlQuery, id: string, cents: number): Promise<number> {
  await query('INSERT INTO payment VALUES ($1, $2::text::int)', [id, String(cents)]);
  return cents;
}
