import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { outcomeOf } from './gate.ts';
import { childrenOf, isAlive } from './pids.ts';
import { postgresAvailability, startPostgres } from './postgres.ts';
import type { PostgresServer } from './postgres.ts';
import { postgresUser, runnableBy } from './postgres-binaries.ts';

const { available } = postgresAvailability();

describe('postgresAvailability', () => {
  const { POSTGRES_BIN } = process.env;
  afterEach(() => {
    if (POSTGRES_BIN === undefined) delete process.env['POSTGRES_BIN'];
    else process.env['POSTGRES_BIN'] = POSTGRES_BIN;
  });

  it('says why there is no server', () => {
    process.env['POSTGRES_BIN'] = '/no/such/folder';
    const reason = 'POSTGRES_BIN=/no/such/folder has no initdb and postgres';
    expect(postgresAvailability()).toEqual({ available: false, reason });
  });
});

describe.skipIf(process.getuid?.() !== 0)('runnableBy', () => {
  it('copies programs that the user of the server cannot reach', () => {
    const closed = mkdtempSync(join(tmpdir(), 'holdfast-closed-'));
    const bin = join(closed, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'postgres'), '#!/bin/sh\necho runs\n', { mode: 0o700 });
    const copy = runnableBy(postgresUser(), bin);
    expect(copy).not.toBe(bin);
    expect(runnableBy(postgresUser(), copy)).toBe(copy);
    expect(spawnSync(join(copy, 'postgres'), { ...postgresUser(), encoding: 'utf8' }).stdout).toBe('runs\n');
    for (const folder of [closed, join(copy, '..')]) rmSync(folder, { recursive: true });
  });
});

describe.skipIf(!available)('startPostgres', () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres({ settings: { max_connections: '20' } });
  }, 60_000);
  afterAll(() => postgres?.stop());

  it('answers queries with every value as text', async () => {
    expect(await postgres.query(`select 1 as one, null as nothing, 'ä' as text, true as yes`)).toEqual([
      { one: '1', nothing: null, text: 'ä', yes: 't' },
    ]);
    expect(await postgres.query('create table t (n int); insert into t values (1), (2); select * from t')).toEqual([
      { n: '1' },
      { n: '2' },
    ]);
    expect(await postgres.query('drop table t')).toEqual([]);
  });

  it('rejects with the SQLSTATE of the server', async () => {
    await expect(postgres.query('select 1 / 0')).rejects.toMatchObject({
      name: 'PostgresReplyError',
      code: '22012',
      message: 'ERROR: division by zero',
    });
  });

  it('listens on loopback only and takes the settings it was given', async () => {
    const settings = ['listen_addresses', 'unix_socket_directories', 'fsync', 'max_connections'];
    const rows = await Promise.all(settings.map((name) => postgres.query(`show ${name}`)));
    expect(rows.flat().flatMap(Object.values)).toEqual(['127.0.0.1', '', 'off', '20']);
  });

  it('answers nothing while frozen, on open connections either, and everything once thawed', async () => {
    const backendIsBusy = postgres.query(`select pg_sleep(0.05), 'woken' as state`);
    while ((await activeQueries()) < 1);
    postgres.freeze();
    const backends = childrenOf(postgres.pid); // not before: the connection of a query that is over may still be going
    const late = postgres.query('select 1 as one');
    // Longer than the query takes: that it has not ended is what freezing means.
    await delay(150);
    expect(await outcomeOf(Promise.race([backendIsBusy, late]))).toEqual({ state: 'pending' });
    expect(backends.length).toBeGreaterThan(3);
    expect(backends.every(isAlive)).toBe(true);
    postgres.thaw();
    expect((await backendIsBusy)[0]).toMatchObject({ state: 'woken' });
    expect(await late).toEqual([{ one: '1' }]);
  });

  it('breaks its connections when killed, and comes back with its data on the same port', async () => {
    await postgres.query('create table kept (n int); insert into kept values (7)');
    await postgres.query('checkpoint');
    const { port, pid } = postgres;
    const sleeping = postgres.query('select pg_sleep(60)');
    while ((await activeQueries()) < 1);
    const backends = childrenOf(pid);
    await Promise.all([expect(sleeping).rejects.toThrow(), postgres.kill()]);
    expect([pid, ...backends].filter(isAlive)).toEqual([]);
    await expect(postgres.query('select 1')).rejects.toThrow('ECONNREFUSED');
    await postgres.restart();
    expect([postgres.port, postgres.url]).toEqual([port, `postgresql://postgres@127.0.0.1:${port}/postgres`]);
    expect(postgres.pid).not.toBe(pid);
    expect(await postgres.query('select n from kept')).toEqual([{ n: '7' }]);
  });

  it('restarts in order as well, with nothing lost', async () => {
    await postgres.query('create table ordered (n int); insert into ordered values (8)');
    await postgres.restart();
    expect(await postgres.query('select n from ordered')).toEqual([{ n: '8' }]);
  });

  it('stops a frozen server and leaves neither process nor folder', async () => {
    const [{ data_directory: data }] = (await postgres.query('show data_directory')) as [{ data_directory: string }];
    const pids = [postgres.pid, ...childrenOf(postgres.pid)];
    postgres.freeze();
    await postgres.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(join(data, '..'))).toBe(false);
  });

  async function activeQueries(): Promise<number> {
    const [row] = await postgres.query(
      `select count(*) as n from pg_stat_activity where query like 'select pg_sleep%'`,
    );
    return Number(row?.['n']);
  }
});

describe.skipIf(!available)('a server that cannot start', () => {
  it('shows what it printed and leaves nothing', async () => {
    const starting = startPostgres({ settings: { no_such_setting: '1' } });
    await expect(starting).rejects.toThrow('no_such_setting');
  }, 60_000);
});
