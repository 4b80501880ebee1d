import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type pg from 'pg';
import type { SqlClient } from '../../src/postgres/index.ts';
import { fromPg, postgresSagaStore } from '../../src/postgres/index.ts';
import type { SagaEvent, SagaRunner } from '../../src/saga/index.ts';
import { createSagaRunner, saga } from '../../src/saga/index.ts';
import { createSeededRandom } from '../../src/testing/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import { audit, openShop, poolTo, sellIn, watched } from './saga-world.ts';
import type { Order, Sell } from './saga-world.ts';

const { available } = postgresAvailability();

describe.skipIf(!available)('sagas in PostgreSQL', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  let client: SqlClient;
  let sell: Sell;
  beforeAll(async () => {
    // Commits that are answered survive a kill: what sagas rely on, and these test servers otherwise do without.
    server = await startPostgres({ settings: { max_connections: '100', synchronous_commit: 'on' } });
  }, 60_000);
  afterAll(() => server?.stop());
  beforeEach(async () => {
    pool = poolTo(server.url, 10);
    client = fromPg(pool);
    sell = sellIn(client);
    await postgresSagaStore(client).init();
    await openShop(client, server.query.bind(server), 1000);
  });
  afterEach(async () => {
    await pool.end();
    await server.query('DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS holdfast CASCADE; CREATE SCHEMA public');
  });

  const runnerOf = (store: SqlClient, events: SagaEvent[] = [], leaseMs: number = 30_000): SagaRunner =>
    createSagaRunner({
      store: postgresSagaStore(store, { timeoutMs: Math.min(leaseMs, 3000) }),
      sagas: [sell],
      leaseMs,
      pollMs: 20,
      onEvent: (event) => events.push(event),
    });

  /** Sells with a fault at the statement `at` of the store, and answers how many statements there were. */
  async function sellWithFault(at: number, id: string, order: Order, kind: 'refused' | 'lost'): Promise<number> {
    let statements = 0;
    const fault = Object.assign(new Error('the connection is gone'), { code: 'ECONNRESET' });
    const faulty = watched(
      pool,
      () => {
        if (statements++ === at && kind === 'refused') throw fault;
      },
      () => {
        if (statements === at + 1 && kind === 'lost') throw fault;
      },
    );
    const runner = runnerOf(faulty);
    try {
      const handle = await runner.start(sell, order, { id });
      await handle.result().catch(() => {});
      const log = await postgresSagaStore(client).load(id);
      const kinds = log!.log.filter(({ path }) => !(order.refuse === path)).map(({ type }) => type);
      expect(kinds.filter((type) => !['completed', 'compensating', 'compensated'].includes(type))).toEqual([]);
    } finally {
      await runner.close();
    }
    return statements;
  }

  it.each(['refused', 'lost'] as const)(
    'take a store that is %s at any statement for what it is: repeated, once done, and no failure of a step',
    async (kind) => {
      for (const order of [{}, { refuse: 'confirm' }] as const) {
        const statements = await sellWithFault(-1, `${Object.keys(order).length}-none`, order, kind);
        // The first ones are of init, whose fault the start rejects with.
        for (let at = 4; at < statements; at++)
          await sellWithFault(at, `${Object.keys(order).length}-${at}`, order, kind);
        expect(statements).toBeGreaterThan(10);
      }
      expect(await audit(client, 1000, 1)).toEqual([]);
    },
    120_000,
  );

  it('are taken over by one of two that race for them', async () => {
    const store = postgresSagaStore(client);
    const dead = await store.enlist(60_000);
    const { name, version } = sell;
    await store.create(
      dead,
      Array.from({ length: 60 }, (_, k) => ({
        id: `order-${k}`,
        name,
        version,
        input: k % 3 ? '{}' : '{"refuse":"confirm"}',
      })),
    );
    await store.retire(dead);
    const events: SagaEvent[] = [];
    const runners = [runnerOf(client, events), runnerOf(client, events)];
    const handles = (await Promise.all(runners.map((runner) => runner.recover()))).flat();
    await Promise.allSettled(handles.map((handle) => handle.result()));
    while ((await server.query('SELECT 1 FROM holdfast.saga WHERE finished_at_ms IS NULL')).length > 0) {
      await Promise.all(runners.map((runner) => runner.recover()));
    }
    await Promise.all(runners.map((runner) => runner.close()));
    const resumed = events.filter(({ type }) => type === 'resumed');
    expect(new Set(resumed.map((event) => 'id' in event && event.id)).size).toBe(60);
    expect(resumed.length).toBe(60);
    expect(await audit(client, 1000, 1)).toEqual([]);
  });

  it.skipIf(!canRunTypeScript)(
    'are not written by a holder that was frozen and comes back',
    async () => {
      const leaseMs = 700;
      const holder = await spawnScript(new URL('fixtures/saga-worker.ts', import.meta.url), {
        args: [JSON.stringify({ url: server.url, ids: ['order'], leaseMs, pauses: true, exits: false })],
      });
      await holder.waitForLine('charging');
      holder.freeze();
      const frozenAtMs = performance.now();
      const events: SagaEvent[] = [];
      const runner = runnerOf(client, events, leaseMs);
      const done = runner.work();
      await runner.handle('order').result();
      // Lease and poll, and what two busy cores need on top.
      expect(performance.now() - frozenAtMs).toBeLessThan(leaseMs + 20 + 3000);
      const before = (await postgresSagaStore(client).load('order'))!;
      holder.thaw();
      holder.sendLine('go');
      await holder.waitForLine('lost order');
      expect(await postgresSagaStore(client).load('order')).toEqual({ ...before, nowMs: expect.any(Number) });
      expect(before.log.filter(({ fence }) => fence === 1).map(({ path }) => path)).toEqual(['reserve']);
      expect(before.record.fence).toBe(2);
      await holder.kill();
      await runner.close();
      await done;
      expect(await audit(client, 1000, 2)).toEqual([]);
    },
    60_000,
  );

  it('are freed from a holder that stalls in the middle of an atomic step', async () => {
    const store = postgresSagaStore(client, { idleInTransactionMs: 200 });
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ id: 'stalled', name: 'sell', version: 1, input: '{}' }]);
    let heir = '';
    const stalled = store.atomic(worker, { id: 'stalled', fence: 1, seq: 0 }, async (tx) => {
      await store.retire(worker);
      heir = await store.enlist(60_000);
      const claim = {
        worker: heir,
        definitions: [sell],
        limit: 1,
        suspects: 0,
        suspectAfter: 9,
        ids: undefined,
        held: undefined,
        isStuck: false,
      };
      while ((await store.claim(claim)).length === 0);
      await tx('SELECT 1', []);
      throw new Error('the transaction is still there');
    });
    await expect(stalled).rejects.toMatchObject({ code: 'ERR_STORE_FAULT' });
    expect((await store.get(['stalled']))[0]).toMatchObject({ worker: heir, fence: 2 });
  });

  it('go on when the server is killed and restarted under load', async () => {
    const runner = runnerOf(client);
    const sellAll = (name: string): Promise<unknown> =>
      Promise.allSettled(
        Array.from({ length: 60 }, async (_, k) =>
          (await runner.start(sell, k % 4 ? {} : { refuse: 'confirm' }, { id: `${name}-${k}` })).result(),
        ),
      );
    for (const how of ['kill', 'restart'] as const) {
      const sold = sellAll(how);
      while (Number((await server.query('SELECT count(*) AS n FROM charged'))[0]!['n']) < 5);
      if (how === 'kill') await server.kill();
      await server.restart();
      await sold;
    }
    await runner.close();
    expect(await audit(client, 1000)).toEqual([]);
    expect((await server.query('SELECT id FROM holdfast.saga')).length).toBe(120);
  }, 120_000);

  it('go on when connections are reset, refused and cut in the middle of answers', async () => {
    await using proxy = await startFaultProxy({ target: { port: server.port } });
    const far = poolTo(`postgresql://postgres@127.0.0.1:${proxy.port}/postgres`, 6);
    const random = createSeededRandom(3);
    const runner = runnerOf(fromPg(far));
    await runner.recover();
    let isOver = false;
    const sold = Promise.all(
      Array.from({ length: 150 }, async (_, k) => {
        const handle = await runner.start(sell, k % 4 ? {} : { refuse: 'confirm' }, { id: `order-${k}` });
        await handle.result().catch(() => {});
      }),
    ).finally(() => (isOver = true));
    while (!isOver) {
      const luck = random();
      if (luck < 0.5) proxy.set({ cutReplyAfterBytes: Math.floor(random() * 4000) });
      else if (luck < 0.8) proxy.resetAll();
      else proxy.refuse();
      await Promise.race([sold, new Promise((resolve) => setTimeout(resolve, 20 + 60 * random()))]);
      proxy.set();
      await proxy.accept();
      await Promise.race([sold, new Promise((resolve) => setTimeout(resolve, 60))]);
    }
    await runner.close();
    await far.end();
    expect(await audit(client, 1000)).toEqual([]);
    expect((await server.query('SELECT id FROM holdfast.saga')).length).toBe(150);
  }, 120_000);

  it('are told from failures: an atomic step whose statement is wrong is rolled back and not repeated', async () => {
    let calls = 0;
    const once = saga('once').step('write', {
      atomic: true,
      run: async (_, tx: (text: string, params: readonly string[]) => PromiseLike<unknown>) => {
        calls++;
        await tx(`INSERT INTO ordered VALUES ('once')`, []);
        await tx('SELECT 1 / 0', []);
      },
    });
    const runner = createSagaRunner({ store: postgresSagaStore(client), sagas: [once] });
    const handle = await runner.start(once, undefined, { id: 'once' });
    await expect(handle.result()).rejects.toMatchObject({
      code: 'ERR_SAGA_COMPENSATED',
      cause: { message: 'division by zero' },
    });
    expect([calls, (await server.query('SELECT id FROM ordered')).length]).toEqual([1, 0]);
    await runner.close();
  });

  it('are told from failures: an atomic step that goes on past a wrong statement fails, unless it went back to before that', async () => {
    for (const [id, isUndone] of [
      ['lost', false],
      ['kept', true],
    ] as const) {
      let calls = 0;
      const step = saga(id).step('write', {
        atomic: true,
        run: async (_, tx: (text: string, params: readonly string[]) => PromiseLike<unknown>) => {
          calls++;
          await tx('INSERT INTO ordered VALUES ($1::text)', [id]);
          await tx('SAVEPOINT before', []);
          await Promise.resolve(tx('SELECT 1 / 0', [])).catch(() => undefined);
          if (isUndone) await tx('ROLLBACK TO before', []);
        },
      });
      const runner = createSagaRunner({ store: postgresSagaStore(client), sagas: [step] });
      const result = (await runner.start(step, undefined, { id })).result();
      if (isUndone) await result;
      else await expect(result).rejects.toMatchObject({ code: 'ERR_SAGA_COMPENSATED', cause: { code: '25P02' } });
      expect([calls, (await server.query(`SELECT id FROM ordered WHERE id = '${id}'`)).length]).toEqual([
        1,
        Number(isUndone),
      ]);
      await runner.close();
    }
  });
});
