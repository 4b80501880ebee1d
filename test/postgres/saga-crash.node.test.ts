import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type pg from 'pg';
import { fromPg, postgresSagaStore } from '../../src/postgres/index.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { canRunTypeScript, spawnScript } from '../support/processes.ts';
import type { TestProcess } from '../support/processes.ts';
import { audit, openShop, poolTo } from './saga-world.ts';
import type { Order } from './saga-world.ts';

const { available } = postgresAvailability();

/** Flash sales: two in the suite, twenty where runs are many. */
const runs = Math.min(20, Math.max(2, Math.floor(Number(process.env['HOLDFAST_RUNS'] ?? 0) / 50)));

describe.skipIf(!available || !canRunTypeScript)('processes that are killed', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  beforeAll(async () => {
    server = await startPostgres({ settings: { max_connections: '200' } });
  }, 60_000);
  afterAll(() => server?.stop());
  beforeEach(async () => {
    pool = poolTo(server.url);
    await postgresSagaStore(fromPg(pool)).init();
  });
  afterEach(async () => {
    await pool.end();
    await server.query('DROP SCHEMA public CASCADE; DROP SCHEMA holdfast CASCADE; CREATE SCHEMA public');
  });

  const work = (options: object): Promise<TestProcess> =>
    spawnScript(new URL('fixtures/saga-worker.ts', import.meta.url), {
      args: [JSON.stringify({ url: server.url, ...options })],
    });

  async function pointsOf(process: TestProcess): Promise<number> {
    return Number((await process.waitForLine('points ', 30_000)).split(' ')[1]);
  }

  /** Starts a saga in a process for each point where one can die, a few at a time. */
  async function dieEverywhere(points: number, order: Order): Promise<number> {
    let deaths = 0;
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let at = next++; at < points; at = next++) {
        const { signal } = await (await work({ ids: [`order-${at}`], order, dieAt: at })).exit;
        if (signal === 'SIGKILL') deaths++;
      }
    };
    await Promise.all([lane(), lane(), lane(), lane()]);
    return deaths;
  }

  /** Kills those who take over as well, each a little later than the one before; then one may live. */
  async function recover(deaths: number): Promise<void> {
    for (let k = 0; k < deaths; k++) await (await work({ dieAt: 8 + 13 * k })).exit;
    const last = await work({});
    await last.waitForLine('points ', 90_000);
  }

  it.each<Order>([{}, { refuse: 'confirm' }])(
    'before and after every statement lose and double nothing, and those who take over die too: %o',
    async (order) => {
      await openShop(fromPg(pool), server.query.bind(server), 1000);
      const points = await pointsOf(await work({ ids: ['order'], order }));
      expect(points).toBeGreaterThan(30);
      const deaths = await dieEverywhere(points, order);
      expect(deaths).toBeGreaterThan(points * 0.9);
      await recover(5);
      expect(await audit(fromPg(pool), 1000)).toEqual([]);
      const [row] = await server.query(`SELECT count(*) AS n, count(*) FILTER (WHERE status = 'completed') AS done,
        max(fence) AS fence FROM holdfast.saga`);
      // A process that died before its saga was stored left nothing.
      expect(Number(row!['n'])).toBeGreaterThan(points * 0.6);
      expect(Number(row!['fence'])).toBeGreaterThan(3);
      expect(Number(row!['done'])).toBe('refuse' in order ? 0 : Number(row!['n']));
    },
    240_000,
  );

  it(
    'sell out a flash sale exactly, to 500 buyers over three processes, one of which is killed',
    async () => {
      for (let run = 0; run < runs; run++) {
        if (run > 0)
          await server.query(
            'DROP SCHEMA public CASCADE; TRUNCATE holdfast.saga, holdfast.saga_log, holdfast.saga_outbox; CREATE SCHEMA public',
          );
        await openShop(fromPg(pool), server.query.bind(server), 100);
        // In every other run, a few payments are refused: their units go back, and to others only as long as these ask.
        const refusals = run % 2 ? 20 : 0;
        const sellers = await Promise.all(
          [0, 1, 2].map((k) => work({ ids: buyers(run, k, 500 - refusals), leaseMs: 1000 })),
        );
        const losers = await work({ ids: buyers(run, 'loser', refusals), order: { refuse: 'confirm' }, leaseMs: 1000 });
        await sellers[0]!.waitForLine('started', 30_000);
        while (Number((await server.query('SELECT count(*) AS n FROM charged'))[0]!['n']) < 10 + ((7 * run) % 60));
        await sellers[0]!.kill();
        await Promise.all([...sellers.slice(1), losers].map((seller) => seller.waitForLine('points ', 60_000)));
        await (await work({ leaseMs: 1000 })).waitForLine('points ', 60_000);
        expect(await audit(fromPg(pool), 100)).toEqual([]);
        const [sold] = await server.query(`SELECT amount FROM account WHERE name = 'sold'`);
        if (refusals === 0) expect(sold).toEqual({ amount: '100' });
        expect(Number(sold!['amount'])).toBeGreaterThan(50);
      }
    },
    runs * 60_000,
  );
});

/** The buyers of one of three processes, or all that have their own. */
function buyers(run: number, process: number | string, all: number): string[] {
  const ids = Array.from({ length: all }, (_, k) => `buyer-${run}-${process}-${k}`);
  return typeof process === 'string' ? ids : ids.filter((_, k) => k % 3 === process);
}
