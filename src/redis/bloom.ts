import { BitFilter, createBitFilter } from '../bloom/bit-filter.ts';
import type { BloomFilter } from '../bloom/bloom-filter.ts';
import type { Header } from '../bloom/header.ts';
import { writeHeader } from '../bloom/header.ts';
import type { BloomHashOptions, BloomKey } from '../bloom/key.ts';
import { createHasher, hashInto } from '../bloom/key.ts';
import { placesOf, positionsOf } from '../bloom/probe.ts';
import type { BloomSizeOptions } from '../bloom/size.ts';
import { bloomSize, checkFloor, HEADER, TRAILER } from '../bloom/size.ts';
import { amount, oneOf, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Hash128 } from '../core/hash.ts';
import { newHash128 } from '../core/hash.ts';
import { BITMAP, MODULE } from './bloom.lua.ts';
import type { RedisSend } from './client.ts';
import type { RedisScript } from './script.ts';
import { runScript } from './script.ts';

/** Options of {@link redisBloom}. */
export interface RedisBloomOptions extends BloomSizeOptions, BloomHashOptions {
  /** The client, through `fromIoredis`, `fromNodeRedis` or `fromGlide`. */
  readonly send: RedisSend;
  /** The one key under which everything is kept. */
  readonly key: string;
  /** How long the filter lives after its first key, in milliseconds; then all of it is gone at once. Infinity: for good. */
  readonly ttlMs: number;
  /**
   * `bitmap` needs nothing but Redis. `bf` keeps the filter with the BF commands of Redis 8, RedisBloom
   * or valkey-bloom, which know no `layout`, `snapshot` and `push`.
   *
   * @defaultValue 'bitmap'
   */
  readonly command?: 'bitmap' | 'bf' | undefined;
  /**
   * After this a call rejects with code ERR_STORE_TIMEOUT, whatever the client does.
   *
   * @defaultValue 1000
   */
  readonly timeoutMs?: number | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/** Settings of one call to Redis. */
export interface RedisBloomCallOptions {
  /** Rejects the call with its reason; what was sent may still be carried out. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A Bloom filter in Redis, for any number of processes. Each call rejects with what the client rejects
 * with, with code ERR_STORE_TIMEOUT after `timeoutMs`, and with code ERR_BLOOM_MISMATCH when the key
 * holds anything but a filter of the same settings.
 */
export interface AsyncBloom {
  /**
   * Adds a key; whether it was new: of all clients that race for a key, one is told so. When a call
   * rejects, or the client has resent it over a new connection, the key may be in although nobody was told.
   */
  add(key: BloomKey, options?: RedisBloomCallOptions): Promise<boolean>;
  /** True for every key that was added, and for a small share of those that were not. */
  has(key: BloomKey, options?: RedisBloomCallOptions): Promise<boolean>;
  /** Adds keys; how many were new. One round trip for every thousand or so, each within `timeoutMs`. */
  addAll(keys: Iterable<BloomKey>, options?: RedisBloomCallOptions): Promise<number>;
  /** 1 or 0 for each key. One round trip for every thousand or so, each within `timeoutMs`. */
  hasAll(keys: Iterable<BloomKey>, options?: RedisBloomCallOptions): Promise<Uint8Array>;
  /**
   * Copies the filter, to be asked without Redis. One round trip for every 32 KB, each within `timeoutMs`. Begins
   * again when the filter expires or is replaced under way; ERR_BLOOM_MISMATCH after the third time.
   */
  snapshot(options?: RedisBloomCallOptions): Promise<BloomFilter>;
  /**
   * Adds all keys of a local filter of the same options. One round trip for every 16 KB that is not
   * empty, each within `timeoutMs`; when one fails, push again. Begins again as {@link snapshot} does, so that
   * either all of the keys are in when it resolves, or the filter they were pushed to has gone as a whole.
   */
  push(filter: BloomFilter, options?: RedisBloomCallOptions): Promise<void>;
}

/**
 * Creates an {@link AsyncBloom} over one Redis string: the header and bits of a local filter of the same
 * options. Sends nothing until the first call; the first `add` creates the key, at the cost of its memory.
 *
 * @example
 * ```ts no-run
 * import { createClient } from 'redis';
 * import { fromNodeRedis, redisBloom } from 'holdfast/redis';
 *
 * const send = fromNodeRedis(await createClient().connect());
 * const seen = redisBloom({ send, key: 'seen', capacity: 100_000, falsePositiveRate: 0.001, ttlMs: 86_400_000 });
 * if (await seen.add('order:42')) console.log('nobody has seen it before');
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds, or it needs more than 512 MB.
 */
export function redisBloom(options: RedisBloomOptions): AsyncBloom {
  return new BitmapBloom(options);
}

/** Arguments of one call at the most: keeps the server from being held up, and below its limit of a million. */
const MOST_ARGS = 10_000;

/** Bytes copied at a time. */
const READ_BYTES = 32_768;
const PUSH_BYTES = 16_384;

/** Tries to copy a filter, or to push to it, that is replaced by another under way. */
const TRIES = 3;

class BitmapBloom implements AsyncBloom {
  readonly #send: RedisSend;
  readonly #key: string;
  readonly #bounds: { readonly timeoutMs: number; readonly clock: Clock | undefined };
  readonly #header: Header;
  /** What every call says first: the header, the length and the time to live. */
  readonly #settings: readonly string[];
  readonly #isModule: boolean;
  readonly #hash: Hash128 = newHash128();

