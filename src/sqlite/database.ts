/** What a parameter may be, and what a column is. */
export type SqliteValue = string | number | bigint | null | Uint8Array;

/** A prepared statement of better-sqlite3 or node:sqlite. */
export interface SqliteStatement {
  run(...params: SqliteValue[]): unknown;
  all(...params: SqliteValue[]): unknown[];
}

/** What this library needs of a `Database` of better-sqlite3 or a `DatabaseSync` of node:sqlite. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
}

/** What an atomic step writes with. It is over when the step is. */
export interface SqliteTransaction {
  /** Runs a statement that answers nothing. */
  run(sql: string, ...params: SqliteValue[]): void;
  /** Runs a statement and answers its rows, as the handle gives them. */
  all(sql: string, ...params: SqliteValue[]): unknown[];
}

/** Whether another connection was in the way: better-sqlite3 has codes as texts, node:sqlite has them as numbers. */
export function isBusy(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as { readonly code?: unknown; readonly errcode?: unknown };
  // The low byte of an extended code is the code: 5 is SQLITE_BUSY (https://sqlite.org/rescode.html).
  return typeof errcode === 'number' ? (errcode & 255) === 5 : String(code).startsWith('SQLITE_BUSY');
}
