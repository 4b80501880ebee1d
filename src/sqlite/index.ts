export { sqliteSagaStore } from './saga-store.ts';
export type { SqliteSagaStore, SqliteSagaStoreOptions } from './saga-store.ts';
export type { SqliteDatabase, SqliteStatement, SqliteTransaction, SqliteValue } from './database.ts';
