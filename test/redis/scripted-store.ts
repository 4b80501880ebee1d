import type { RateLimitPolicy, StoredRateLimiter } from '../../src/rate-limit/index.ts';
import type { RedisRateLimiterOptions } from '../../src/redis/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

/** A limiter over a store that answers what the test says, and what it was asked. */
export interface Scripted {
  readonly clock: VirtualClock;
  readonly limiter: StoredRateLimiter;
  /** Each trip: its operations, as the script takes them. */
  readonly trips: string[][];
  readonly keys: string[];
  /** Numbers of the policies, as the script takes them. */
  readonly numbers: string[][];
  /** How it answers from now on; see rate-limit.lua.ts. */
  answers: (operations: readonly string[]) => unknown;
}

/** Gives whatever is asked for: a reservation 7, 99 units left, 1000 ms to be as good as new. */
export function generous(operations: readonly string[], policies = 1): string {
  const rows: string[] = [];
  for (let at = 0; at < operations.length; at += 3) {
    const [name, units, other] = operations.slice(at, at + 3) as [string, string, string];
    if (name > '2') continue;
    const took = name === '2' ? Math.max(Number(units), Number(other)) : units;
    rows.push(`${took},${name === '2' ? 7 : 0}${',99,0,1000'.repeat(policies)}`);
  }
  return rows.join(',');
}

export function scripted(
  policy: RateLimitPolicy | readonly RateLimitPolicy[],
  options: RedisRateLimiterOptions = {},
): Scripted {
  const count = [policy].flat().length;
  const clock = createVirtualClock();
  const made: Omit<Scripted, 'limiter'> = {
    clock,
    trips: [],
    keys: [],
    numbers: [],
    answers: (operations) => generous(operations, count),
  };
  const limiter = redisRateLimiter(
    async (command) => {
      const args = command.slice(4);
      const operations = args.slice(3 * count);
      made.keys.push(command[3]!);
      made.numbers.push(args.slice(0, 3 * count));
      made.trips.push(operations);
      return made.answers(operations.length > 0 ? operations : ['1', '1', '0']);
    },
    policy,
    { clock, ...options },
  );
  return Object.assign(made, { limiter });
}
