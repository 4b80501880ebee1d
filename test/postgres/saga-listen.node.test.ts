import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SqlListen } from '../../src/postgres/index.ts';
import {
  fromPg,
  fromPglite,
  listenPg,
  listenPglite,
  listenPostgresJs,
  postgresSagaStore,
} from '../../src/postgres/index.ts';
import type { SagaEvent } from '../../src/saga/index.ts';
import { createSagaRunner, saga } from '../../src/saga/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import { poolTo } from './saga-world.ts';

const { available } = postgresAvailability();

/** Polls and heartbeats are this far apart: whatever is seen before was notified. */
const FAR_MS = 600_000;

const wait = saga('wait').event('paid');
const slow = saga('slow').step('a', {
  run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
});
const nap = saga('nap').sleep('s', 2 * FAR_MS);
const sagas = [wait, slow, nap];

function terms(events: string[]) {
  const onEvent = ({ type }: SagaEvent): void => void events.push(type);
  return { sagas, leaseMs: 2 * FAR_MS, heartbeatMs: FAR_MS, pollMs: FAR_MS, onEvent };
}

async function until(isTrue: () => unknown): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setImmediate(resolve));
}

describe.skipIf(!available || !canRunTypeScript)('wake-ups through PostgreSQL', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    server = await startPostgres();
    pool = poolTo(server.url, 8);
    await postgresSagaStore(fromPg(pool)).init();
  }, 60_000);
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await server.query('TRUNCATE holdfast.saga, holdfast.saga_log, holdfast.saga_signal, holdfast.saga_worker');
  });
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  const viaPg = (): SqlListen => listenPg(() => new pg.Client(server.url), { retryMs: 10 });
  const listeners: Readonly<Record<string, () => SqlListen>> = {
    pg: viaPg,
    'postgres.js': () => {
      const sql = postgres(server.url, { max: 1, onnotice: () => {} });
      ends.push(() => sql.end());
      return listenPostgresJs(sql);
    },
  };

  function runnerOf(listen: SqlListen | undefined, events: string[] = []) {
    const runner = createSagaRunner({ store: postgresSagaStore(fromPg(pool), { listen }), ...terms(events) });
    ends.unshift(() => runner.close({ graceMs: 0 }));
    return runner;
  }

  const isListening = async (): Promise<boolean> =>
    (await server.query(`SELECT FROM pg_stat_activity WHERE query ILIKE 'listen%holdfast_saga%'`)).length > 0;
  const send = (...args: string[]) =>
    spawnScript(new URL('fixtures/saga-signal.ts', import.meta.url), { args: [server.url, ...args] });

  it.each(Object.keys(listeners))(
    'has an event that another process sends seen far below `pollMs`, through %s',
    async (name) => {
      const events: string[] = [];
      const runner = runnerOf(listeners[name]!(), events);
      const handle = await runner.start(wait, undefined, { id: 'x' });
      await until(() => events.includes('waiting'));
      await until(isListening);
      await (
        await send('x', 'paid')
      ).exit;
      expect(await handle.result()).toEqual({ paid: 'from elsewhere' });
    },
    30_000,
  );

  it('has a running step hear far below a heartbeat that another process has cancelled its saga', async () => {
    const runner = runnerOf(viaPg());
    const cancelled = (await runner.start(slow, undefined, { id: 'x' })).result();
    cancelled.catch(() => undefined);
    await until(isListening);
    await (
      await send('x')
    ).exit;
    await expect(cancelled).rejects.toMatchObject({ cause: { code: 'ERR_SAGA_CANCELLED', reason: 'why' } });
  }, 30_000);

  it('has others take up at once what a process lets go of when it closes, and what missed an event before it waited', async () => {
    const events: string[] = [];
    const listening = runnerOf(viaPg(), events);
    await listening.recover();
    await until(isListening);
    const leaving = runnerOf(undefined);
    await leaving.start(slow, undefined, { id: 'x' });
    await leaving.close({ graceMs: 0 });
    await until(() => events.includes('resumed'));
    expect((await listening.get('x'))!.fence).toBeGreaterThan(1);
    const store = postgresSagaStore(fromPg(pool));
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ id: 'y', name: 'wait', version: 1, input: '{"$undefined":0}' }]);
    await store.signal('y', { name: 'paid', payload: '1' });
    const none = { seq: 0, entries: [], outbox: [], isCancellable: true, seenSignals: 0 } as const;
    await store.write(worker, [{ id: 'y', fence: 1, status: 'running', ...none, releaseAfterMs: Infinity }]);
    expect(await listening.handle('y').result()).toEqual({ paid: 1 });
  }, 30_000);

  it('notifies nobody for steps, sleeps and ends, nor for anything while nobody listens', async () => {
    const heard: string[] = [];
    const client = new pg.Client(server.url);
    await client.connect();
    ends.push(() => client.end());
    client.on('error', () => {});
    client.on('notification', ({ payload }) => heard.push(payload!));
    await client.query('LISTEN holdfast_saga');
    const runner = runnerOf(undefined);
    const paid = await runner.start(wait, undefined, { id: 'x' });
    // What comes before a saga has let go of its worker is told to all when it does so, and then somebody may listen.
    await until(async () => (await runner.get('x'))!.worker === null);
    await runner.signal('x', 'paid', 1);
    expect(await paid.result()).toEqual({ paid: 1 });
    const listening = runnerOf(viaPg());
    const steps = await listening.start(nap, undefined, { id: 'y' });
    await until(async () => (await listening.get('y'))!.worker === null);
    expect(heard).toEqual([]);
    await listening.cancel('y');
    await expect(steps.result()).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED' });
    // Notifications come in order: nothing is under way before this one.
    await client.query(`NOTIFY holdfast_saga, 'last'`);
    await until(() => heard.includes('last'));
    expect(heard).toEqual(['', 'last']);
  }, 30_000);

  it('comes back after its connection was lost, and asks for what it may have missed', async () => {
    const events: string[] = [];
    const runner = runnerOf(viaPg(), events);
    const handle = await runner.start(wait, undefined, { id: 'x' });
    await until(() => events.includes('waiting'));
    await until(isListening);
    // Past the functions that notify: only what it asks after the loss can find this.
    await server.query(
      `INSERT INTO holdfast.saga_signal SELECT no, 'paid', '7' FROM holdfast.saga;
       UPDATE holdfast.saga SET signals = 1, wake_at_ms = 0;
       SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'listen%'`,
    );
    expect(await handle.result()).toEqual({ paid: 7 });
  }, 30_000);

  it('that cannot be had holds up nothing', async () => {
    const events: string[] = [];
    const failing = runnerOf(() => Promise.reject(new Error('no connection is left')), events);
    const never = runnerOf(() => new Promise(() => {}), events);
    for (const runner of [failing, never]) {
      const id = events.length === 0 ? 'x' : 'y';
      const handle = await runner.start(wait, undefined, { id });
      await runner.signal(id, 'paid', 1);
      expect(await handle.result()).toEqual({ paid: 1 });
      await runner.close();
    }
    expect(events.filter((type) => type === 'store-fault').length).toBeGreaterThan(0);
  }, 30_000);
});

