import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import type { SqliteDatabase } from '../../src/sqlite/index.ts';
import { sqliteSagaStore } from '../../src/sqlite/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { sagaStoreConformance } from '../saga/store-conformance.ts';

type Open = (path: string) => SqliteDatabase & { close(): void };

/** Not a devDependency: it is compiled where no binary can be fetched, which takes minutes and a compiler. */
async function betterSqlite3(): Promise<Open | undefined> {
  try {
    const name = 'better-sqlite3';
    const { default: Database } = (await import(name)) as { readonly default: new (path: string) => ReturnType<Open> };
    // The binary is loaded by the first handle.
    new Database(':memory:').close();
    return (path) => new Database(path);
  } catch (error) {
    console.log(`SKIPPED: tests with better-sqlite3, because ${String((error as Error).message).split('\n')[0]}`);
    return undefined;
  }
}

const open = await betterSqlite3();

describe.skipIf(!open)('sqliteSagaStore through better-sqlite3', () => {
  let folder: string;
  let db: ReturnType<Open>;
  let store: ReturnType<typeof sqliteSagaStore>;
  const clock = createVirtualClock();
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-sqlite-'));
    db = open!(join(folder, 'sagas.db'));
    store = sqliteSagaStore(db, { clock });
    await store.init();
  });
  afterAll(() => {
    db?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  sagaStoreConformance(() => ({ store, pass: (ms) => clock.advance(ms) }));
});
