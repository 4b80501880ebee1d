import { refuse } from '../core/check.ts';
import type { RateLimitPolicy, StoredRateLimiter } from '../rate-limit/rate-limit-policy.ts';
import { StoreLimiter } from '../rate-limit/stored-limiter.ts';
import type { StoredRateLimiterOptions } from '../rate-limit/stored-options.ts';
import { storedSettings } from '../rate-limit/stored-options.ts';
import { escapeKey, ruleOf, signatureOf, storedPolicies } from '../rate-limit/stored-rule.ts';
import type { StoreRun } from '../rate-limit/stored-trips.ts';
import { TAKE } from '../rate-limit/stored-trips.ts';
import type { RedisSend } from './client.ts';
import { rateLimitScript } from './rate-limit.lua.ts';
import type { RedisScript } from './script.ts';
import { runScript } from './script.ts';

/** Options of {@link redisRateLimiter}. */
export interface RedisRateLimiterOptions extends StoredRateLimiterOptions {
  /**
   * Stands before the name of each key, of which there is one for all policies of a limiter.
   *
   * @defaultValue 'holdfast:rate-limit:'
   */
  readonly prefix?: string | undefined;
}

/**
 * Limits that all processes with one Redis or Valkey share, by the server's clock.
 *
 * A decision, on any number of policies, is one script on one key and so one round trip, O(1) but for logs, which are
 * read as a whole. Refusals and peeks write nothing. Keys expire as soon as they are as good as new. What the server
 * loses is taken for unused; a call that the client sends again may count twice. Sends nothing until the first call.
 * Calls reject with what the client rejects with or code ERR_STORE_TIMEOUT, as `onStoreError` says, and with code
 * ERR_RATE_LIMIT_CLOSED once closed.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { tokenBucket } from 'holdfast/rate-limit';
 * import { fromIoredis, redisRateLimiter } from 'holdfast/redis';
 *
 * const limiter = redisRateLimiter(fromIoredis(new Redis()), tokenBucket({ limit: 10, periodMs: 1000, burst: 20 }));
 * const { allowed, retryAfterMs } = await limiter.consume('user:42');
 * if (!allowed) console.log(`come back in ${retryAfterMs} ms`);
 * ```
 *
 * @throws RangeError or TypeError for bad options, two policies of one name, and a bucket whose `initial` is not its
 * `burst`.
 */
export function redisRateLimiter(
  send: RedisSend,
  policy: RateLimitPolicy | readonly RateLimitPolicy[],
  options: RedisRateLimiterOptions = {},
): StoredRateLimiter {
  const { prefix = 'holdfast:rate-limit:' } = options;
  if (typeof send !== 'function') refuse('send', 'a function, as fromIoredis makes', send);
  if (typeof prefix !== 'string') refuse('prefix', 'a text', prefix);
  const settings = storedSettings(options);
  const policies = storedPolicies(policy);
  const rules = policies.map(ruleOf);
  const text = rateLimitScript(rules.map(({ kind }) => kind));
  const script: RedisScript = { lua: () => text };
  const start = prefix + signatureOf(policies, rules);
  const numbers = rules.flatMap((rule) => rule.numbers.map(String));
  const run: StoreRun = (key, operations) =>
    runScript(
      send,
      script,
      [start + escapeKey(key)],
      isUsual(operations) ? numbers : [...numbers, ...operations],
      settings,
    );
  return new StoreLimiter(run, policies, rules, settings);
}

/** One unit is what the script takes unless told otherwise: fewer arguments make a shorter trip. */
function isUsual(operations: readonly string[]): boolean {
  return operations.length === 3 && operations[0] === TAKE && operations[1] === '1';
}
