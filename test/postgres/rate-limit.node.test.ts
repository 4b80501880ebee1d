import { PGlite } from '@electric-sql/pglite';
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { fromPg, fromPglite, fromPostgresJs, postgresRateLimiter } from '../../src/postgres/index.ts';
import type { SqlClient } from '../../src/postgres/index.ts';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { inTime } from '../support/in-time.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import { connectionTo, poolTo, usePostgres } from './postgres-suite.ts';

const { available } = postgresAvailability();

const HOUR = 3_600_000;
const hourly = fixedWindow({ limit: 5, windowMs: HOUR, name: 'hourly' });
const kinds = [
  tokenBucket({ limit: 5, periodMs: HOUR, name: 'bucket' }),
  hourly,
  fixedWindow({ limit: 5, windowMs: HOUR, align: 'epoch', name: 'epoch' }),
  slidingWindow({ limit: 5, windowMs: HOUR, name: 'sliding' }),
  slidingLog({ limit: 5, windowMs: HOUR, name: 'log' }),
];

/** What every client must answer alike. */
async function exercise(client: SqlClient, table: string): Promise<void> {
  const limiter = postgresRateLimiter(client, kinds, { table, timeoutMs: 20_000, denyCache: false });
  const calls = await Promise.all([2, 4, 1].map((cost) => limiter.consume('k', cost)));
  expect(calls.map(({ allowed, remaining, source }) => [allowed, remaining, source])).toEqual([
    [true, 3, 'store'],
    [false, 3, 'store'],
    [true, 2, 'store'],
  ]);
  expect(calls[1]!.violated).toEqual(kinds.map(({ name }) => name));
  const reservation = (await limiter.reserve('k', 2))!;
  expect((await limiter.peek('k')).allowed).toBe(false);
  await reservation.settle(1);
  expect((await limiter.peek('k', 0)).remaining).toBe(1);
  await limiter.reset('k');
  expect((await limiter.peek('k', 0)).remaining).toBe(5);
  for (const key of ['', '__proto__', 'x'.repeat(1_000_000), '\ud800', '\udfff', 'a\0b', "'; DROP TABLE x", '{a}']) {
    expect((await limiter.consume(key, 5)).allowed).toBe(true);
    expect((await limiter.consume(key)).allowed).toBe(false);
  }
}

