import { refuse } from '../core/check.ts';
import type { RateLimitPolicy, StoredRateLimiter } from '../rate-limit/rate-limit-policy.ts';
import { StoreLimiter } from '../rate-limit/stored-limiter.ts';
import type { StoredRateLimiterOptions } from '../rate-limit/stored-options.ts';
import { storedSettings } from '../rate-limit/stored-options.ts';
import { escapeKey, ruleOf, signatureOf, storedPolicies } from '../rate-limit/stored-rule.ts';
import type { StoredRule } from '../rate-limit/stored-rule.ts';
import type { StoreRun } from '../rate-limit/stored-trips.ts';
import type { SqlClient } from './client.ts';
import { withDeadline } from '../core/deadline.ts';
import { rateLimitTable } from './rate-limit.sql.ts';

/** Options of {@link postgresRateLimiter}. */
export interface PostgresRateLimiterOptions extends StoredRateLimiterOptions {
  /**
   * The table, made when it is missing together with a function of its name and `_v1`; with a schema in front where
   * wanted.
   *
   * @defaultValue 'holdfast_rate_limits'
   */
  readonly table?: string | undefined;
}

/**
 * Limits that all processes with one PostgreSQL share, by the server's clock.
 *
 * For where there is no Redis: a decision, on any number of policies, is one statement that calls one function, and
 * those on one key wait for each other. Refusals and peeks write nothing. Rows go when new ones come, within half a
 * minute of being as good as new. The table is not logged: a crash of the server empties it, and what it held is taken
 * for unused. Calls reject with what the client rejects with or code ERR_STORE_TIMEOUT, as `onStoreError` says, and
 * with code ERR_RATE_LIMIT_CLOSED once closed. Wants READ COMMITTED, the usual isolation.
 *
 * @example
 * ```ts no-run
 * import { Pool } from 'pg';
 * import { fromPg, postgresRateLimiter } from 'holdfast/postgres';
 * import { slidingWindow } from 'holdfast/rate-limit';
 *
 * const limiter = postgresRateLimiter(fromPg(new Pool()), slidingWindow({ limit: 100, windowMs: 60_000 }));
 * const { allowed, retryAfterMs } = await limiter.consume('user:42');
 * if (!allowed) console.log(`come back in ${retryAfterMs} ms`);
 * ```
 *
 * @throws RangeError or TypeError for bad options, two policies of one name, and a bucket whose `initial` is not its
 * `burst`.
 */
export function postgresRateLimiter(
  client: SqlClient,
  policy: RateLimitPolicy | readonly RateLimitPolicy[],
  options: PostgresRateLimiterOptions = {},
): StoredRateLimiter {
  const { table = 'holdfast_rate_limits' } = options;
  if (typeof client?.query !== 'function') refuse('client', 'a SqlClient', client);
  if (typeof table !== 'string' || !/^([a-z_]\w*\.)?[a-z_]\w*$/i.test(table))
    refuse('table', 'a plain name, with a schema or without', table);
  const settings = storedSettings(options);
  const policies = storedPolicies(policy);
  const rules = policies.map(ruleOf);
  const { timeoutMs, clock } = settings;
  const ask = asker(client, table, rules);
  const start = signatureOf(policies, rules);
  return new StoreLimiter(
    (key, operations) =>
      withDeadline('PostgreSQL', { timeoutMs, clock }, () => ask(start + escapeKey(key), operations)),
    policies,
    rules,
    settings,
  );
}

/** SQLSTATE of a missing function or table, or schema of either. */
const MISSING = ['42883', '42P01', '3F000'];

/** Two made it at once: PostgreSQL lets one of them run into what the other has made, or is just making. */
const THERE_ALREADY = ['23505', '42P07', '42710', '42723', 'XX000'];

/** Asks the function about a key, having made it first where it is missing. */
function asker(client: SqlClient, table: string, rules: readonly StoredRule[]): StoreRun {
  const list = (values: readonly unknown[]): string => `{${values.join(',')}}`;
  const numbers = [0, 1, 2].map((at) => list(rules.map((rule) => rule.numbers[at])));
  const kinds = list(rules.map(({ kind }) => kind));
  const text = `SELECT ${table}_v1($1::text, $2::text::text[], $3::text::numeric[], $4::text::numeric[],
    $5::text::numeric[], $6::text::numeric[])::text AS reply`;
  return async (key, operations) => {
    const ask = async (): Promise<string> => {
      const [row] = await client.query(text, [key, kinds, ...numbers, list(operations)]);
      return String(row!['reply']).slice(1, -1);
    };
    try {
      return await ask();
    } catch (error) {
      if (!MISSING.includes(codeOf(error))) throw error;
    }
    for (const statement of rateLimitTable(table)) await orThere(client.query(statement, []));
    return ask();
  };
}

async function orThere(made: PromiseLike<unknown>): Promise<void> {
  try {
    await made;
  } catch (error) {
    if (!THERE_ALREADY.includes(codeOf(error))) throw error;
  }
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown } | null | undefined)?.code);
}
