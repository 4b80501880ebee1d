import type { SqlClient } from './client.ts';
import { SAGA_SCHEMA_VERSION, sagaStatements } from './saga-schema.ts';

/** 'saga' in ASCII: whoever migrates holds this lock until the commit. */
const LOCK = 0x73_61_67_61;

/**
 * Makes the tables and functions, unless they are there: whoever finds them only reads one row, because even
 * `IF NOT EXISTS` takes locks that running writers are in the way of.
 */
export async function migrateSagas(client: SqlClient, schema: string): Promise<void> {
  if (await isCurrent(client, schema)) return;
  await client.transaction(async (query) => {
    await query(`SELECT pg_advisory_xact_lock(${LOCK})::text`, []);
    if (await isCurrent({ query }, schema)) return;
    // Asked for first, because IF NOT EXISTS wants the right to create schemas also where there is one.
    const [row] = await query(`SELECT to_regnamespace($1::text)::text AS name`, [schema]);
    if (row!['name'] === null) await query(`CREATE SCHEMA ${schema}`, []);
    for (const statement of sagaStatements(schema)) await query(statement, []);
  });
}

async function isCurrent({ query }: Pick<SqlClient, 'query'>, schema: string): Promise<boolean> {
  const [there] = await query(`SELECT to_regclass($1::text)::text AS name`, [`${schema}.saga_schema`]);
  if (there!['name'] === null) return false;
  const [row] = await query(`SELECT version::text FROM ${schema}.saga_schema`, []);
  return Number(row!['version']) >= SAGA_SCHEMA_VERSION;
}