describe.skipIf(!available)('postgresRateLimiter', () => {
  const suite = usePostgres();
  const { client } = suite;

  const rows = async (table: string, where = 'true'): Promise<number> =>
    Number((await client.query(`SELECT count(*)::text AS n FROM ${table} WHERE ${where}`, []))[0]!['n']);

  it.each(['pg', 'postgres.js'])('answers the same through %s', async (name) => {
    const sql = postgres({ ...connectionTo(suite.server.port, 2), onnotice: () => {} });
    try {
      await exercise(name === 'pg' ? client : fromPostgresJs(sql), `through_${name.replace('.', '_')}`);
    } finally {
      await sql.end();
    }
  });

  it('is one statement a decision', async () => {
    const statements: string[] = [];
    const counting: SqlClient = {
      ...client,
      query: (text, params) => (statements.push(text), client.query(text, params)),
    };
    const limiter = postgresRateLimiter(counting, kinds, { table: 'counted', timeoutMs: 10_000 });
    await limiter.consume('k');
    statements.length = 0;
    await limiter.consume('k');
    await (await limiter.reserve('k'))!.settle(0);
    expect(statements.length).toBe(3);
  });

  it('makes its table and function when many ask for them at the same moment', async () => {
    await client.query('CREATE SCHEMA elsewhere', []);
    const limiters = Array.from({ length: 8 }, () =>
      postgresRateLimiter(client, hourly, { table: 'elsewhere.limits', timeoutMs: 10_000 }),
    );
    const calls = await Promise.all(limiters.map((limiter) => limiter.consume('k')));
    expect(calls.filter(({ allowed }) => allowed).length).toBe(5);
  });

  it('never takes more than the limit however many ask at once, and takes all of it', async () => {
    const policies = [
      tokenBucket({ limit: 100, periodMs: HOUR }),
      slidingLog({ limit: 120, windowMs: HOUR, name: 'log' }),
    ];
    const limiters = Array.from({ length: 10 }, () =>
      postgresRateLimiter(client, policies, { batch: false, denyCache: false, timeoutMs: 20_000 }),
    );
    const calls = await Promise.all(Array.from({ length: 200 }, (_, at) => limiters[at % 10]!.consume('contended')));
    expect(calls.filter(({ allowed }) => allowed).length).toBe(100);
  });

  it('writes nothing when it refuses, nor when it only looks', async () => {
    const table = 'unwritten';
    const limiter = postgresRateLimiter(client, hourly, { table, denyCache: false, timeoutMs: 10_000 });
    await limiter.consume('k', 5);
    const version = async (): Promise<unknown> =>
      client.query(`SELECT xmin::text, xmax::text, version::text FROM ${table}`, []);
    const before = await version();
    for (let k = 0; k < 5; k++) expect((await limiter.consume('k')).allowed).toBe(false);
    await limiter.peek('k');
    await limiter.peek('other');
    expect(await version()).toEqual(before);
    expect(await rows(table)).toBe(1);
  });

  it('removes rows that are as good as new when others come', async () => {
    const table = 'idle';
    const limiter = postgresRateLimiter(client, fixedWindow({ limit: 1, windowMs: 1 }), { table, timeoutMs: 10_000 });
    for (let k = 0; k < 30; k++) await limiter.consume(`old:${k}`);
    expect(await rows(table, 'expires_ms < extract(epoch FROM clock_timestamp()) * 1000 + 30001')).toBe(30);
    await client.query(`UPDATE ${table} SET expires_ms = 1`, []);
    for (let k = 0; k < 10; k++) await limiter.consume(`new:${k}`);
    expect(await rows(table)).toBe(10);
  });

  it('has no row for a key that was only reset', async () => {
    const table = 'unused';
    const limiter = postgresRateLimiter(client, hourly, { table, timeoutMs: 10_000 });
    await limiter.reset('never used');
    expect(await rows(table)).toBe(0);
  });

  it('keeps a row for as long as the longest of its policies', async () => {
    const soon = fixedWindow({ limit: 5, windowMs: 20, name: 'soon' });
    const limiter = postgresRateLimiter(client, [soon, hourly, { ...soon, name: 'last' }], {
      table: 'several',
      timeoutMs: 10_000,
    });
    await limiter.consume('k');
    expect(await rows('several', `expires_ms > extract(epoch FROM clock_timestamp()) * 1000 + ${HOUR} - 10000`)).toBe(
      1,
    );
  });

  it('sends nothing again that failed for another reason than a missing table', async () => {
    const failure = Object.assign(new Error('gone'), { code: '57P01' });
    let sends = 0;
    const failing: SqlClient = { ...client, query: () => (sends++, Promise.reject(failure)) };
    await expect(
      postgresRateLimiter(failing, hourly, { table: 'counted', timeoutMs: 10_000 }).consume('k'),
    ).rejects.toBe(failure);
    expect(sends).toBe(1);
  });

  it('is shared by limiters of the same policies and by no others', async () => {
    const table = 'shared';
    await postgresRateLimiter(client, hourly, { table, timeoutMs: 10_000 }).consume('k', 5);
    expect((await postgresRateLimiter(client, hourly, { table, timeoutMs: 10_000 }).consume('k')).allowed).toBe(false);
    const other = { ...hourly, name: 'other' };
    expect((await postgresRateLimiter(client, other, { table, timeoutMs: 10_000 }).consume('k', 5)).allowed).toBe(true);
    expect(await rows(table)).toBe(2);
  });

  it('locks a key out for one full refill at the most when the clock of the server steps back', async () => {
    const table = 'stepped';
    const limiter = postgresRateLimiter(
      client,
      kinds.slice(0, 2).map((kind) => ({ ...kind, windowMs: 1000 })),
      { table, denyCache: false },
    );
    await limiter.consume('k', 5);
    await client.query(`UPDATE ${table} SET at_ms = at_ms + 86400000, y[2] = y[2] + 86400000`, []);
    const { allowed, retryAfterMs } = await limiter.consume('k');
    expect(allowed).toBe(false);
    expect(retryAfterMs).toBeLessThanOrEqual(1000);
    expect((await limiter.peek('k')).retryAfterMs).toBeLessThanOrEqual(1000);
    expect(await rows(table, 'at_ms < extract(epoch FROM clock_timestamp()) * 1000 + 1')).toBe(1);
  });

  it('ends a reservation once, however often that is sent', async () => {
    const doubling: SqlClient = {
      ...client,
      query: async (text, params) => {
        await client.query(text, params);
        return client.query(text, params);
      },
    };
    const bucket = tokenBucket({ limit: 5, periodMs: HOUR });
    const resent = postgresRateLimiter(doubling, bucket, { table: 'resent', timeoutMs: 10_000 });
    const plain = postgresRateLimiter(client, bucket, { table: 'resent', timeoutMs: 10_000 });
    await plain.peek('k');
    const reservation = await resent.reserve('k', 2);
    expect((await plain.peek('k', 0)).remaining).toBe(1);
    await reservation!.cancel();
    expect((await plain.peek('k', 0)).remaining).toBe(3);
  });

  it('hands out leases that were taken before', async () => {
    const limiter = postgresRateLimiter(client, hourly, {
      table: 'leased',
      lease: { units: 4, ttlMs: 60_000 },
      timeoutMs: 10_000,
    });
    const calls = await Promise.all(Array.from({ length: 9 }, () => limiter.consume('k')));
    expect(calls.filter(({ allowed }) => allowed).length).toBe(5);
    await limiter.consume('other');
    await limiter.close();
    const observer = postgresRateLimiter(client, hourly, { table: 'leased', timeoutMs: 10_000 });
    expect((await observer.peek('other', 0)).remaining).toBe(4);
  });

  it('settles within its deadline when the server swallows what it is sent, and says what it was told to', async () => {
    await using proxy = await startFaultProxy({ target: { port: suite.server.port } });
    const proxied = poolTo(proxy.port, 4);
    const local = createRateLimiter(fixedWindow({ limit: 1, windowMs: HOUR }));
    const limiter = postgresRateLimiter(fromPg(proxied), hourly, {
      timeoutMs: 300,
      cooldownMs: 50,
      onStoreError: local,
    });
    expect((await limiter.consume('proxied')).source).toBe('store');
    proxy.set({ blackHole: 'both' });
    for (const allowed of [true, false]) {
      expect(await inTime(limiter.consume('proxied'), 300)).toMatchObject({ allowed, source: 'fallback' });
    }
    proxy.resetAll();
    proxy.set();
    const deadline = performance.now() + 10_000;
    while ((await limiter.peek('proxied')).source !== 'store') expect(performance.now()).toBeLessThan(deadline);
    await proxied.end();
  });

  it('refuses bad options by name', () => {
    expect(() => postgresRateLimiter({} as never, hourly)).toThrow('client must be a SqlClient');
    for (const table of ['', 'a b', 'x;DROP TABLE y', 'a.b.c', '"q"', null, true]) {
      expect(() => postgresRateLimiter(client, hourly, { table: table as string })).toThrow('table must be');
    }
    expect(() => postgresRateLimiter(client, [])).toThrow('policies must be');
    expect(() => postgresRateLimiter(client, [hourly, hourly])).toThrow('policies with different names');
    expect(() => postgresRateLimiter(client, hourly, { timeoutMs: 0 })).toThrow('timeoutMs must be');
  });
});

