import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { fromPg, fromPglite, fromPostgresJs, postgresWorkerLeaseStore } from '../../src/postgres/index.ts';
import type { SqlClient } from '../../src/postgres/index.ts';
import type { LeaseGrant } from '../../src/snowflake/index.ts';
import { storeContract } from '../snowflake/store-contract.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import { connectionTo, poolTo, usePostgres } from './postgres-suite.ts';

const { available } = postgresAvailability();
const request = { pool: 'ids', workerIds: 4, ttlMs: 60_000, coldStart: 'immediate' } as const;

describe.skipIf(!available)('postgresWorkerLeaseStore', () => {
  const suite = usePostgres();
  const { client } = suite;

  storeContract(() => postgresWorkerLeaseStore(client));

  it('makes its table when many ask for it at the same moment', async () => {
    await client.query('CREATE SCHEMA elsewhere', []);
    const stores = Array.from({ length: 8 }, () => postgresWorkerLeaseStore(client, { table: 'elsewhere.leases' }));
    const grants = await Promise.all(stores.map((store) => store.acquire({ ...request, workerIds: 64 })));
    const taken = grants.filter((grant) => grant !== null).map(({ workerId }) => workerId);
    expect(new Set(taken).size).toBe(8);
  });

  it('grants a worker id of a pool that somebody else has made between its own two statements', async () => {
    const first = postgresWorkerLeaseStore(client, { table: 'overtaken' });
    let overtaking: LeaseGrant | null | undefined;
    const second = postgresWorkerLeaseStore(
      {
        ...client,
        query: async (text, params) => {
          if (text.includes('INSERT')) overtaking ??= await first.acquire(request);
          return client.query(text, params);
        },
      },
      { table: 'overtaken' },
    );
    const grant = await second.acquire(request);
    expect([overtaking?.workerId, grant?.workerId]).toEqual([0, 1]);
  });

  it.each(['serializable', 'repeatable read'])('serves many at once where transactions are %s', async (isolation) => {
    const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`;
    const pool = new pg.Pool({ ...connectionTo(suite.server.port), options });
    const store = postgresWorkerLeaseStore(fromPg(pool));
    const grants = await Promise.all(
      Array.from({ length: 24 }, () => store.acquire({ ...request, pool: isolation, workerIds: 64 })),
    );
    expect(new Set(grants.map((grant) => grant?.workerId)).size).toBe(24);
    await pool.end();
  });

  it('takes a table that is not there for one that was lost: renewals fail, and leases start later', async () => {
    const store = postgresWorkerLeaseStore(client, { table: 'lost' });
    const before = (await store.acquire(request))!;
    const { workerId, fencingToken } = before;
    await client.query('DROP TABLE lost', []);
    expect(await store.renew({ pool: 'ids', workerId, fencingToken, ttlMs: 1000 })).toBeNull();
    const after = (await store.acquire({ ...request, coldStart: 'wait' }))!;
    expect(after.fromMs).toBeGreaterThanOrEqual(before.untilMs);
    expect(after.fencingToken).toBeGreaterThan(fencingToken);
    await client.query('TRUNCATE lost', []);
    expect((await store.acquire({ ...request, coldStart: 'wait' }))!.fromMs).toBeGreaterThanOrEqual(before.untilMs);
  });

  it.each(['pg', 'postgres.js'])(
    'answers the same through %s, and commits or rolls back a transaction',
    async (name) => {
      const sql = postgres({ ...connectionTo(suite.server.port, 2), onnotice: () => {} });
      try {
        await exercise(name === 'pg' ? client : fromPostgresJs(sql), `through_${name.replace('.', '_')}`);
      } finally {
        await sql.end();
      }
    },
  );

  it('settles within its deadline when the server swallows what it is sent', async () => {
    await using proxy = await startFaultProxy({ target: { port: suite.server.port } });
    const proxied = poolTo(proxy.port, 4);
    const store = postgresWorkerLeaseStore(fromPg(proxied), { timeoutMs: 300 });
    await store.acquire({ ...request, pool: 'proxied' });
    proxy.set({ blackHole: 'both' });
    const startMs = performance.now();
    const lost = { pool: 'proxied', workerId: 0, fencingToken: 1 };
    const calls = [store.acquire(request), store.renew({ ...lost, ttlMs: 1 }), store.release({ ...lost, untilMs: 1 })];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_STORE_TIMEOUT' } });
    }
    expect(performance.now() - startMs).toBeLessThan(1500);
    proxy.resetAll();
    await proxied.end();
  });

  it('refuses bad options by name', async () => {
    await expect(postgresWorkerLeaseStore(client).acquire({ ...request, workerIds: 65_537 })).rejects.toThrow(
      'workerIds must be',
    );
    expect(() => postgresWorkerLeaseStore({} as never)).toThrow('client must be a SqlClient');
    for (const table of ['', 'a b', 'x;DROP TABLE y', 'a.b.c', '"q"']) {
      expect(() => postgresWorkerLeaseStore(client, { table })).toThrow('table must be');
    }
    expect(() => postgresWorkerLeaseStore(client, { timeoutMs: 0 })).toThrow('timeoutMs must be');
  });
});

describe.skipIf(!available)('a grant', () => {
  it('outlives a crash of the server, also where commits are not waited for', async () => {
    // Half a minute between flushes: without a commit of its own a grant would be lost for sure.
    await using server = await startPostgres({ settings: { synchronous_commit: 'off', wal_writer_delay: '10000ms' } });
    const sql = postgres({ ...connectionTo(server.port, 1), onnotice: () => {} });
    try {
      const store = postgresWorkerLeaseStore(fromPostgresJs(sql));
      const before = (await store.acquire(request))!;
      const { workerId, fencingToken } = before;
      const untilMs = await store.renew({ pool: 'ids', workerId, fencingToken, ttlMs: 120_000 });
      await server.kill();
      await server.restart();
      const [row] = await server.query(
        `SELECT until_ms, fencing_token FROM holdfast_worker_leases WHERE worker_id = ${workerId}`,
      );
      expect(row).toEqual({ until_ms: String(untilMs), fencing_token: String(fencingToken) });
    } finally {
      await sql.end({ timeout: 0 });
    }
  }, 60_000);
});

describe('fromPglite', () => {
  it('answers as the server does, and commits or rolls back a transaction', async () => {
    const db = new PGlite();
    await exercise(fromPglite(db), 'embedded');
    await db.close();
  }, 60_000);
});

async function exercise(client: SqlClient, table: string): Promise<void> {
  const store = postgresWorkerLeaseStore(client, { table, timeoutMs: 20_000 });
  const grant = (await store.acquire(request))!;
  expect(grant).toMatchObject({ workerId: 0, fromMs: 0, untilMs: grant.nowMs + 60_000 });
  const { workerId, fencingToken } = grant;
  expect(await store.renew({ pool: 'ids', workerId, fencingToken, ttlMs: 90_000 })).toBeGreaterThan(grant.untilMs);
  await store.release({ pool: 'ids', workerId, fencingToken, untilMs: grant.nowMs });
  const count = async (): Promise<unknown> =>
    (await client.query(`SELECT count(*)::text AS n FROM ${table}`, []))[0]!['n'];
  expect(await count()).toBe('4');
  const remove = (id: number) => [`DELETE FROM ${table} WHERE worker_id = $1::int`, [id]] as const;
  const kept = await client.transaction(async (query) => {
    await query(...remove(1));
    return [1, 2];
  });
  expect([kept, await count()]).toEqual([[1, 2], '3']);
  const reason = new Error('no');
  await expect(
    client.transaction(async (query) => {
      await query(...remove(2));
      throw reason;
    }),
  ).rejects.toBe(reason);
  expect(await count()).toBe('3');
}
