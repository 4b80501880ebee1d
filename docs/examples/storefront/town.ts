import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresSagaStore } from '../../../src/postgres/index.ts';
import { guard } from '../../../src/saga/index.ts';
import { watchFolder } from '../../../test/support/guardian.ts';
import { postgresAvailability, startPostgres } from '../../../test/support/postgres.ts';
import { findRedis, startRedis } from '../rate-limit/processes.ts';
import type { Database } from './database.ts';
import { furnish, openDatabase } from './database.ts';
import type { GatewayJob } from './gateway-process.ts';
import type { LedgerEntry } from './ledger.ts';
import { readLedger } from './ledger.ts';
import type { Message } from './messages.ts';
import type { StoreOptions } from './options.ts';
import type { PaymentJob } from './payment-process.ts';
import type { Plan } from './plan.ts';
import { SHOPS } from './plan.ts';
import { Service, choosePort } from './service.ts';
import type { ShopJob } from './shop-process.ts';

interface Freezable {
  freeze(): void;
  thaw(): void;
}

/** Everything that runs: the database, Redis, the payment service, the shop processes and the gateway. */
export interface Town extends AsyncDisposable {
  /** What the database and the limiter are, in words. */
  readonly engines: string;
  readonly url: string;
  readonly database: Freezable;
  readonly payment: Service;
  readonly shops: readonly Service[];
  readonly db: Database;
  readonly ledger: readonly LedgerEntry[];
  readonly messages: readonly Message[];
  readonly crashes: readonly string[];
}

interface Engine extends Freezable {
  readonly name: string;
  readonly place: string;
}

/** Starts it all. What had started ends again where something cannot. */
export async function openTown(options: StoreOptions, plan: Plan): Promise<Town> {
  const ends: (() => unknown)[] = [];
  const end = async (): Promise<void> => {
    for (const stop of ends.splice(0).reverse()) await stop();
  };
  try {
    return await build(options, plan, ends, end);
  } catch (error) {
    await end();
    throw error;
  }
}

async function build(
  options: StoreOptions,
  plan: Plan,
  ends: (() => unknown)[],
  end: () => Promise<void>,
): Promise<Town> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-storefront-'));
  watchFolder(folder);
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'ledger.jsonl');
  const { seed, plant } = options;

  const [engine, redis, ports] = await Promise.all([
    openEngine(options, ends),
    openRedis(ends),
    Promise.all(Array.from({ length: SHOPS + 2 }, choosePort)),
  ]);
  const db = openDatabase(engine.place, 'auditor');
  ends.push(() => db.pool.close({ graceMs: 0 }));
  await furnish(db, plan.products);
  await guard(db.query).init();
  await postgresSagaStore(db).init();

  const [paymentPort = 0, gatewayPort = 0, ...shopPorts] = ports;
  const paymentJob: PaymentJob = { port: paymentPort, file, seed, plant };
  const payment = new Service('payment', './payment-process.ts', JSON.stringify(paymentJob));
  const shops = shopPorts.map((port, k) => {
    const job: ShopJob = {
      name: `shop-${k + 1}`,
      port,
      database: engine.place,
      paymentUrl: `http://127.0.0.1:${paymentPort}`,
      redisPath: redis,
      plant,
    };
    return new Service(job.name, './shop-process.ts', JSON.stringify(job));
  });
  const gatewayJob: GatewayJob = {
    port: gatewayPort,
    shops: Object.fromEntries(shops.map(({ name }, k) => [name, `http://127.0.0.1:${shopPorts[k]}`])),
    redisPath: redis,
  };
  const gateway = new Service('gateway', './gateway-process.ts', JSON.stringify(gatewayJob));
  const services = [payment, ...shops, gateway];
  ends.push(() => Promise.all(services.map((service) => service.kill())));
  await Promise.all(services.map((service) => service.start()));
  return {
    engines: `${engine.name}, ${redis === undefined ? 'no redis-server was found' : 'Redis'}`,
    url: `http://127.0.0.1:${gatewayPort}`,
    database: engine,
    payment,
    shops,
    db,
    get ledger() {
      return readLedger(file);
    },
    get messages() {
      return services.flatMap(({ messages }) => messages);
    },
    get crashes() {
      return services.flatMap(({ crashes }) => crashes);
    },
    [Symbol.asyncDispose]: end,
  };
}

async function openEngine({ isPglite }: StoreOptions, ends: (() => unknown)[]): Promise<Engine> {
  if (!isPglite && postgresAvailability().available) {
    const server = await startPostgres({ settings: { max_connections: '60' } });
    ends.push(() => server.stop());
    return {
      name: 'PostgreSQL',
      place: server.url,
      freeze: () => server.freeze(),
      thaw: () => server.thaw(),
    };
  }
  const port = await choosePort();
  const lite = new Service('database', './pglite-process.ts', String(port));
  ends.push(() => lite.kill());
  await lite.start();
  return { name: 'PGlite', place: `pglite:${port}`, freeze: () => lite.freeze(), thaw: () => lite.thaw() };
}

async function openRedis(ends: (() => unknown)[]): Promise<string | undefined> {
  const program = findRedis();
  if (program === undefined) return undefined;
  const redis = await startRedis(program);
  ends.push(() => redis[Symbol.asyncDispose]());
  return redis.path;
}
