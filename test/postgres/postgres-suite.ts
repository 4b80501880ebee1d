import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import type { SqlClient } from '../../src/postgres/index.ts';
import { fromPg } from '../../src/postgres/index.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { startPostgres } from '../support/postgres.ts';

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly max: number;
}

/** How pg and postgres.js reach a server of the tests, with `max` connections. */
export function connectionTo(port: number, max = 10): Connection {
  return { host: '127.0.0.1', port, user: 'postgres', database: 'postgres', max };
}

/** A pool that the end of its server does not trouble: that may reach a connection before its own does. */
export function poolTo(port: number, max?: number): pg.Pool {
  const pool = new pg.Pool(connectionTo(port, max));
  pool.on('error', () => {});
  return pool;
}

/** A server for the tests of one `describe`, which keep apart by their tables. */
export interface PostgresSuite {
  readonly server: PostgresServer;
  readonly client: SqlClient;
}

/** Call it where hooks may be registered. */
export function usePostgres(): PostgresSuite {
  let server!: PostgresServer;
  let pool!: pg.Pool;
  let client!: SqlClient;
  beforeAll(async () => {
    server = await startPostgres();
    pool = poolTo(server.port);
    client = fromPg(pool);
  }, 60_000);
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });
  return {
    get server() {
      return server;
    },
    // Made before the server is there.
    client: {
      query: (text, params) => client.query(text, params),
      transaction: (work) => client.transaction(work),
    },
  };
}