describe.skipIf(!available)('a crash of the server', () => {
  it('empties the table, and limits go on from there', async () => {
    await using server = await startPostgres();
    const pool = poolTo(server.port, 1);
    try {
      const limiter = postgresRateLimiter(fromPg(pool), hourly, {
        onStoreError: 'deny',
        cooldownMs: 0,
        timeoutMs: 5000,
      });
      await limiter.consume('k', 5);
      // Where the server loses its last commits in a crash, a logged table is empty as well.
      const [table] = (await pool.query("SELECT relpersistence FROM pg_class WHERE relname = 'holdfast_rate_limits'"))
        .rows;
      expect(table).toEqual({ relpersistence: 'u' });
      await server.kill();
      expect(await limiter.consume('other')).toMatchObject({ allowed: false, source: 'fallback' });
      await server.restart();
      const deadline = performance.now() + 10_000;
      while ((await limiter.peek('k')).source !== 'store') expect(performance.now()).toBeLessThan(deadline);
      expect((await limiter.consume('k', 5)).allowed).toBe(true);
      expect((await limiter.consume('k', 4)).allowed).toBe(false);
    } finally {
      await pool.end();
    }
  }, 60_000);
});

describe('fromPglite', () => {
  it('answers as the server does', async () => {
    const db = new PGlite();
    await exercise(fromPglite(db), 'embedded');
    await db.close();
  }, 60_000);
});