  constructor(options: RedisBloomOptions) {
    const { send, key, capacity, falsePositiveRate, layout = 'blocked' } = options;
    const { ttlMs, command = 'bitmap', timeoutMs = 1000, clock } = options;
    if (typeof send !== 'function') refuse('send', 'a function, as fromIoredis makes', send);
    if (typeof key !== 'string') refuse('key', 'a text', key);
    this.#isModule = oneOf('command', command, ['bitmap', 'bf']) === 'bf';
    const { bits, hashes } = bloomSize(options);
    const isBlocked = layout === 'blocked';
    const hasher = createHasher(options);
    if (hasher.secret) checkFloor(falsePositiveRate, capacity);
    this.#header = { capacity, falsePositiveRate, isBlocked, bits, hashes, hasher };
    const bytes = HEADER + bits / 8 + TRAILER;
    // The longest string of Redis.
    if (!this.#isModule && bytes > 2 ** 29)
      refuse('capacity', `small enough for 512 MB at a rate of ${falsePositiveRate}`, capacity);
    const ttl = ttlMs === Infinity ? 0 : Math.ceil(amount('ttlMs', ttlMs, 1, Number.MAX_SAFE_INTEGER));
    const head = new ArrayBuffer(HEADER);
    writeHeader(head, this.#header);
    this.#settings = this.#isModule
      ? [String(capacity), String(falsePositiveRate), String(ttl)]
      : [toHex(new Uint8Array(head)), String(bytes), String(ttl)];
    this.#send = send;
    this.#key = key;
    this.#bounds = { timeoutMs: amount('timeoutMs', timeoutMs, 1, 2 ** 31 - 1), clock };
  }

  async add(key: BloomKey, options?: RedisBloomCallOptions): Promise<boolean> {
    return (await this.#ask('add', [key], options))[0] === 0;
  }

  async has(key: BloomKey, options?: RedisBloomCallOptions): Promise<boolean> {
    return (await this.#ask('has', [key], options))[0] === 1;
  }

  async addAll(keys: Iterable<BloomKey>, options?: RedisBloomCallOptions): Promise<number> {
    const wasThere = await this.#ask('add', [...keys], options);
    return wasThere.reduce((added, each) => added + 1 - each, 0);
  }

  async hasAll(keys: Iterable<BloomKey>, options?: RedisBloomCallOptions): Promise<Uint8Array> {
    return this.#ask('has', [...keys], options);
  }

  async snapshot(options: RedisBloomCallOptions = {}): Promise<BloomFilter> {
    this.#refuseModule('snapshot');
    return this.#unlessReplaced('read', () => this.#read(options));
  }

  async push(filter: BloomFilter, options: RedisBloomCallOptions = {}): Promise<void> {
    this.#refuseModule('push');
    if (!(filter instanceof BitFilter)) refuse('filter', 'a filter that createBloomFilter made', filter);
    const bytes = filter.toBytes();
    if (toHex(bytes.subarray(0, HEADER)) !== this.#settings[0]) {
      throw new RangeError('filter must have the options of the filter in Redis');
    }
    await this.#unlessReplaced('pushed to', () => this.#merge(bytes, options));
  }

  /** Merges the bits in part by part; whether all of them went to one and the same filter. */
  async #merge(bytes: Uint8Array, options: RedisBloomCallOptions): Promise<true | undefined> {
    let made: string | undefined;
    for (let from = HEADER; from < bytes.length - TRAILER; from += PUSH_BYTES) {
      const part = bytes.subarray(from, Math.min(from + PUSH_BYTES, bytes.length - TRAILER));
      // The first part goes out even when it is empty: it creates the key.
      if (from > HEADER && part.every((byte) => byte === 0)) continue;
      const stamp = await this.#run(BITMAP, ['merge', ...this.#settings, String(from), toHex(part)], options);
      if (stamp !== (made ??= stamp)) return undefined;
    }
    return true;
  }

  /** What `attempt` gives, which is nothing when the filter was replaced by another under way. */
  async #unlessReplaced<T>(how: string, attempt: () => Promise<T | undefined>): Promise<T> {
    for (let tries = 1; tries <= TRIES; tries++) {
      const result = await attempt();
      if (result !== undefined) return result;
    }
    throw new HoldfastError('ERR_BLOOM_MISMATCH', `the filter ${this.#key} was replaced while it was ${how}`);
  }

  /** One 0 or 1 for each key: whether it was there. All keys are checked before anything is sent. */
  async #ask(op: 'add' | 'has', keys: readonly BloomKey[], options: RedisBloomCallOptions = {}): Promise<Uint8Array> {
    const each = keys.map((key) => this.#argsOf(key));
    const perKey = this.#isModule ? 1 : this.#header.hashes;
    const atOnce = Math.max(1, Math.floor(MOST_ARGS / perKey));
    const answers = new Uint8Array(keys.length);
    for (let from = 0; from < keys.length; from += atOnce) {
      const args = [op, ...this.#settings, String(perKey), ...each.slice(from, from + atOnce).flat()];
      const reply = await this.#run(this.#isModule ? MODULE : BITMAP, args, options);
      const count = Math.min(atOnce, keys.length - from);
      for (let at = 0; at < count; at++) answers[from + at] = reply[at] === '1' ? 1 : 0;
    }
    return answers;
  }

  /** What is sent of a key: the numbers of its bits, as Redis counts them, or its hash. */
  #argsOf(key: BloomKey): string[] {
    const hash = this.#hash;
    hashInto(hash, key, this.#header.hasher);
    if (this.#isModule)
      return [[hash.a, hash.b, hash.c].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')];
    // Redis counts the bits of a byte from the highest, we from the lowest.
    const positions = positionsOf(placesOf(this.#header), hash);
    return positions.map((at) => String(HEADER * 8 + at + 7 - 2 * (at % 8)));
  }

  /** Copies the filter; nothing when it was replaced meanwhile. */
  async #read(options: RedisBloomCallOptions): Promise<BloomFilter | undefined> {
    const filter = createBitFilter(this.#header, false);
    const bytes = new Uint8Array(filter.words.length * 4);
    let made: string | undefined;
    for (let from = 0; from < bytes.length; from += READ_BYTES) {
      const range = [String(HEADER + from), String(HEADER + Math.min(from + READ_BYTES, bytes.length) - 1)];
      const reply = await this.#run(BITMAP, ['read', ...this.#settings, ...range], options);
      // The time at which the filter was made, or nothing when there is none.
      const stamp = reply.slice(0, TRAILER);
      if (stamp !== (made ??= stamp)) return undefined;
      for (let at = TRAILER; at < reply.length; at += 2) {
        bytes[from + (at - TRAILER) / 2] = Number.parseInt(reply.slice(at, at + 2), 16);
      }
    }
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < filter.words.length; at++) filter.words[at] = view.getInt32(4 * at, true);
    return filter;
  }

  async #run(script: RedisScript, args: readonly string[], { signal }: RedisBloomCallOptions): Promise<string> {
    const reply = String(await runScript(this.#send, script, [this.#key], args, { ...this.#bounds, signal }));
    if (reply === 'other') {
      throw new HoldfastError('ERR_BLOOM_MISMATCH', `${this.#key} holds something else than a filter of these options`);
    }
    return reply;
  }

  #refuseModule(what: string): void {
    if (this.#isModule) throw new TypeError(`${what} needs command to be 'bitmap'`);
  }
}

function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}
