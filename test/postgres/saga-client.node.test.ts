import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlClient } from '../../src/postgres/index.ts';
import { fromPg } from '../../src/postgres/index.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';

const { available } = postgresAvailability();

describe.skipIf(!available)('a transaction whose session the server ends', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server?.stop());

  /** Ends the session in the middle, waits until the server is rid of it, and goes on. */
  async function lose(client: SqlClient): Promise<unknown> {
    return client.transaction(async (query) => {
      const [row] = await query('SELECT pg_backend_pid()::text AS pid', []);
      const pid = row!['pid'] as string;
      await server.query(`SELECT pg_terminate_backend(${pid})`);
      const isThere = async (): Promise<boolean> =>
        (await server.query(`SELECT 1 FROM pg_stat_activity WHERE pid = ${pid}`)).length > 0;
      while (await isThere());
      // What the server has sent is read before this.
      await new Promise((resolve) => setImmediate(resolve));
      return query('SELECT 1', []);
    });
  }

  it('rejects through pg, brings nothing down, and leaves no listener behind', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    pool.on('error', () => {});
    const client = fromPg(pool);
    await expect(lose(client)).rejects.toThrow();
    expect(await client.transaction((query) => query(`SELECT 'alive' AS state`, []))).toEqual([{ state: 'alive' }]);
    const seen: number[] = [];
    for (let k = 0; k < 3; k++) {
      await client.transaction(async (query) => query('SELECT 1', []));
      const held = await pool.connect();
      seen.push(held.listenerCount('error'));
      held.release();
    }
    expect(seen[2]).toBe(seen[0]);
    await pool.end();
  });

  it('rejects with the error of its function, also where rolling back fails', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    pool.on('error', () => {});
    const reason = new Error('mine');
    const lost = lose({
      ...fromPg(pool),
      transaction: (fn) =>
        fromPg(pool).transaction((query) =>
          fn(query).then(
            (value) => value,
            () => Promise.reject(reason),
          ),
        ),
    });
    await expect(lost).rejects.toBe(reason);
    await pool.end();
  });
});
