import type {
  Tier,
  TierCaller,
  TierChange,
  TierEntry,
  TierMessage,
  TierPartition,
  TierReceipt,
  TierState,
} from '../cache/tiered-store.ts';
import { integer, optionalFunction, refuse } from '../core/check.ts';
import type { Deadline } from '../core/deadline.ts';
import type { RedisSend } from './client.ts';
import type { RedisScript } from './script.ts';
import { runScript } from './script.ts';
import { EXTEND, FILL, INVALIDATE, LAGGING, READ, SYNC, WRITE } from './tier.lua.ts';
import type { RedisSubscriber } from './tier-subscriber.ts';

/** Options of {@link redisTier}. */
export interface RedisTierOptions {
  /**
   * Brings invalidations at once. Without one they are heard of when news is asked for, three times per
   * `l1MaxStaleMs`.
   */
  readonly subscriber?: RedisSubscriber | undefined;
  /** Stands before the name of each key, without braces. @defaultValue 'holdfast:cache' */
  readonly prefix?: string | undefined;
  /**
   * Hash slots over which the keys are spread, for a cluster. Each is asked for news on its own. The same in all
   * processes. @defaultValue 1
   */
  readonly partitions?: number | undefined;
}

/**
 * Lets tiered caches share values in Redis or Valkey, from version 6.2 on.
 *
 * Each verb is one script on keys of one hash slot, O(tags of the entry), O(tags) for an invalidation, plus O(members)
 * for a change. A partition has three keys besides two for each entry, all with a time to live.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { createCache, createTieredCache } from 'holdfast/cache';
 * import { fromIoredis, redisTier, subscriberFromIoredis } from 'holdfast/redis';
 *
 * const tier = redisTier(fromIoredis(new Redis()), { subscriber: subscriberFromIoredis(new Redis()) });
 * const cache = createTieredCache<string>({ l1: createCache({ maxEntries: 1000 }), tier, ttlMs: 60_000 });
 * console.log(await cache.getOrLoad('greeting', async () => 'hello'));
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function redisTier(send: RedisSend, options: RedisTierOptions = {}): Tier {
  const { subscriber, prefix = 'holdfast:cache', partitions = 1 } = options;
  if (typeof send !== 'function') refuse('send', 'a function, as fromIoredis makes', send);
  if (typeof prefix !== 'string' || /[{}]/.test(prefix)) refuse('prefix', 'a text without braces', prefix);
  optionalFunction('subscriber', subscriber);
  return {
    partitions: Array.from({ length: integer('partitions', partitions, 1, 16_384) }, (_, at) =>
      partition(send, `{${prefix}:${at}}`, subscriber),
    ),
  };
}

/** How the partition stands, and the rest of a reply. */
function readReply(reply: unknown): [TierState, ...unknown[]] {
  const [epoch, mark, ...rest] = Array.isArray(reply) ? (reply as unknown[]) : [];
  // A stand-in of a client, or a proxy, may answer anything. Taken for word of the tier it would be asked for ever.
  if (typeof epoch !== 'string' || !(Number(mark) >= 0)) throw new TypeError('Redis answered with no state of a tier');
  return [{ epoch, mark: Number(mark) }, ...rest];
}

function partition(send: RedisSend, name: string, subscriber: RedisSubscriber | undefined): TierPartition {
  const common = [name, `${name}:l`, `${name}:t`] as const;
  const run = (
    script: RedisScript,
    key: string | undefined,
    { token }: TierCaller,
    limits: Deadline,
    ...args: readonly (string | number)[]
  ): Promise<unknown> => {
    const own = key === undefined ? [] : [entryKey(name, key), leaseKey(name, key)];
    return runScript(send, script, [...common, ...own], [token, ...args.map(String)], limits);
  };
  const receipt = async (reply: Promise<unknown>): Promise<TierReceipt> => {
    const [state, lagging] = readReply(await reply);
    return { ...state, lagging: lagging as string[] };
  };
  return {
    async read(caller, key, leaseMs, isForced, limits) {
      const reply = readReply(await run(READ, key, caller, limits, leaseMs, Number(isForced)));
      const [state, payload, ms, tags] = reply;
      if (typeof payload === 'string')
        return { ...state, isLeased: false, entry: { payload, ttlMs: Number(ms), tags: readTags(tags as string) } };
      return { ...state, isLeased: Number(ms) === -1, waitMs: Number(ms) };
    },
    extend: (caller, key, leaseMs, limits) =>
      runScript(send, EXTEND, [leaseKey(name, key)], [caller.token, String(leaseMs)], limits),
    fill: async (caller, key, entry, { epoch, mark }, limits) =>
      Number(await run(FILL, key, caller, limits, epoch, mark, ...entryArgs(entry))) === 1,
    write: (caller, key, isAwaited, entry, { epoch, mark }, limits) => {
      const args = [
        caller.member,
        Number(isAwaited),
        JSON.stringify(key),
        epoch,
        mark,
        ...(entry ? entryArgs(entry) : []),
      ];
      return receipt(run(WRITE, key, caller, limits, ...args));
    },
    invalidate: (caller, tags, isAwaited, limits) => {
      const stamps = tags === null ? ['*'] : tags.map((tag) => JSON.stringify(tag));
      return receipt(
        run(INVALIDATE, undefined, caller, limits, caller.member, Number(isAwaited), JSON.stringify(tags), ...stamps),
      );
    },
    async sync(caller, since, limits) {
      const reply = await run(SYNC, undefined, caller, limits, caller.member, since.epoch, since.mark);
      const [state, news] = readReply(reply) as [TierState, (readonly string[] | null)?];
      return { ...state, changes: news?.map((text) => JSON.parse(text) as TierChange) };
    },
    lagging: (caller, mark, gone, limits) =>
      run(LAGGING, undefined, caller, limits, caller.member, mark, ...gone) as Promise<readonly string[]>,
    leave: (caller, limits) => run(LAGGING, undefined, caller, limits, caller.member, 0, `m${caller.member}`, ''),
    subscribe:
      subscriber &&
      ((onMessage) =>
        subscriber(name, (text) => {
          const message = readMessage(text);
          if (message) onMessage(message);
        })),
  };
}

/** JSON keeps lone surrogates apart, which UTF-8 does not. */
const entryKey = (name: string, key: string): string => `${name}:e:${JSON.stringify(key)}`;
const leaseKey = (name: string, key: string): string => `${name}:h:${JSON.stringify(key)}`;

function entryArgs({ ttlMs, payload, tags }: TierEntry): (string | number)[] {
  return [ttlMs, payload, tags.map((tag) => JSON.stringify(tag)).join('\n')];
}

function readTags(text: string): string[] {
  return text === '' ? [] : text.split('\n').map((tag) => JSON.parse(tag) as string);
}

/** `epoch mark isAwaited change`, or nothing where anybody else has published something. */
function readMessage(text: string): TierMessage | undefined {
  const parts = /^(\S+) (\d+) ([01]) (.*)$/.exec(text);
  if (!parts) return undefined;
  const [, epoch, mark, isAwaited, change] = parts as unknown as [string, string, string, string, string];
  try {
    return { epoch, mark: Number(mark), isAwaited: isAwaited === '1', change: JSON.parse(change) as TierChange };
  } catch {
    return undefined;
  }
}
