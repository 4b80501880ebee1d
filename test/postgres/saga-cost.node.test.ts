import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type pg from 'pg';
import type { SqlClient } from '../../src/postgres/index.ts';
import { fromPg, postgresSagaStore } from '../../src/postgres/index.ts';
import type { SagaWrite } from '../../src/saga/index.ts';
import { createSagaRunner, saga } from '../../src/saga/index.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { poolTo, watched } from './saga-world.ts';

const { available } = postgresAvailability();

const five = ['a', 'b', 'c', 'd', 'e'].reduce(
  (def, name) => def.step(name, { run: () => name, compensate: () => {} }),
  saga<number>('five') as never as ReturnType<typeof oneMore>,
);

function oneMore() {
  return saga<number>('five').step('a' as string, { run: () => 'a' as string, compensate: () => {} });
}

describe.skipIf(!available)('statements of sagas in PostgreSQL', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  let client: SqlClient;
  let statements: string[] = [];
  beforeAll(async () => {
    server = await startPostgres();
    pool = poolTo(server.url, 8);
    client = watched(
      pool,
      (text) => statements.push(text),
      () => {},
    );
  }, 60_000);
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });
  beforeEach(() => postgresSagaStore(client).init());
  afterEach(() => server.query('DROP SCHEMA IF EXISTS holdfast CASCADE'));

  const runnerOf = (options: object = {}) =>
    createSagaRunner({ store: postgresSagaStore(client), sagas: [five], pollMs: 60_000, ...options });

  it('are one for the start of a saga and one for each of its steps', async () => {
    await using runner = runnerOf();
    await runner.recover();
    statements = [];
    const handle = await runner.start(five, 1, { id: 'one' });
    await handle.result();
    expect(statements.map((text) => /saga_(\w+)/.exec(text)![1])).toEqual([
      'start',
      'step',
      'step',
      'step',
      'step',
      'step',
    ]);
  });

  it('are shared by sagas that run at the same time', async () => {
    await using runner = runnerOf();
    await runner.recover();
    statements = [];
    await Promise.all(
      Array.from({ length: 200 }, async (_, k) => (await runner.start(five, k, { id: `many-${k}` })).result()),
    );
    expect(statements.length).toBeLessThanOrEqual(200);
    const [row] = await server.query(`SELECT count(*) AS n FROM holdfast.saga_log`);
    expect(Number(row!['n'])).toBe(1000);
  });

  it('take up a saga of a thousand steps with two', async () => {
    const store = postgresSagaStore(client);
    const dead = await store.enlist(60_000);
    await store.create(dead, [{ id: 'long', name: 'long', version: 1, input: '1' }]);
    const items = Array.from({ length: 1000 }, (_, k) => k);
    const entries = items
      .slice(0, 999)
      .map((k) => ({ type: 'completed', path: `s${k}`, attempt: 1, data: `${k}` }) as const);
    const write = {
      id: 'long',
      fence: 1,
      seq: 0,
      entries,
      outbox: [],
      status: 'running',
      isCancellable: true,
      seenSignals: 0,
      releaseAfterMs: undefined,
    } as const satisfies SagaWrite;
    expect(await store.write(dead, [write])).toEqual([true]);
    await store.retire(dead);
    let calls = 0;
    const long = items.reduce(
      (def, k) => def.step(`s${k}`, { run: () => ++calls }),
      saga<number>('long') as never as ReturnType<typeof oneMore>,
    );
    await using runner = createSagaRunner({ store, sagas: [long], pollMs: 60_000 });
    await runner.get('long');
    statements = [];
    const [handle] = await runner.recover();
    await handle!.result();
    const all = statements.map((text) => /saga_(\w+)/.exec(text)![1]);
    // Where it ends before its result is asked for, that is read from the store.
    const verbs = all.slice(0, all.indexOf('write') + 1);
    // What a worker says of itself whatever it takes up, a heartbeat on a slow machine among it, does not count.
    const own = ['enlist', 'strangers', 'renew', 'news'];
    expect(verbs.filter((verb) => !own.includes(verb!))).toEqual(['claim', 'write']);
    expect(calls).toBe(1);
  });

  it('of a worker with nothing to do are three a second at most, and a heartbeat is one, whatever it owns', async () => {
    const wait = saga<number>('wait').sleep('long', 86_400_000);
    const store = postgresSagaStore(client);
    await using runner = createSagaRunner({ store, sagas: [five, wait], heartbeatMs: 500, leaseMs: 5000 });
    await Promise.all(
      Array.from({ length: 50 }, async (_, k) => (await runner.start(wait, k, { id: `wait-${k}` })).created),
    );
    while ((await server.query('SELECT 1 FROM holdfast.saga WHERE worker IS NOT NULL')).length > 0);
    statements = [];
    // Real time: a second of rest is what is counted.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(statements.length).toBeGreaterThan(2);
    expect(statements.length).toBeLessThanOrEqual(2 * (3 + 2));
    expect(statements.filter((text) => text.includes('saga_renew')).length).toBeLessThanOrEqual(4);
  });

  it('read by indexes, also those whose plans were made while the tables were empty', async () => {
    const alone = poolTo(server.url, 1);
    const store = postgresSagaStore(fromPg(alone));
    await using runner = createSagaRunner({ store, sagas: [five], pollMs: 20, heartbeatMs: 20 });
    await Promise.all(
      Array.from({ length: 400 }, async (_, k) => (await runner.start(five, k, { id: `seq-${k}` })).result()),
    );
    const scans = async (): Promise<unknown> => {
      await alone.query('SELECT pg_stat_force_next_flush()');
      const { rows } = await alone.query(
        `SELECT relname, seq_scan::int FROM pg_stat_user_tables WHERE schemaname = 'holdfast' AND relname IN ('saga', 'saga_log') ORDER BY 1`,
      );
      return rows;
    };
    const before = await scans();
    await Promise.all(
      Array.from({ length: 400 }, async (_, k) => (await runner.start(five, k, { id: `later-${k}` })).result()),
    );
    await runner.cancel('seq-1');
    await runner.recover();
    expect(await scans()).toEqual(before);
    await runner.close();
    await alone.end();
  });

  it('leave the row of a saga as it is until something of it changes, and renew leases in place', async () => {
    const alone = poolTo(server.url, 1);
    const store = postgresSagaStore(fromPg(alone));
    await using runner = createSagaRunner({ store, sagas: [five], pollMs: 60_000, leaseMs: 60_000, heartbeatMs: 5 });
    for (let k = 0; k < 20; k++) await (await runner.start(five, k, { id: `hot-${k}` })).result();
    await runner.close();
    await alone.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await alone.query(
      `SELECT relname, n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE schemaname = 'holdfast'`,
    );
    const of = (name: string) => rows.find(({ relname }) => relname === name) as { updates: number; hot: number };
    expect(of('saga').updates).toBe(20);
    expect(of('saga_worker').updates).toBeGreaterThan(1);
    expect(of('saga_worker').hot).toBe(of('saga_worker').updates);
    await alone.end();
  });
});
