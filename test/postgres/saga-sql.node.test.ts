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

  it('refuses a write that was overtaken by a takeover, whichever of the two waits for the other', async () => {
    const store = postgresSagaStore(client);
    for (let round = 0; round < 20; round++) {
      const ids = [`race-${round}`, `race-${round}-b`];
      const [first, heir] = [await store.enlist(60_000), await store.enlist(60_000)];
      await store.create(
        first,
        ids.map((id) => ({ id, name: 'race', version: 1, input: '1' })),
      );
      await store.retire(first);
      const claim = {
        worker: heir,
        definitions: [{ name: 'race', version: 1 }],
        limit: 9,
        suspects: 0,
        suspectAfter: 9,
        ids,
        held: undefined,
        isStuck: false,
      };
      const [written, claimed] = await Promise.all([
        round % 2
          ? store.write(
              first,
              ids.map((id) => write(id, { entries: [entry('a')] })),
            )
          : store.write(first, [write(ids[0]!, { entries: [entry('a')] })]),
        store.claim(claim),
      ]);
      for (const { record, log } of claimed) {
        const k = ids.indexOf(record.id);
        // What the heir has read is all that the first one has written.
        expect((await store.load(record.id))!.log.length).toBe(log.length);
        if (k < written.length) expect(log.length).toBe(written[k] ? 1 : 0);
      }
    }
  });

  it('misses no event that comes in the middle of a batch of writes', async () => {
    const store = postgresSagaStore(client);
    const worker = await store.enlist(60_000);
    for (let round = 0; round < 30; round++) {
      const ids = [`event-${round}-a`, `event-${round}-b`];
      await store.create(
        worker,
        ids.map((id) => ({ id, name: 'event', version: 1, input: '1' })),
      );
      await Promise.all([
        store.signal(ids[1]!, { name: 'paid', payload: '1' }),
        store.write(
          worker,
          ids.map((id) => write(id, { entries: [entry('wait')], releaseAfterMs: Infinity })),
        ),
      ]);
      const records = await store.get(ids);
      const wakes = new Map(records.map(({ id, wakeAtMs, signals }) => [id, [signals, wakeAtMs === null]]));
      expect(wakes).toEqual(
        new Map([
          [ids[0], [0, true]],
          [ids[1], [1, false]],
        ]),
      );
    }
  });

  it('takes a write that arrives long after its repetition for done, whatever came since', async () => {
    const store = postgresSagaStore(client);
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ id: 'late', name: 'late', version: 1, input: '1' }]);
    const first = write('late', { entries: [entry('a')], outbox: [event('late', 'late#1')] });
    const quiet = write('late', { seq: 1, isCancellable: false });
    const last = write('late', { seq: 1, entries: [entry('b')], status: 'completed', releaseAfterMs: Infinity });
    for (const each of [first, quiet, last]) expect(await store.write(worker, [each])).toEqual([true]);
    const before = (await store.get(['late']))[0];
    for (const each of [first, last, quiet]) {
      await store.write(worker, [each]);
      await store.write(worker, [each, write('late-none', { entries: [entry('x')] })]);
    }
    expect((await store.get(['late']))[0]).toEqual(before);
    expect((await store.load('late'))!.log.map(({ path }) => path)).toEqual(['a', 'b']);
    expect((await store.outbox(10_000)).filter(({ sagaId }) => sagaId === 'late').length).toBe(1);
    expect(await store.write(worker, [write('late', { seq: 3, entries: [entry('gap')] })])).toEqual([false]);
  });

  it('takes a quiet write that arrives late for stale: it neither turns a saga round nor revives it', async () => {
    const store = postgresSagaStore(client);
    const worker = await store.enlist(60_000);
    await store.create(
      worker,
      ['turned', 'ended'].map((id) => ({ id, name: 'quiet', version: 1, input: '1' })),
    );
    // Sent before the entries, arrives after them.
    const late = write('turned', { isCancellable: false });
    await store.write(worker, [write('turned', { entries: [entry('a')], status: 'compensating' })]);
    expect(await store.write(worker, [late])).toEqual([true]);
    expect((await store.get(['turned']))[0]).toMatchObject({ status: 'compensating', isCancellable: true });
    // A saga without an entry has ended, and then hears of itself again.
    const end = write('ended', { status: 'compensated', releaseAfterMs: Infinity });
    expect(await store.write(worker, [end])).toEqual([true]);
    const { finishedAtMs } = (await store.get(['ended']))[0]!;
    expect(await store.write(worker, [end])).toEqual([true]);
    await store.write(worker, [write('ended')]);
    expect((await store.get(['ended']))[0]).toMatchObject({ status: 'compensated', finishedAtMs, worker: null });
  });

  it('refuses a write that would leave a gap in the log, alone and in a batch', async () => {
    const store = postgresSagaStore(client);
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ id: 'gap', name: 'gap', version: 1, input: '1' }]);
    const gap = write('gap', { seq: 1, entries: [entry('b')] });
    expect(await store.write(worker, [gap])).toEqual([false]);
    expect(await store.write(worker, [gap, write('gap-none')])).toEqual([false, false]);
    expect((await store.load('gap'))!.log).toEqual([]);
  });

  it('never takes back that a signal was seen', async () => {
    const store = postgresSagaStore(client);
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ id: 'seen', name: 'seen', version: 1, input: '1' }]);
    await store.signal('seen', { name: 'paid', payload: '1' });
    await store.write(worker, [write('seen', { seenSignals: 1, entries: [entry('a')] })]);
    await store.write(worker, [write('seen', { seq: 1, entries: [entry('b')], status: 'compensating' })]);
    expect(await store.renew(worker, 60_000)).toEqual([]);
  });

  it('gives other sagas while one is locked by a transaction that takes its time', async () => {
    const store = postgresSagaStore(client);
    const [dead, heir] = [await store.enlist(60_000), await store.enlist(60_000)];
    await store.create(
      dead,
      ['locked', 'free'].map((id) => ({ id, name: 'skip', version: 1, input: '1' })),
    );
    await store.atomic(dead, { id: 'locked', fence: 1, seq: 0 }, async () => {
      await store.retire(dead);
      const claimed = await store.claim({
        worker: heir,
        definitions: [{ name: 'skip', version: 1 }],
        limit: 9,
        suspects: 9,
        suspectAfter: 9,
        ids: undefined,
        held: undefined,
        isStuck: false,
      });
      expect(claimed.map(({ record }) => record.id)).toEqual(['free']);
      return write('locked', { entries: [entry('a')] });
    });
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
