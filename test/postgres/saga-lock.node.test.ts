import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlClient, SqlQuery } from '../../src/postgres/index.ts';
import { fromPg, postgresSagaStore } from '../../src/postgres/index.ts';
import { createSagaRunner, semanticLock } from '../../src/saga/index.ts';
import { gate } from '../support/gate.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import { MOMENTS, reviseIn } from './lock-world.ts';
import { poolTo } from './saga-world.ts';

const { available } = postgresAvailability();

describe.skipIf(!available)('a semantic lock', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  let db: SqlClient;
  beforeAll(async () => {
    server = await startPostgres();
    pool = poolTo(server.url, 8);
    db = fromPg(pool);
    await semanticLock(db.query).init();
    await postgresSagaStore(db).init();
  }, 60_000);
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  const acquire = (key: string, id: string) => db.transaction((query) => semanticLock(query).acquire(key, id));
  const release = (key: string, id: string) => db.transaction((query) => semanticLock(query).release(key, id));

  /** How many sessions wait for another one's transaction, once it is one at least. */
  async function untilSomeoneWaits(): Promise<void> {
    for (;;) {
      const [row] = await server.query(
        `SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      if (Number(row!['n']) > 0) return;
    }
  }

  /** Runs `first` in a transaction, `second` meanwhile until it waits for that, and then lets the first one end. */
  async function whileOpen<T>(
    first: (query: SqlQuery) => PromiseLike<unknown>,
    second: () => Promise<T>,
    order: string[] = [],
    failure?: Error,
  ): Promise<PromiseSettledResult<T>> {
    const [began, goOn] = [gate(), gate()];
    const open = db
      .transaction(async (query) => {
        await first(query);
        began.open();
        await goOn.promise;
        order.push('first');
        if (failure) throw failure;
      })
      .catch((error: unknown) => expect(error).toBe(failure));
    await began.promise;
    const other = second().finally(() => order.push('second'));
    const settled = Promise.allSettled([other]);
    await untilSomeoneWaits();
    goOn.open();
    await open;
    return (await settled)[0]!;
  }

  it('has a release wait for the work of its own saga that asked for it again', async () => {
    await acquire('again', 'a');
    const order: string[] = [];
    const end = await whileOpen(
      (query) => semanticLock(query).acquire('again', 'a'),
      () => release('again', 'a'),
      order,
    );
    expect([order, end]).toEqual([['first', 'second'], { status: 'fulfilled', value: true }]);
  });

  it('goes to the second of two at the same moment where the first one rolls back, and is refused where it commits', async () => {
    const failure = new Error('rolled back');
    const take = (key: string) => (query: SqlQuery) => semanticLock(query).acquire(key, 'a');
    const free = await whileOpen(take('free'), () => acquire('free', 'b'), [], failure);
    expect(free.status).toBe('fulfilled');
    const taken = await whileOpen(take('taken'), () => acquire('taken', 'b'));
    expect(taken).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SAGA_LOCKED', holder: 'a' } });
  });

  it('refuses the call that is late by so little that its own release is under way', async () => {
    await acquire('late', 'a');
    const end = await whileOpen(
      (query) => semanticLock(query).release('late', 'a'),
      () => acquire('late', 'a'),
    );
    expect(end).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SAGA_REFUSED' } });
    const never = await whileOpen(
      (query) => semanticLock(query).release('never', 'a'),
      () => acquire('never', 'a'),
    );
    expect(never).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SAGA_REFUSED' } });
  });

  it('lets the work of a transaction that was refused go on', async () => {
    await acquire('busy', 'a');
    const rows = await db.transaction(async (query) => {
      await semanticLock(query)
        .acquire('busy', 'b')
        .catch(() => {});
      return query('SELECT 1::int AS one', []);
    });
    expect(rows).toEqual([{ one: 1 }]);
  });

  it.runIf(canRunTypeScript).each(MOMENTS)(
    'is its saga’s through the death of a process when it has just %s, and free in the end',
    async (moment) => {
      const [id, key] = [`saga ${moment}`, `key ${moment}`];
      const fixture = new URL('fixtures/lock-holder.ts', import.meta.url);
      const { signal } = await (await spawnScript(fixture, { args: [server.url, id, key, moment] })).exit;
      expect(signal).toBe('SIGKILL');
      // What had not committed is as if it had not been.
      const isHeld = moment === 'committed' || moment === 'released';
      const meanwhile = acquire(key, 'meanwhile');
      if (isHeld) await expect(meanwhile).rejects.toMatchObject({ holder: id });
      else await meanwhile;
      await release(key, 'meanwhile');
      const revise = reviseIn(db, () => {});
      await using runner = createSagaRunner({ store: postgresSagaStore(db), sagas: [revise], pollMs: 50 });
      void runner.work();
      await runner.handle(id).result();
      const lock = semanticLock(db.query);
      expect([await lock.peek(key), await lock.list(id)]).toEqual([undefined, []]);
      await expect(acquire(key, id)).rejects.toMatchObject({ code: 'ERR_SAGA_REFUSED' });
      await acquire(key, 'the next');
    },
    30_000,
  );
});
