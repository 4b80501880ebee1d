import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type pg from 'pg';
import type { SqlClient } from '../../src/postgres/index.ts';
import { fromPg, postgresSagaStore } from '../../src/postgres/index.ts';
import type { ClaimQuery, SagaWrite } from '../../src/saga/index.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { poolTo } from './saga-world.ts';

const { available } = postgresAvailability();

function write(id: string, part: Partial<SagaWrite> = {}): SagaWrite {
  const none = { entries: [], outbox: [], status: 'running', isCancellable: true, seenSignals: 0 } as const;
  return { id, fence: 1, seq: 0, releaseAfterMs: undefined, ...none, ...part };
}

const entry = (path: string) => ({ type: 'completed', path, attempt: 1, data: null }) as const;
const claimOf = (worker: string, name: string): ClaimQuery => ({
  worker,
  definitions: [{ name, version: 1 }],
  limit: 9,
  suspects: 0,
  suspectAfter: 9,
  ids: undefined,
  held: undefined,
  isStuck: false,
});
const event = (sagaId: string, id: string) => ({ id, sagaId, topic: 't', payload: '1' });

describe.skipIf(!available)('a write of postgresSagaStore', () => {
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

  it.each(['alone', 'in a batch'])(
    'refuses a write with the fence of an earlier term of the same worker, %s',
    async (how) => {
      const store = postgresSagaStore(client);
      const worker = await store.enlist(60_000);
      const ids = [`term ${how}`, `term ${how} too`];
      await store.create(
        worker,
        ids.map((id) => ({ id, name: how, version: 1, input: '1' })),
      );
      expect((await store.claim({ ...claimOf(worker, how), held: [] })).map(({ record }) => record.fence)).toEqual([
        2, 2,
      ]);
      const writes = ids.map((id) => write(id, { entries: [entry('a')] })).slice(0, how === 'alone' ? 1 : 2);
      expect(await store.write(worker, writes)).toEqual(writes.map(() => false));
      expect((await store.load(ids[0]!))!.log).toEqual([]);
    },
  );

  it.each(['alone', 'in a batch'])('keeps a saga from being taken until its write is committed, %s', async (how) => {
    const store = postgresSagaStore(client);
    const [first, heir] = [await store.enlist(60_000), await store.enlist(60_000)];
    const ids = [`open ${how}`, `open ${how} too`].slice(0, how === 'alone' ? 1 : 2);
    await store.create(
      first,
      ids.map((id) => ({ id, name: how, version: 1, input: '1' })),
    );
    await store.retire(first);
    const writes = ids.map((id) => write(id, { entries: [entry('a')] }));
    await client.transaction(async (query) => {
      expect(await postgresSagaStore({ ...client, query }).write(first, writes)).toEqual(ids.map(() => true));
      expect(await store.claim(claimOf(heir, how))).toEqual([]);
    });
    expect((await store.claim(claimOf(heir, how))).map(({ log }) => log.length)).toEqual(ids.map(() => 1));
  });

  it.each(['alone', 'in a batch'])('refuses a write that had to wait for a takeover, %s', async (how) => {
    const store = postgresSagaStore(client);
    const [first, heir] = [await store.enlist(60_000), await store.enlist(60_000)];
    const name = `wait ${how}`;
    const ids = [name, `${name} too`].slice(0, how === 'alone' ? 1 : 2);
    await store.create(
      first,
      ids.map((id) => ({ id, name, version: 1, input: '1' })),
    );
    await store.retire(first);
    let written: PromiseLike<readonly boolean[]> | undefined;
    await client.transaction(async (query) => {
      const taken = await postgresSagaStore({ ...client, query }).claim(claimOf(heir, name));
      expect(taken.length).toBe(ids.length);
      let isSettled = false;
      const sent = store.write(
        first,
        ids.map((id) => write(id, { entries: [entry('a')] })),
      );
      written = sent.then((verdicts) => {
        isSettled = true;
        return verdicts;
      });
      const isWaiting = async (): Promise<boolean> =>
        (
          await server.query(
            `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%saga_step%' OR wait_event_type = 'Lock' AND query LIKE '%saga_write%'`,
          )
        ).length > 0;
      while (!isSettled && !(await isWaiting()));
    });
    expect(await written).toEqual(ids.map(() => false));
    expect((await store.load(name))!.log).toEqual([]);
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
});
