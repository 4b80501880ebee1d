import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SagaWrite } from '../../src/saga/index.ts';
import type { SqliteSagaStoreOptions, SqliteTransaction } from '../../src/sqlite/index.ts';
import { sqliteSagaStore } from '../../src/sqlite/index.ts';

const DEFINITION = { name: 'order', version: 1 };

let folder: string;
const opened: DatabaseSync[] = [];

function open(): DatabaseSync {
  const db = new DatabaseSync(join(folder, 'sagas.db'));
  opened.push(db);
  return db;
}

async function storeOn(
  db: DatabaseSync,
  options: SqliteSagaStoreOptions = {},
): Promise<ReturnType<typeof sqliteSagaStore>> {
  const store = sqliteSagaStore(db, options);
  await store.init();
  return store;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-sqlite-'));
});
afterEach(() => {
  for (const db of opened.splice(0)) db.close();
  rmSync(folder, { recursive: true });
});

function write(id: string, path: string, seq: number = 0): SagaWrite {
  return {
    id,
    fence: 1,
    seq,
    entries: [{ type: 'completed', path, attempt: 1, data: '1' }],
    outbox: [],
    status: 'running',
    isCancellable: true,
    seenSignals: 0,
    releaseAfterMs: undefined,
  };
}

describe('a file that somebody else writes to', () => {
  it('is waited for without blocking the event loop', async () => {
    const store = await storeOn(open());
    const other = open();
    other.exec('BEGIN IMMEDIATE');
    let isDone = false;
    const enlisting = store.enlist(60_000).then(() => (isDone = true));
    // Only a loop that turns gets here while the call waits.
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(isDone).toBe(false);
    other.exec('COMMIT');
    await enlisting;
    expect(isDone).toBe(true);
  });

  it('is given up with ERR_STORE_TIMEOUT at the deadline, with nothing done', async () => {
    const store = await storeOn(open(), { timeoutMs: 60 });
    const worker = await store.enlist(60_000);
    const other = open();
    other.exec('BEGIN IMMEDIATE');
    const startMs = performance.now();
    const creating = store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]);
    await expect(creating).rejects.toMatchObject({ code: 'ERR_STORE_TIMEOUT' });
    expect(performance.now() - startMs).toBeLessThan(1000);
    // Readers are in nobody's way.
    expect(await store.load('a')).toBeUndefined();
    other.exec('COMMIT');
    expect((await store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]))[0]!.fence).toBe(1);
  });

  it('is made once by many that begin with it at the same moment', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => storeOn(open())));
    const names = await Promise.all(stores.map((store) => store.enlist(60_000)));
    expect(new Set(names).size).toBe(8);
  });
});

describe('an atomic step', () => {
  it('takes effect together with its record, or not at all', async () => {
    const db = open();
    const store = await storeOn(db);
    db.exec('CREATE TABLE paid (id TEXT)');
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]);
    const count = (): unknown => db.prepare('SELECT count(*) AS n FROM paid').get()!['n'];
    const pay = (error?: Error): PromiseLike<string> =>
      store.atomic(worker, { id: 'a', fence: 1, seq: 0 }, async (tx) => {
        tx.run('INSERT INTO paid VALUES (?)', 'a');
        expect(tx.all('SELECT id FROM paid').length).toBe(1);
        if (error) throw error;
        return write('a', 'pay');
      });
    const failure = new Error('no');
    await expect(pay(failure)).rejects.toBe(failure);
    expect([count(), (await store.load('a'))!.log.length]).toEqual([0, 0]);
    expect([await pay(), await pay()]).toEqual(['written', 'present']);
    expect([count(), (await store.load('a'))!.log.length]).toEqual([1, 1]);
  });

  it('keeps what the store is asked meanwhile out of its transaction', async () => {
    const store = await storeOn(open());
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]);
    let creating: PromiseLike<unknown> | undefined;
    const failing = store.atomic(worker, { id: 'a', fence: 1, seq: 0 }, async () => {
      creating = store.create(worker, [{ ...DEFINITION, id: 'b', input: '1' }]);
      await new Promise((resolve) => setTimeout(resolve, 10));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await creating;
    expect((await store.get(['b'])).length).toBe(1);
  });

  it('that takes too long is rolled back, and can write no more', async () => {
    const db = open();
    const store = await storeOn(db, { timeoutMs: 40 });
    db.exec('CREATE TABLE paid (id TEXT)');
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]);
    let late: SqliteTransaction | undefined;
    const endless = store.atomic(worker, { id: 'a', fence: 1, seq: 0 }, (tx) => {
      tx.run('INSERT INTO paid VALUES (1)');
      late = tx;
      return new Promise(() => {});
    });
    await expect(endless).rejects.toMatchObject({ code: 'ERR_STORE_TIMEOUT' });
    expect(() => late!.run('INSERT INTO paid VALUES (2)')).toThrow('the transaction of this step is over');
    expect(() => late!.all('SELECT 1')).toThrow('the transaction of this step is over');
    expect(db.prepare('SELECT count(*) AS n FROM paid').get()!['n']).toBe(0);
    expect(await store.write(worker, [write('a', 'pay')])).toEqual([true]);
  });
});

describe('sqliteSagaStore', () => {
  it('does not let a write that is sent again late undo what came after it', async () => {
    const store = await storeOn(open());
    const worker = await store.enlist(60_000);
    await store.create(worker, [{ ...DEFINITION, id: 'a', input: '1' }]);
    const early: SagaWrite = { ...write('a', '', 0), entries: [], isCancellable: true };
    expect(await store.write(worker, [early])).toEqual([true]);
    await store.write(worker, [{ ...write('a', 'pay', 0), isCancellable: false }]);
    expect(await store.write(worker, [early])).toEqual([true]);
    expect((await store.get(['a']))[0]!.isCancellable).toBe(false);
  });

  it('syncs commits to the disk unless told otherwise, in a write-ahead log', async () => {
    const [full, normal] = [open(), open()];
    await storeOn(full);
    await storeOn(normal, { synchronous: 'normal' });
    const setting = (db: DatabaseSync, name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0];
    // https://sqlite.org/pragma.html#pragma_synchronous: 1 is NORMAL, 2 is FULL
    expect([full, normal].map((db) => setting(db, 'synchronous'))).toEqual([2, 1]);
    expect(setting(full, 'journal_mode')).toBe('wal');
  });

  it('keeps to its prefix', async () => {
    const db = open();
    await storeOn(db, { prefix: 'mine_' });
    const names = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'`).all();
    expect(names.map((row) => String(row['name'])).sort()).toEqual(
      ['event', 'log', 'outbox', 'saga', 'schema', 'worker'].map((name) => `mine_${name}`),
    );
  });

  it('refuses bad options by name', () => {
    const db = open();
    expect(() => sqliteSagaStore({} as never)).toThrow('db must be a handle of SQLite');
    expect(() => sqliteSagaStore(db, { prefix: 'a b' })).toThrow('prefix must be a plain name');
    expect(() => sqliteSagaStore(db, { timeoutMs: 0 })).toThrow('timeoutMs must be');
    expect(() => sqliteSagaStore(db, { synchronous: 'off' as never })).toThrow('synchronous must be one of');
  });
});
