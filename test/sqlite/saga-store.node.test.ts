import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe } from 'vitest';
import { sqliteSagaStore } from '../../src/sqlite/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { sagaStoreConformance } from '../saga/store-conformance.ts';

describe('sqliteSagaStore', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sqlite-'));
  const clock = createVirtualClock();
  const db = new DatabaseSync(join(folder, 'sagas.db'));
  const store = sqliteSagaStore(db, { clock });
  beforeAll(() => store.init());
  afterAll(() => {
    db.close();
    rmSync(folder, { recursive: true });
  });
  sagaStoreConformance(() => ({ store, pass: (ms) => clock.advance(ms) }));
});
