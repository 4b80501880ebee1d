import { refuse } from '../core/check.ts';
import type { GuardQuery } from './guard.ts';

/** A table that a participant keeps beside its own, in its own transactions. */
export function checkTable(query: GuardQuery, table: string): void {
  if (typeof query !== 'function') refuse('query', 'a function', query);
  if (!/^([a-z_]\w*\.)?[a-z_]\w*$/i.test(table)) refuse('table', 'a plain name, with a schema or without', table);
}

/** Makes the table when it is missing; where it is there, no lock is taken on it. */
export async function makeTable(query: GuardQuery, table: string, columns: string): Promise<void> {
  const [row] = await query(`SELECT to_regclass($1::text)::text AS name`, [table]);
  if (row!['name'] !== null) return;
  try {
    await query(`CREATE TABLE IF NOT EXISTS ${table} (${columns})`, []);
  } catch (error) {
    // Two at once: PostgreSQL lets one of them run into a unique index of its catalogue.
    if (!['23505', '42P07', '42710'].includes((error as { code: string }).code)) throw error;
  }
}

/** Deletes the rows whose time in `column` is longer ago, and answers how many. */
export async function purgeTable(
  query: GuardQuery,
  table: string,
  column: string,
  olderThanMs: number,
): Promise<number> {
  const rows = await query(
    `WITH gone AS (DELETE FROM ${table} WHERE ${column} < now() - $1::float8 * interval '1 ms' RETURNING key)
    SELECT count(*)::text AS n FROM gone`,
    [olderThanMs],
  );
  return Number(rows[0]!['n']);
}
