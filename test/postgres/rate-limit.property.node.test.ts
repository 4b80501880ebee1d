import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { SqlClient } from '../../src/postgres/index.ts';
import { postgresRateLimiter } from '../../src/postgres/index.ts';
import type { RateLimitPolicy } from '../../src/rate-limit/index.ts';
import { anyPolicies, anyPolicyOf } from '../rate-limit/trace.ts';
import type { Step } from '../rate-limit/trace.ts';
import {
  anySteps,
  bucketOfTwo,
  comparable,
  inTurn,
  nextUs,
  reservations,
  shortOfUnits,
  SOME_MS,
  StoredPair,
} from '../redis/rate-limit-support.ts';
import type { ServerClock } from '../redis/rate-limit-support.ts';
import { scenarios } from '../redis/stored-scenarios.ts';
import { postgresAvailability } from '../support/postgres.ts';
import { usePostgres } from './postgres-suite.ts';

const { available } = postgresAvailability();

describe.skipIf(!available)('postgresRateLimiter', () => {
  const { client } = usePostgres();
  let trace = 0;

  /** The function as it is, save that it reads the time that the test sets. */
  function pinnedTo(clock: ServerClock): SqlClient {
    let calls = 0;
    return {
      ...client,
      query: async (text, params) => {
        if (text.startsWith('CREATE FUNCTION')) {
          const us = "current_setting('test.us')::numeric";
          return client.query(text.replace('floor(extract(epoch FROM clock_timestamp()) * 1000000)', us), params);
        }
        const us = clock.ms * 1000 + nextUs(clock, calls++);
        return client.transaction(async (query) => {
          await query(`SELECT set_config('test.us', '${us}', true)`, []);
          return query(text, params);
        });
      },
    };
  }

  async function compare(policies: readonly RateLimitPolicy[], steps: readonly Step[]): Promise<void> {
    const clock: ServerClock = { ms: SOME_MS };
    const { rules, some } = comparable(policies, steps);
    const limiter = postgresRateLimiter(pinnedTo(clock), rules, { denyCache: false, timeoutMs: 20_000 });
    const pair = new StoredPair(limiter, rules, clock, `${trace++}:`);
    for (const step of some) await pair.run(step);
  }

  // A tenth of the usual runs: each step is a transaction.
  const numRuns = Math.ceil(fc.readConfigureGlobal().numRuns! / 5);

  it.each(Object.entries(anyPolicyOf))(
    'decides by the written rule of a %s, to the unit and the millisecond',
    async (_kind, policy) => {
      await fc.assert(
        fc.asyncProperty(policy, anySteps, async (one, steps) => compare([one], steps)),
        { numRuns },
      );
    },
    60_000,
  );

  it('decides on several policies all or nothing, and says which refuse and for how long', async () => {
    await fc.assert(fc.asyncProperty(anyPolicies, anySteps, compare), { numRuns });
  }, 60_000);

  it.each(Object.entries(scenarios))(
    '%s',
    async (_title, play) => {
      const clock: ServerClock = { ms: SOME_MS };
      const options = { denyCache: false, timeoutMs: 20_000 } as const;
      await play((policy) => postgresRateLimiter(pinnedTo(clock), policy, options), clock, `scenario:${trace++}`);
    },
    60_000,
  );

  it.each(Object.entries(inTurn))(
    'gives back no more than still counts when the %s of two reservations is taken back first',
    async (_which, steps) => compare([bucketOfTwo], steps),
  );

  it('takes a reservation back as if it had never been made, at any time and in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(shortOfUnits, ...Object.values(anyPolicyOf)), reservations, async (one, steps) =>
        compare([one], steps),
      ),
      { numRuns },
    );
  }, 60_000);
});
