import type { SqlClient } from './client.ts';
import { SAGA_SCHEMA_VERSION, sagaStatements } from './saga-schema.ts';

/** 'saga' in ASCII: whoever migrates holds this lock until the commit. */
const LOCK = 0x73_61_67_61;

type State = 'current' | 'no tables' | 'no schema';

/**
 * Makes the tables and functions, unless they are there: whoever finds them only reads two rows, because even
 * `IF NOT EXISTS` takes locks that running writers are in the way of.
 */
export async function migrateSagas(client: SqlClient, schema: string): Promise<void> {
  if ((await stateOf(client, schema)) === 'current') return;
  await client.transaction(async (query) => {
    await query(`SELECT pg_advisory_xact_lock(${LOCK})::text`, []);
    const state = await stateOf({ query }, schema);
    if (state === 'current') return;
    // Not IF NOT EXISTS, which wants the right to create schemas also where there is one.
    if (state === 'no schema') await query(`CREATE SCHEMA ${schema}`, []);
    for (const statement of sagaStatements(schema)) await query(statement, []);
  });
}

async function stateOf({ query }: Pick<SqlClient, 'query'>, schema: string): Promise<State> {
  // The catalogue itself: to_regclass remembers what was missing, for as long as the transaction waits for its lock.
  const [found] = await query(
    `SELECT relname::text FROM pg_namespace n LEFT JOIN pg_class c ON relnamespace = n.oid AND relname = 'saga_schema' WHERE nspname = $1::text`,
    [schema],
  );
  if (!found) return 'no schema';
  if (found['relname'] === null) return 'no tables';
  const [row] = await query(`SELECT version::text FROM ${schema}.saga_schema`, []);
  return Number(row!['version']) >= SAGA_SCHEMA_VERSION ? 'current' : 'no tables';
}
