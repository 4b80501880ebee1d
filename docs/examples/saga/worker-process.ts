import { isHoldfastError } from '../../../src/core/errors.ts';
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
// PGlite works off one statement after the other, in this process: a heartbeat waits for all that came before.
const leaseMs = job.place.startsWith('pglite:') ? 8000 : 1500;
const runner = createSagaRunner({
  store: postgresSagaStore(shop.db),
  sagas: [order],
  leaseMs,
  heartbeatMs: leaseMs / 4,
  pollMs: 100,
});
await runner.recover();

/** Customers come as others leave. */
const CUSTOMERS_AT_ONCE = 50;

let ended = 0;
const waiting = job.orders.values();
async function serve(): Promise<void> {
  for (const [id, input] of waiting) {
    while (!(await hasEnded(id, input)));
    if (++ended % 10 === 0) console.log(`ended ${ended}`);
  }
}

/** False where this process was too slow to keep its lease: the customer asks again, and the id makes one order of it. */
async function hasEnded(id: string, input: Order): Promise<boolean> {
  try {
    const handle = await runner.start(order, input, { id });
    await handle.result();
    return true;
  } catch (error) {
    if (isHoldfastError(error, 'ERR_SAGA_COMPENSATED')) return true;
    if (isHoldfastError(error, 'ERR_SAGA_LEASE_LOST') || isHoldfastError(error, 'ERR_STORE_TIMEOUT')) return false;
    throw error;
  }
}
await Promise.all(Array.from({ length: CUSTOMERS_AT_ONCE }, serve));
console.log('all ended');
await runner.close();
await shop.close();
