import type pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresJsLike, SqlClient, SqlQuery } from '../../src/postgres/index.ts';
import { fromPg, fromPostgresJs, postgresSagaStore } from '../../src/postgres/index.ts';
import type { SagaWrite } from '../../src/saga/index.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { poolTo } from './saga-world.ts';

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
    const pool = poolTo(server.url, 1);
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
    const pool = poolTo(server.url, 1);
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

describe.skipIf(!available)('a transaction that has ended', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
    await server.query('CREATE TABLE late (text text)');
  }, 60_000);
  afterAll(() => server?.stop());

  const insert = (query: SqlQuery, text: string): PromiseLike<unknown> =>
    query('INSERT INTO late VALUES ($1::text)', [text]);

  async function refusesAfterwards(client: SqlClient): Promise<void> {
    let kept: SqlQuery | undefined;
    const keep = async (query: SqlQuery): Promise<void> => {
      kept = query;
      await query('SELECT 1', []);
    };
    await client.transaction(keep);
    await expect(insert(kept!, 'after the commit')).rejects.toMatchObject({ code: 'ERR_STORE_FAULT' });
    const failing = client.transaction(async (query) => {
      await keep(query);
      throw new Error('mine');
    });
    await expect(failing).rejects.toThrow('mine');
    await expect(insert(kept!, 'after the rollback')).rejects.toMatchObject({ code: 'ERR_STORE_FAULT' });
  }

  it('refuses what its function still sends, through pg and postgres.js', async () => {
    const pool = poolTo(server.url, 1);
    await refusesAfterwards(fromPg(pool));
    await pool.end();
    const sql = postgres(server.url, { max: 1 });
    await refusesAfterwards(fromPostgresJs(sql as unknown as PostgresJsLike));
    await sql.end();
    expect(await server.query('SELECT * FROM late')).toEqual([]);
  });

  it('refuses an atomic step that was left behind, whatever the client lets pass', async () => {
    const pool = poolTo(server.url, 1);
    const queryOf =
      (runner: Pick<pg.Pool, 'query'>): SqlQuery =>
      async (text, params) =>
        (await runner.query(text, [...params])).rows;
    const client: SqlClient = {
      query: queryOf(pool),
      transaction: async (fn) => {
        const held = await pool.connect();
        await held.query('BEGIN');
        const end = (verb: string) => held.query(verb).finally(() => held.release());
        const result = await fn(queryOf(held)).then(
          (value) => value,
          (error: unknown) => end('ROLLBACK').then(() => Promise.reject(error)),
        );
        await end('COMMIT');
        return result;
      },
    };
    const store = postgresSagaStore(client);
    await store.init();
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ id: 'one', name: 'late', version: 1, input: 'null' }]);
    let kept: SqlQuery | undefined;
    // As a step that has lost its lease: the runner goes on, and the step does not know yet.
    const leaving = store.atomic(worker, { id: 'one', fence: 1, seq: 0 }, async (tx): Promise<SagaWrite> => {
      kept = tx;
      await insert(tx, 'within');
      throw new Error('lost');
    });
    await expect(leaving).rejects.toThrow('lost');
    await expect(insert(kept!, 'left behind')).rejects.toMatchObject({ code: 'ERR_STORE_FAULT' });
    await pool.end();
    expect(await server.query('SELECT * FROM late')).toEqual([]);
  });
});
