/*
 * A shop process: product pages, its shard of the carts, order numbers and checkouts. Whatever it has accepted is in
 * the database, so that another one goes on with it when this one is killed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { shareCircuit } from '../../../src/circuit-breaker/index.ts';
import { isHoldfastError } from '../../../src/core/errors.ts';
import { postgresSagaStore, postgresWorkerLeaseStore } from '../../../src/postgres/index.ts';
import { constantBackoff, retry } from '../../../src/policy/index.ts';
import { redisBreakerStore } from '../../../src/redis/index.ts';
import { createSagaRunner } from '../../../src/saga/index.ts';
import { createLeasedSnowflake } from '../../../src/snowflake/index.ts';
import { openCatalogue } from './catalogue.ts';
import type { Order } from './checkout.ts';
import { checkoutSaga } from './checkout.ts';
import { expireReservations, openDatabase } from './database.ts';
import type { Call, Handler, Reply } from './json-server.ts';
import { serveJson } from './json-server.ts';
import { readJob, tell } from './messages.ts';
import type { Plant } from './options.ts';
import { openPayments } from './payments.ts';
import { limits } from './plan.ts';
import { connectRedis } from './redis.ts';

export interface ShopJob {
  readonly name: string;
  readonly port: number;
  readonly database: string;
  readonly paymentUrl: string;
  /** The socket of a redis-server, where there is one. */
  readonly redisPath: string | undefined;
  readonly plant: Plant | undefined;
}

/** Where an order stands, as buyers are told. */
export interface OrderStatus {
  readonly id: string;
  readonly status: 'confirmed' | 'refused' | 'pending' | 'unknown';
  readonly reason?: string;
}

const job = readJob<ShopJob>();
const db = openDatabase(job.database, job.name, (most) => tell({ type: 'connections', shop: job.name, most }));
const payments = openPayments(job.paymentUrl, job.name);
if (job.redisPath !== undefined) {
  const store = redisBreakerStore(await connectRedis(job.redisPath));
  // What two shops have learnt about the payment service, the third need not learn again.
  shareCircuit(payments.circuit, { store, node: job.name, name: 'payment', syncIntervalMs: 100 });
}

const checkout = checkoutSaga({ db, payments, plant: job.plant });
const isLite = job.database.startsWith('pglite:');
// PGlite works off one statement after the other: a heartbeat waits for all that came before.
const leaseMs = isLite ? 2 * limits.sagaLeaseMs : limits.sagaLeaseMs;
const runner = createSagaRunner({
  store: postgresSagaStore(db, { timeoutMs: limits.queryMs }),
  sagas: [checkout],
  leaseMs,
  heartbeatMs: leaseMs / 4,
  pollMs: 200,
  abandonMs: limits.queryMs,
  onEvent: ({ type }) => tell({ type: 'saga', what: type }),
});
void runner.work().catch(() => {});

// A process may be started while the database is not well, and then waits for it.
const start = retry({ maxAttempts: 100, backoff: constantBackoff(200), isRetryable: () => true });

// The database is new and has lost no leases, so unknown worker ids are really free.
const store = postgresWorkerLeaseStore(db);
const ids = await start.run(() =>
  createLeasedSnowflake({ store, pool: 'orders', workerIds: 64, coldStart: 'immediate' }),
);
tell({ type: 'worker-id', shop: job.name, id: ids.workerId });

const catalogue = await start.run(() => openCatalogue(db));
const carts = new Map<string, string>();

async function sweep(): Promise<void> {
  for (;;) {
    await sleep(500);
    // The database may be away; the next round comes soon.
    const count = await expireReservations(db).catch(() => 0);
    if (count > 0) tell({ type: 'expired', count });
  }
}
void sweep();

function ok(body: object, status: number = 200): Reply {
  return { status, body };
}

function later(error: unknown): Reply {
  return { status: 503, body: { error: String(error) }, headers: { 'retry-after': '1' } };
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const late = new AbortController();
  try {
    return await Promise.race([promise, sleep(ms, undefined, { signal: late.signal })]);
  } finally {
    late.abort();
    promise.catch(() => {});
  }
}

function refusalOf(id: string, error: unknown): OrderStatus {
  if (!isHoldfastError(error, 'ERR_SAGA_COMPENSATED')) return { id, status: 'pending' };
  const { cause } = error as { cause?: unknown };
  return { id, status: 'refused', reason: (cause as { message?: string } | undefined)?.message ?? String(cause) };
}

/** Waits a while for the end of an order. */
async function outcome(id: string, ms: number): Promise<OrderStatus> {
  const ended = runner.handle(id).result();
  const status = ended.then(
    (): OrderStatus => ({ id, status: 'confirmed' }),
    (error: unknown) => refusalOf(id, error),
  );
  return (await within(ms, status)) ?? { id, status: 'pending' };
}

async function check(id: string, body: string): Promise<Reply> {
  const { card, buyer } = JSON.parse(body) as Omit<Order, 'sku'>;
  const sku = carts.get(id);
  if (sku === undefined) return { status: 410, body: { error: 'no such cart' } };
  const hindrance = await catalogue.hindrance(sku);
  // An order that is there already goes its way, whatever the page says.
  if (hindrance !== undefined && !(await exists(id))) return { status: 409, body: { error: hindrance } };
  try {
    // The number of the order makes one saga of however many attempts.
    const started = await within(limits.checkoutWaitMs, runner.start(checkout, { sku, buyer, card }, { id }));
    if (!started) return later('the order could not be stored yet');
  } catch (error) {
    return later(error);
  }
  const status = await outcome(id, limits.checkoutWaitMs);
  return ok(status, status.status === 'pending' ? 202 : 200);
}

async function exists(id: string): Promise<boolean> {
  // Where nobody can tell, the checkout is tried, and says what hinders it.
  const record = await within(limits.checkoutWaitMs, runner.get(id)).catch(() => 'unknown');
  return record !== undefined;
}

async function status(id: string): Promise<Reply> {
  try {
    const record = await within(limits.checkoutWaitMs, runner.get(id));
    if (!record) return ok({ id, status: 'unknown' } satisfies OrderStatus, 404);
    const isOver = record.status === 'completed' || record.status === 'compensated';
    return ok(isOver ? await outcome(id, limits.checkoutWaitMs) : { id, status: 'pending' });
  } catch (error) {
    return later(error);
  }
}

const handle: Handler = async ({ method, path: [what, id = '', action], body }: Call) => {
  if (what === 'products') return catalogue.page(id);
  if (what === 'orders') return status(id);
  if (what !== 'carts') return { status: 404, body: { error: 'no such page' } };
  if (method === 'POST' && id === '') return ok({ id: ids.nextString() }, 201);
  if (action === 'checkout') return check(id, body);
  carts.set(id, (JSON.parse(body) as { sku: string }).sku);
  return ok({ id, items: 1 });
};

await serveJson(job.port, handle);
tell({ type: 'listening' });
