import { createKeyedPool, createPool, poolMetrics, PoolError, recommendPoolSize } from '../../src/pool/index.ts';
import type { KeyedPool, Lease, Pool, PoolErrorCode, PoolEvent, PoolStats } from '../../src/pool/index.ts';

interface Client {
  query(text: string): Promise<string>;
}

declare const client: Client;

const pool = createPool({ create: async () => client });
pool satisfies Pool<Client>;

createPool({ create: ({ signal }) => (signal.throwIfAborted(), client) }) satisfies Pool<Client>;

// A resource is inferred from `create`, and the other functions take it.
createPool({
  create: () => client,
  destroy: (one) => void one.query(''),
  validate: async (one) => (await one.query('')) === '',
});

void (pool.use(async ({ query }) => (await query('')).length) satisfies Promise<number>);
pool.tryAcquire() satisfies Lease<Client> | undefined;
pool.stats() satisfies PoolStats;
pool.onEvent((event) => event satisfies PoolEvent<Client>) satisfies () => void;

{
  await using lease = await pool.acquire({ signal: undefined, timeoutMs: undefined, priority: 1 });
  lease.resource satisfies Client;
}

const keyed = createKeyedPool({ create: async (host: string) => ({ host }), maxPerKey: 3 });
keyed satisfies KeyedPool<string, { host: string }>;
void (keyed.use('a', ({ host }) => host) satisfies Promise<string>);

const sink = { gauge: () => () => {}, add: () => {}, record: () => {} };
poolMetrics(pool, sink) satisfies () => void;
recommendPoolSize({ arrivalsPerSecond: 1, holdMs: 1 }) satisfies number;
new PoolError('ERR_POOL_CLOSED', '').code satisfies PoolErrorCode;

// @ts-expect-error `create` is required
createPool({ max: 3 });
// @ts-expect-error no such option
createPool({ create: () => client, maximum: 3 });
// @ts-expect-error no such order
createPool({ create: () => client, idleOrder: 'random' });
// @ts-expect-error `validate` answers yes or no
createPool({ create: () => client, validate: () => 'yes' });
// @ts-expect-error the resource is not to be written
(await pool.acquire()).resource = client;
// @ts-expect-error a lease goes back by itself, not to the pool
pool.release(client);
// @ts-expect-error a keyed pool keeps no resources that nobody asked for
createKeyedPool({ create: (host: string) => host, min: 2 });
// @ts-expect-error the key has the type that `create` takes
void keyed.acquire(5);
// @ts-expect-error statistics are a snapshot
pool.stats().idle = 3;
// @ts-expect-error no such code
new PoolError('ERR_POOL_BROKEN', '');
