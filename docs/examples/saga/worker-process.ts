import { postgresSagaStore } from '../../../src/postgres/index.ts';
import { createSagaRunner } from '../../../src/saga/index.ts';
import { openShop } from './database.ts';
import type { Order } from './order.ts';
import { orderSaga } from './order.ts';

/** What a process has to do: one line of JSON, its first argument. */
export interface Job {
  readonly place: string;
  readonly isGuarded: boolean;
  /** Orders to start, by id; those that are there already go on. */
  readonly orders: readonly (readonly [id: string, order: Order])[];
  /** The order that stops when its money is taken, for whoever wants to kill this process then. */
  readonly pauseAt: string | undefined;
}

const job = JSON.parse(process.argv[2]!) as Job;
const shop = await openShop(job.place);
const order = orderSaga(shop.db, {
  isGuarded: job.isGuarded,
  onCharged: async (id) => {
    if (id !== job.pauseAt) return;
    console.log(`charged ${id}`);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  },
});
const runner = createSagaRunner({
  store: postgresSagaStore(shop.db),
  sagas: [order],
  leaseMs: 1500,
  heartbeatMs: 400,
  pollMs: 100,
});
await runner.recover();

let ended = 0;
await Promise.all(
  job.orders.map(async ([id, input]) => {
    const handle = await runner.start(order, input, { id });
    await handle.result().catch((error: unknown) => {
      if ((error as { readonly code?: string }).code !== 'ERR_SAGA_COMPENSATED') throw error;
    });
    if (++ended % 10 === 0) console.log(`ended ${ended}`);
  }),
);
console.log('all ended');
await runner.close();
await shop.close();
