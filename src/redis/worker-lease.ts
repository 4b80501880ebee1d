import { amount, integer, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import type {
  LeaseGrant,
  LeaseRelease,
  LeaseRenewal,
  LeaseRequest,
  WorkerLeaseStore,
} from '../snowflake/lease-store.ts';
import type { RedisSend } from './client.ts';
import type { RedisScript } from './script.ts';
import { runScript } from './script.ts';

/** Options of {@link redisWorkerLeaseStore}. */
export interface RedisWorkerLeaseStoreOptions {
  /**
   * Stands before the name of each key; a pool has one key.
   *
   * @defaultValue 'holdfast:worker-lease:'
   */
  readonly prefix?: string | undefined;
  /**
   * After this a call rejects with code ERR_STORE_TIMEOUT.
   *
   * @defaultValue 2000
   */
  readonly timeoutMs?: number | undefined;
  /** Where the deadlines come from. Leases go by the clock of the server. */
  readonly clock?: Clock | undefined;
}

/**
 * Keeps worker leases in Redis or Valkey, a hash for each pool.
 *
 * Up to 65 536 worker ids in a pool. Each verb is one script, and a grant looks at every worker id of the pool: about a
 * millisecond of the server for 1024. The server's `TIME` decides. A server that lost everything is safe, unless its
 * clock was set back: worker ids it knows nothing of start a `ttlMs` later. A failover to a replica that lacks the last
 * write is not; see the guide.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { fromIoredis, redisWorkerLeaseStore } from 'holdfast/redis';
 * import { createLeasedSnowflake } from 'holdfast/snowflake';
 *
 * await using ids = await createLeasedSnowflake({ store: redisWorkerLeaseStore(fromIoredis(new Redis())) });
 * console.log(ids.next());
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function redisWorkerLeaseStore(send: RedisSend, options: RedisWorkerLeaseStoreOptions = {}): WorkerLeaseStore {
  const { prefix = 'holdfast:worker-lease:', timeoutMs = 2000, clock = shortClock } = options;
  if (typeof send !== 'function') refuse('send', 'a function', send);
  if (typeof prefix !== 'string') refuse('prefix', 'a text', prefix);
  const limits = { timeoutMs: amount('timeoutMs', timeoutMs, 1, 2 ** 31 - 1), clock };
  const run = (script: RedisScript, pool: string, ...args: readonly (string | number)[]): Promise<unknown> =>
    runScript(send, script, [prefix + pool], args.map(String), limits);
  return {
    acquire: async ({ pool, workerIds, ttlMs, coldStart }: LeaseRequest) => {
      // When all were used before, the script looks at each of them.
      integer('workerIds', workerIds, 1, 65_536);
      return grantOf(await run(ACQUIRE, pool, workerIds, ttlMs, coldStart));
    },
    renew: async ({ pool, workerId, fencingToken, ttlMs }: LeaseRenewal) => {
      const untilMs = await run(RENEW, pool, workerId, fencingToken, ttlMs);
      return untilMs === null ? null : Number(untilMs);
    },
    release: async ({ pool, workerId, fencingToken, untilMs }: LeaseRelease) => {
      await run(RELEASE, pool, workerId, fencingToken, Math.ceil(untilMs));
    },
  };
}

/** A reply of five numbers, or nothing. */
function grantOf(reply: unknown): LeaseGrant | null {
  if (!Array.isArray(reply)) return null;
  const [workerId, fencingToken, fromMs, untilMs, nowMs] = reply.map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return { workerId, fencingToken, fromMs, untilMs, nowMs };
}

/*
 * Fields of the hash: `cold`, from when on worker ids that were never granted are free; `next`, the first of
 * those; `token`, the last fencing token; `u7` and `t7`, the end of the last window of worker id 7 and the
 * token of its holder; `full`, before when none of them is free unless one is released, so that those who wait for
 * one do not have the server look at all of them each time. One key, so that eviction and expiry take all or
 * nothing. Numbers are formatted by hand, because Redis writes those of Lua with 14 or 17 digits, depending on its
 * version.
 */
const HEAD = `
local key = KEYS[1]
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local now = math.floor(us / 1000)
local function get(field) return tonumber(redis.call('HGET', key, field) or nil) end
local function set(field, value) redis.call('HSET', key, field, string.format('%.0f', value)) end
local function extend(id, till)
  set('u' .. id, till)
  redis.call('PEXPIRE', key, string.format('%.0f', math.max(604800000, 2 * (till - now))))
end
`;

/** Never granted ids first, then the one that has rested longest. */
const ACQUIRE: RedisScript = {
  lua: () => `${HEAD}
local ids, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])
local next = get('next')
if not next then
  next = 0
  set('cold', ARGV[3] == 'wait' and now + ttl or 0)
end
local id, from
if next < ids then
  id, from = next, get('cold')
  set('next', next + 1)
  set('full', 0)
else
  if now < (get('full') or 0) then return false end
  local first
  for other = 0, ids - 1 do
    local till = get('u' .. other)
    if not first or till < first then id, first = other, till end
  end
  if first > now then
    if ids == next then set('full', first) end
    return false
  end
  from = first
end
local token = math.max(us, (get('token') or 0) + 1)
set('token', token)
set('t' .. id, token)
local till = math.max(from, now + ttl)
extend(id, till)
return { id, token, from, till, now }
`,
};

const RENEW: RedisScript = {
  lua: () => `${HEAD}
if get('t' .. ARGV[1]) ~= tonumber(ARGV[2]) then return false end
local till = math.max(get('u' .. ARGV[1]), now + tonumber(ARGV[3]))
extend(ARGV[1], till)
return till
`,
};

const RELEASE: RedisScript = {
  lua: () => `${HEAD}
if get('t' .. ARGV[1]) == tonumber(ARGV[2]) then
  redis.call('HDEL', key, 't' .. ARGV[1], 'full')
  set('u' .. ARGV[1], math.min(get('u' .. ARGV[1]), tonumber(ARGV[3])))
end
return false
`,
};
