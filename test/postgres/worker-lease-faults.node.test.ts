import { describe, expect, it } from 'vitest';
import { runWithFaults, TERMS } from '../snowflake/fault-run.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import { canRunTypeScript } from '../support/processes.ts';

const { available } = postgresAvailability();

describe.skipIf(!available || !canRunTypeScript)('leases in PostgreSQL', () => {
  it('make no two equal ids while holders are frozen, killed and misled by clocks, and the server is frozen, crashes and is emptied', async () => {
    await using server = await startPostgres();
    let losses = 0;
    const lose = async (): Promise<void> => {
      if (losses++ % 2) await server.query('DROP TABLE holdfast_worker_leases');
      else {
        await server.kill();
        await server.restart();
      }
    };
    const { ids, duplicates, terms } = await runWithFaults('postgres', server, lose, 14);
    expect(duplicates).toBe(0);
    expect(ids).toBeGreaterThan(3000);
    expect(terms).toBeGreaterThanOrEqual(TERMS);
  }, 180_000);
});
