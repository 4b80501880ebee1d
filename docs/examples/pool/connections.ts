import pg from 'pg';
import { createPool } from '../../../src/pool/index.ts';
import type { Pool, PoolLeak } from '../../../src/pool/index.ts';

/** The name under which the server knows the connections of the demo. */
export const APPLICATION = 'pool demo';

/** A pool of PostgreSQL connections, made with `pg`, and how often one was tried. */
export function connections(
  connectionString: string,
  onLeak: (leak: PoolLeak<pg.Client>) => void,
): { readonly pool: Pool<pg.Client>; readonly attemptsMs: readonly number[] } {
  const attemptsMs: number[] = [];
  const pool = createPool<pg.Client>({
    name: 'orders',
    async create({ signal }) {
      attemptsMs.push(performance.now());
      const client = new pg.Client({ connectionString, query_timeout: 1_000, application_name: APPLICATION });
      // A lost connection is noticed by the next query; without a listener it would end the process.
      client.on('error', () => {});
      const giveUp = (): void => void client.end().catch(() => {});
      signal.addEventListener('abort', giveUp, { once: true });
      await client.connect();
      signal.removeEventListener('abort', giveUp);
      return client;
    },
    destroy: (client) => client.end(),
    validate: async (client) => (await client.query('SELECT 1')).rowCount === 1,
    max: 10,
    min: 2,
    idleTimeoutMs: 700,
    createTimeoutMs: 1_000,
    destroyTimeoutMs: 500,
    createBackoff: { baseMs: 50, maxMs: 400 },
    leakThresholdMs: 1_500,
    reclaimLeaked: true,
    onLeak,
  });
  return { pool, attemptsMs };
}