describe('listenPg', () => {
  it('tries again until it has a connection, and ends with none and no timer', async () => {
    const clock = createVirtualClock();
    let fails = true;
    const clients: { ends: number; lose: () => void; notify: (payload: string | undefined) => void }[] = [];
    const listen = listenPg(
      () => {
        const on: Record<string, (message: never) => void> = {};
        const own = {
          ends: 0,
          lose: () => on['end']!(0 as never),
          notify: (payload: string | undefined) => on['notification']!({ payload } as never),
        };
        clients.push(own);
        return {
          connect: async () => {
            if (fails) throw new Error('refused');
          },
          query: async () => {},
          end: async () => {
            own.ends++;
            on['end']!(0 as never);
          },
          on: (event: string, listener: (message: never) => void) => void (on[event] = listener),
        };
      },
      { retryMs: 100, clock },
    );
    const heard: string[] = [];
    await expect(listen('c', (payload) => heard.push(payload))).rejects.toThrow('refused');
    fails = false;
    const end = await listen('c', (payload) => heard.push(payload));
    clients[1]!.notify('a');
    clients[1]!.notify(undefined);
    fails = true;
    clients[1]!.lose();
    await clock.advance(100);
    await clock.advance(100);
    fails = false;
    expect(heard).toEqual(['a', '']);
    await clock.advance(100);
    expect([heard, clients.length]).toEqual([['a', '', ''], 5]);
    await end();
    expect([clients.map(({ ends }) => ends), clock.pendingTimers]).toEqual([[1, 1, 1, 1, 1], 0]);
    await clock.advance(1000);
    expect(clients.length).toBe(5);
  });
});

describe('wake-ups through PGlite', () => {
  it('have an event that was sent past the runner seen far below `pollMs`', async () => {
    const db = new PGlite();
    const store = postgresSagaStore(fromPglite(db), { listen: listenPglite(db), timeoutMs: 20_000 });
    const events: string[] = [];
    const runner = createSagaRunner({ store, ...terms(events) });
    const handle = await runner.start(wait, undefined, { id: 'x' });
    await until(() => events.includes('waiting'));
    await postgresSagaStore(fromPglite(db)).signal('x', { name: 'paid', payload: '1' });
    expect(await handle.result()).toEqual({ paid: 1 });
    await runner.close();
    await db.close();
  }, 60_000);
});
