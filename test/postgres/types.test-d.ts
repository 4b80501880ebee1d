/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import type { PGlite } from '@electric-sql/pglite';
import type { Client, Pool } from 'pg';
import type { Sql } from 'postgres';
import type { PostgresRateLimiterOptions, SqlClient, StoredRateLimitEvent } from '../../src/postgres/index.ts';
import { fromPg, fromPglite, fromPostgresJs, postgresRateLimiter } from '../../src/postgres/index.ts';
import { asPolicy, createRateLimiter, slidingLog, tokenBucket } from '../../src/rate-limit/index.ts';
import type {
  RateLimitPolicy,
  StoredRateLimitDecision,
  StoredRateLimiter,
  StoredReservation,
} from '../../src/rate-limit/index.ts';

/** Compiles only where the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? A : never;
declare function expectType<T>(): { is<V>(value: Same<V, T>): void };

declare const pool: Pool;
declare const single: Client;
declare const postgresJs: Sql;
declare const embedded: PGlite;
declare const client: SqlClient;
declare const policies: readonly RateLimitPolicy[];

const bucket = tokenBucket({ limit: 1, periodMs: 1 });

// Each client as it is, with one policy, several of a kind, and several of any.
postgresRateLimiter(fromPg(pool), bucket);
postgresRateLimiter(fromPostgresJs(postgresJs), [bucket, slidingLog({ limit: 1, windowMs: 1 })]);
postgresRateLimiter(fromPglite(embedded), policies);

const limiter = postgresRateLimiter(client, bucket, {
  table: 'limits.of_mine',
  timeoutMs: 1,
  onStoreError: createRateLimiter(bucket),
  cooldownMs: 0,
  lease: { units: 1, ttlMs: 1, maxKeys: 1 },
  denyCache: { maxKeys: 1, maxMs: 1 },
  batch: false,
  clock: performance as never,
  onEvent: (event) => expectType<StoredRateLimitEvent>().is(event),
});
// Options that are passed through may be missing.
postgresRateLimiter(client, bucket, {
  table: undefined,
  timeoutMs: undefined,
  onStoreError: undefined,
  cooldownMs: undefined,
  lease: undefined,
  denyCache: undefined,
  batch: undefined,
  clock: undefined,
  onEvent: undefined,
});
for (const onStoreError of ['throw', 'allow', 'deny'] as const) postgresRateLimiter(client, bucket, { onStoreError });
export const options: PostgresRateLimiterOptions = { lease: false, denyCache: false };

expectType<StoredRateLimiter>().is(limiter);
expectType<Promise<StoredRateLimitDecision>>().is(limiter.consume('key', 2));
expectType<Promise<StoredRateLimitDecision>>().is(limiter.peek());
expectType<Promise<StoredReservation | undefined>>().is(limiter.reserve('key', 2));
expectType<Promise<void>>().is(limiter.reset());
asPolicy(limiter, { key: () => 'key', cost: 2 });

export async function using(): Promise<void> {
  await using own = postgresRateLimiter(client, bucket);
  await using held = await own.reserve();
  await held?.settle(1);
}

// @ts-expect-error A pool is not a client of SQL: an adapter makes it one.
postgresRateLimiter(pool, bucket);
// @ts-expect-error One connection is not enough for transactions beside each other: a pool is.
fromPg(single);
// @ts-expect-error A limiter has a policy.
postgresRateLimiter(client);
// @ts-expect-error A policy is what a factory makes, not its options.
postgresRateLimiter(client, { limit: 1, windowMs: 1 });
// @ts-expect-error A table has a name.
postgresRateLimiter(client, bucket, { table: null });
// @ts-expect-error Keys of Redis have prefixes.
postgresRateLimiter(client, bucket, { prefix: 'a' });
// @ts-expect-error There is no such way out.
postgresRateLimiter(client, bucket, { onStoreError: 'closed' });
// @ts-expect-error Another store is no way out: it can fail as well.
postgresRateLimiter(client, bucket, { onStoreError: limiter });
// @ts-expect-error How long a lease lives is not guessed.
postgresRateLimiter(client, bucket, { lease: { units: 1 } });
// @ts-expect-error It is on by default, and otherwise has bounds.
postgresRateLimiter(client, bucket, { denyCache: true });
// @ts-expect-error A store is asked, and so never answers at once.
limiter.tryAcquire('key');
// @ts-expect-error A decision comes later.
void limiter.peek('key').remaining;
