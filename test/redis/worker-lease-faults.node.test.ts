import { describe, expect, it } from 'vitest';
import { runWithFaults, TERMS } from '../snowflake/fault-run.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { redisAvailability, startRedis } from '../support/redis.ts';

const { available } = redisAvailability();

describe.skipIf(!available || !canRunTypeScript)('leases in Redis', () => {
  it('make no two equal ids while holders are frozen, killed and misled by clocks, and the server is frozen and restarted empty', async () => {
    await using server = await startRedis();
    const { ids, duplicates, terms } = await runWithFaults('redis', server, () => server.restart(), 14);
    expect(duplicates).toBe(0);
    expect(ids).toBeGreaterThan(5000);
    expect(terms).toBeGreaterThanOrEqual(TERMS);
  }, 120_000);
});
