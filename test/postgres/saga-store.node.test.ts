import { setTimeout as delay } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe } from 'vitest';
import type { SqlClient } from '../../src/postgres/index.ts';
import { fromPg, fromPglite, fromPostgresJs, postgresSagaStore } from '../../src/postgres/index.ts';
import { sagaStoreConformance } from '../saga/store-conformance.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';

const { available } = postgresAvailability();

/** A client and how to end it. */
type Opened = readonly [SqlClient, () => Promise<unknown>];

const clients: Readonly<Record<string, (url: string) => Opened>> = {
  pg: (url) => {
    const pool = new pg.Pool({ connectionString: url, max: 8 });
    pool.on('error', () => {});
    return [fromPg(pool), () => pool.end()];
  },
  'postgres.js': (url) => {
    const sql = postgres(url, { max: 8, onnotice: () => {} });
    return [fromPostgresJs(sql), () => sql.end()];
  },
};

describe.skipIf(!available).each(Object.keys(clients))('postgresSagaStore through %s', (name) => {
  let server: PostgresServer;
  let client: SqlClient;
  let end: () => Promise<unknown>;
  let store: ReturnType<typeof postgresSagaStore>;
  beforeAll(async () => {
    server = await startPostgres();
    [client, end] = clients[name]!(server.url);
    store = postgresSagaStore(client);
    await store.init();
  }, 60_000);
  afterAll(async () => {
    await end?.();
    await server?.stop();
  });

  sagaStoreConformance(() => ({ store, pass: delay }));
});

describe('postgresSagaStore through PGlite', () => {
  const db = new PGlite();
  const store = postgresSagaStore(fromPglite(db), { timeoutMs: 20_000 });
  beforeAll(() => store.init(), 60_000);
  afterAll(() => db.close());

  sagaStoreConformance(() => ({ store, pass: delay }));
});
