import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe } from 'vitest';
import type { SqliteDatabase } from '../../src/sqlite/index.ts';
import { sqliteSagaStore } from '../../src/sqlite/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { sagaStoreConformance } from '../saga/store-conformance.ts';

/** A handle, and how to end it. */
type Opened = readonly [SqliteDatabase, () => void];

const handles: Readonly<Record<string, (path: string) => Opened>> = {
  'node:sqlite': (path) => {
    const db = new DatabaseSync(path);
    return [db, () => db.close()];
  },
  'node:sqlite with rows as arrays': (path) => {
    const db = new DatabaseSync(path, { returnArrays: true });
    return [db, () => db.close()];
  },
};

describe.each(Object.keys(handles))('sqliteSagaStore through %s', (name) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sqlite-'));
  const clock = createVirtualClock();
  const [db, close] = handles[name]!(join(folder, 'sagas.db'));
  const store = sqliteSagaStore(db, { clock });
  beforeAll(() => store.init());
  afterAll(() => {
    close();
    rmSync(folder, { recursive: true });
  });

  sagaStoreConformance(() => ({ store, pass: (ms) => clock.advance(ms) }));
});
