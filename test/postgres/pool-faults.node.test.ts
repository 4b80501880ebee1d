import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { expectPromises, runOutage } from '../pool/outage-run.ts';
import type { Service } from '../pool/outage-run.ts';
import { activeResources } from '../support/leaks.ts';
import { postgresAvailability, startPostgres } from '../support/postgres.ts';
import type { PostgresServer } from '../support/postgres.ts';

const { available } = postgresAvailability();

function service(server: PostgresServer, faults: Pick<Service<pg.Client>, 'fell' | 'raise'>): Service<pg.Client> {
  return {
    async connect({ signal }) {
      const client = new pg.Client({ connectionString: server.url, query_timeout: 400, application_name: 'borrower' });
      client.on('error', () => {});
      const cut = (): void =>
        void (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      signal.addEventListener('abort', cut);
      await client.connect();
      signal.removeEventListener('abort', cut);
      return client;
    },
    ask: (client) => client.query('SELECT 1'),
    end(client) {
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    },
    ...faults,
  };
}

/** Waits for the server to have seen the ends of its connections. */
async function expectNoBackends(server: PostgresServer): Promise<void> {
  const count = async (): Promise<string | null | undefined> =>
    (await server.query("SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'borrower'"))[0]?.['n'];
  await expect.poll(count, { timeout: 2_000 }).toBe('0');
}

describe.skipIf(!available)('a pool of PostgreSQL connections under 100 borrowers', () => {
  it('keeps its promises while the server is killed and started again, and leaves no connection', async () => {
    await using server = await startPostgres({ settings: { max_connections: '30' } });
    const sockets = activeResources().get('TCPSocketWrap') ?? 0;
    const findings = await runOutage(service(server, { fell: () => server.kill(), raise: () => server.restart() }));
    expectPromises(findings);
    await expectNoBackends(server);
    await expect.poll(() => activeResources().get('TCPSocketWrap') ?? 0).toBeLessThanOrEqual(sockets);
  }, 60_000);

  it('keeps its promises while the server is frozen and woken, and leaves no connection', async () => {
    await using server = await startPostgres({ settings: { max_connections: '30' } });
    const findings = await runOutage(service(server, { fell: () => server.freeze(), raise: () => server.thaw() }));
    expectPromises(findings);
    await expectNoBackends(server);
  }, 60_000);
});
