import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import type { SqlClient } from '../../src/postgres/index.ts';
import { fromPg, postgresSagaStore } from '../../src/postgres/index.ts';
import type { SagaWrite } from '../../src/saga/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { poolTo, watched } from './saga-world.ts';

const { available } = postgresAvailability();

function write(id: string, part: Partial<SagaWrite> = {}): SagaWrite {
  const none = { entries: [], outbox: [], status: 'running', isCancellable: true, seenSignals: 0 } as const;
  return { id, fence: 1, seq: 0, releaseAfterMs: undefined, ...none, ...part };
}

const entry = (path: string) => ({ type: 'completed', path, attempt: 1, data: null }) as const;
const event = (sagaId: string, id: string) => ({ id, sagaId, topic: 't', payload: '1' });

describe.skipIf(!available)('postgresSagaStore', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  let client: SqlClient;
  beforeAll(async () => {
    server = await startPostgres();
    pool = poolTo(server.url, 20);
    client = fromPg(pool);
    await postgresSagaStore(client).init();
  }, 60_000);
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  it('refuses bad options by their names, and sends nothing until the first call', () => {
    const silent: SqlClient = {
      query: () => {
        throw new Error('sent');
      },
      transaction: () => {
        throw new Error('sent');
      },
    };
    postgresSagaStore(silent);
    expect(() => postgresSagaStore({} as never)).toThrow('client must be a SqlClient');
    for (const schema of ['', 'A', 'a b', 'a.b', 'x;DROP', '1a']) {
      expect(() => postgresSagaStore(silent, { schema })).toThrow('schema must be');
    }
    for (const timeoutMs of [0, Number.NaN])
      expect(() => postgresSagaStore(silent, { timeoutMs })).toThrow('timeoutMs must be');
    for (const idleInTransactionMs of [0, 2 ** 31]) {
      expect(() => postgresSagaStore(silent, { idleInTransactionMs })).toThrow('idleInTransactionMs must be');
    }
  });

  it('makes its tables when many ask for them at the same moment, and then only looks', async () => {
    const stores = Array.from({ length: 8 }, () => postgresSagaStore(client, { schema: 'elsewhere' }));
    await Promise.all(stores.map((store) => store.init()));
    const worker = await stores[0]!.enlist(60_000);
    await stores[1]!.create(worker, [{ id: 'x', name: 'n', version: 1, input: '1' }]);
    // A writer in the middle of a transaction is in nobody's way.
    await stores[0]!.atomic(worker, { id: 'x', fence: 1, seq: 0 }, async () => {
      const sent: string[] = [];
      await postgresSagaStore(
        watched(
          pool,
          (text) => sent.push(text),
          () => {},
        ),
        { schema: 'elsewhere' },
      ).init();
      expect(sent.length).toBe(2);
      expect(sent.every((text) => text.startsWith('SELECT'))).toBe(true);
      return write('x', { entries: [entry('a')] });
    });
  });

  it('needs no right to make schemas where an operator has made the schema', async () => {
    await server.query(
      `CREATE ROLE small LOGIN; CREATE SCHEMA theirs AUTHORIZATION small; REVOKE CREATE ON DATABASE postgres FROM PUBLIC`,
    );
    const small = poolTo(server.url.replace('postgres@', 'small@'), 2);
    const store = postgresSagaStore(fromPg(small), { schema: 'theirs' });
    await store.init();
    expect(await store.load('none')).toBeUndefined();
    await small.end();
  });

  it('shows no event of the outbox that one still uncommitted could come before', async () => {
    const store = postgresSagaStore(client);
    const worker = await store.enlist(60_000);
    await store.create(
      worker,
      ['slow', 'fast'].map((id) => ({ id, name: 'outbox', version: 1, input: '1' })),
    );
    const mine = async (): Promise<string[]> =>
      (await store.outbox(10_000)).filter(({ sagaId }) => sagaId === 'slow' || sagaId === 'fast').map(({ id }) => id);
    await store.atomic(worker, { id: 'slow', fence: 1, seq: 0 }, async (tx) => {
      // Has its place before the one of the other, which commits first.
      await tx(
        `INSERT INTO holdfast.saga_outbox (id, saga_id, topic, payload) VALUES ('slow#0', 'slow', 't', '1')`,
        [],
      );
      await store.write(worker, [write('fast', { entries: [entry('a')], outbox: [event('fast', 'fast#1')] })]);
      expect(await mine()).toEqual([]);
      return write('slow', { entries: [entry('a')], outbox: [event('slow', 'slow#1')] });
    });
    expect(await mine()).toEqual(['slow#0', 'fast#1', 'slow#1']);
  });

  it('lets a repetition of an atomic step wait for the commit whose answer was lost', async () => {
    const store = postgresSagaStore(client);
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ id: 'twice', name: 'twice', version: 1, input: '1' }]);
    const where = { id: 'twice', fence: 1, seq: 0 };
    let second: PromiseLike<string> | undefined;
    const first = store.atomic(worker, where, async () => {
      second = store.atomic(worker, where, () => Promise.reject(new Error('must not be called')));
      const isWaiting = async (): Promise<boolean> =>
        (
          await server.query(
            `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%saga_take%'`,
          )
        ).length > 0;
      while (!(await isWaiting()));
      return write('twice', { entries: [entry('a')] });
    });
    expect(await first).toBe('written');
    expect(await second).toBe('present');
  });

  it('settles within its deadline when the server swallows what it is sent, and lets atomic steps take their time', async () => {
    await using proxy = await startFaultProxy({ target: { port: server.port } });
    const far = poolTo(`postgresql://postgres@127.0.0.1:${proxy.port}/postgres`, 30);
    const store = postgresSagaStore(fromPg(far), { timeoutMs: 300 });
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ id: 'hole', name: 'hole', version: 1, input: '1' }]);
    const where = { id: 'hole', fence: 1, seq: 0 };
    await store.atomic(worker, where, async (tx) => {
      await tx('SELECT pg_sleep(0.5)::text', []);
      return write('hole', { entries: [entry('a')] });
    });
    proxy.set({ blackHole: 'both' });
    const startMs = performance.now();
    const calls = [
      store.enlist(1000),
      store.renew(worker, 1000),
      store.retire(worker),
      store.write(worker, [write('hole', { seq: 1, entries: [entry('b')] })]),
      store.load('hole'),
      store.signal('hole', { name: 'x', payload: '1' }),
      store.outbox(10),
      store.atomic(worker, { ...where, seq: 1 }, async () => write('hole', { seq: 1, entries: [entry('b')] })),
    ];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_STORE_TIMEOUT' } });
    }
    expect(performance.now() - startMs).toBeLessThan(2000);
    proxy.resetAll();
    await far.end();
  });

  it('forgets workers that died a week ago and own nothing, and no other', async () => {
    const store = postgresSagaStore(client);
    const [owner, idle, recent] = [await store.enlist(60_000), await store.enlist(60_000), await store.enlist(60_000)];
    await store.create(owner, [{ id: 'owned', name: 'owned', version: 1, input: '1' }]);
    for (const worker of [owner, idle, recent]) await store.retire(worker);
    await server.query(
      `UPDATE holdfast.saga_worker SET until_ms = until_ms + 8 * 86400000 WHERE name IN ('${owner}', '${idle}')`,
    );
    await store.enlist(60_000);
    const left = (await server.query('SELECT name FROM holdfast.saga_worker')).map(({ name }) => name);
    expect([owner, idle, recent].map((worker) => left.includes(worker))).toEqual([true, false, true]);
  });
});
