import { amount, oneOf, refuse, texts } from '../core/check.ts';
import { withDeadline } from '../core/deadline.ts';
import { createSingleflight } from '../singleflight/singleflight.ts';
import type { Loader, LoadOptions } from './cache-options.ts';
import { CacheClosedError } from './errors.ts';
import { Link } from './tiered-link.ts';
import { TieredLoads } from './tiered-loads.ts';
import type {
  ChangeOptions,
  TieredCache,
  TieredCacheOptions,
  TieredCacheStats,
  TieredSetOptions,
} from './tiered-options.ts';
import type { TieredSettings } from './tiered-settings.ts';
import { checkTiered, LONGEST_TIMER_MS } from './tiered-settings.ts';
import type { TierChange, TierReceipt } from './tiered-store.ts';

/**
 * Creates a {@link TieredCache}: a cache of this process over one that all processes share.
 *
 * Sends nothing until it is used; then asks the tier for news three times per `l1MaxStaleMs` until it is closed, which
 * keeps no process alive. A read that the first level answers costs what one of `createCache` does; another one a round
 * trip, and a load one more behind the caller's back.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { createCache, createTieredCache } from 'holdfast/cache';
 * import { fromIoredis, redisTier, subscriberFromIoredis } from 'holdfast/redis';
 *
 * await using users = createTieredCache<{ name: string }>({
 *   l1: createCache({ maxEntries: 10_000 }),
 *   tier: redisTier(fromIoredis(new Redis()), { subscriber: subscriberFromIoredis(new Redis()) }),
 *   ttlMs: 600_000,
 *   loader: async (id) => ({ name: `user ${id}` }),
 * });
 * console.log(await users.getOrLoad('7'));
 * await users.delete('7', { wait: 'all' }); // from here on no process serves what was before
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function createTieredCache<V>(options: TieredCacheOptions<V>): TieredCache<V> {
  return new TwoLevels<V>(checkTiered(options));
}

const NO_OPTIONS: LoadOptions = {};

class TwoLevels<V> implements TieredCache<V> {
  readonly #settings: TieredSettings<V>;
  readonly #links: readonly Link[];
  readonly #loads: TieredLoads<V>;
  /** Reads that cannot trust the first level, before they have begun to. */
  readonly #doubtful = createSingleflight<string, V | undefined>();
  /** Loads that were begun without a word from the tier, by key. */
  readonly #blind = new Map<string, Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(settings: TieredSettings<V>) {
    this.#settings = settings;
    this.#loads = new TieredLoads(settings);
    const shared = { ...settings, drop: (change: TierChange) => this.#drop(change) };
    this.#links = settings.tier.partitions.map((part) => new Link(part, shared));
  }

  #linkOf(key: string): Link {
    // To the first level, null is everything.
    if (typeof key !== 'string') refuse('key', 'a text', key);
    const links = this.#links;
    // FNV-1a, which all processes have in common.
    let hash = 0x811c9dc5;
    if (links.length > 1)
      for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
    return links[(hash >>> 0) % links.length]!;
  }

  #drop(change: TierChange): void {
    const { l1 } = this.#settings;
    if (change === null) l1.clear();
    else if (typeof change === 'string') l1.delete(change);
    else l1.invalidateTags(change);
  }

  getOrLoad(
    key: string,
    loaderOrOptions?: Loader<string, V> | LoadOptions,
    options?: LoadOptions,
  ): Promise<V | undefined> {
    const isLoader = typeof loaderOrOptions === 'function';
    const loader = isLoader ? loaderOrOptions : this.#settings.loader;
    const own = (isLoader ? options : loaderOrOptions) ?? NO_OPTIONS;
    if (this.#closing) return Promise.reject(new CacheClosedError());
    if (!loader) return Promise.reject(new TypeError('no loader was given'));
    // Which rejects it.
    if (typeof key !== 'string') return this.get(key);
    const link = this.#linkOf(key);
    return link.isValid() ? this.#read(link, key, loader, own) : this.#doubt(link, key, loader, own);
  }

  #read(link: Link, key: string, loader: Loader<string, V>, options: LoadOptions): Promise<V | undefined> {
    const { l1 } = this.#settings;
    return l1.getOrLoad(key, (_, ctx) => this.#loads.load(link, key, loader, ctx, options.forceRefresh), options);
  }

  /*
   * The first level may have missed changes, so its values and the loads under way may be older than a change that
   * somebody was told is over. Where the tier gives no word, a reader shares only a load that begins after it came:
   * those who come while one runs wait for the next.
   */
  #doubt(link: Link, key: string, loader: Loader<string, V>, options: LoadOptions): Promise<V | undefined> {
    const { l1 } = this.#settings;
    return this.#doubtful.run(
      key,
      async ({ signal }) => {
        if (link.isUp()) await link.sync();
        if (!link.isValid()) await this.#blind.get(key);
        if (signal.aborted) return undefined;
        this.#doubtful.forget(key);
        const isBlind = !link.isValid();
        if (isBlind) l1.delete(key);
        const value = this.#read(link, key, loader, { ...options, signal });
        if (isBlind) this.#track(key, value);
        return value;
      },
      options,
    );
  }

  #track(key: string, value: Promise<unknown>): void {
    // The next one is begun after that, never before.
    const end = (): void => void this.#blind.delete(key);
    this.#blind.set(key, value.then(end, end));
  }

  async get(key: string, { signal }: Pick<LoadOptions, 'signal'> = NO_OPTIONS): Promise<V | undefined> {
    signal?.throwIfAborted();
    if (this.#closing) throw new CacheClosedError();
    const { l1, clock } = this.#settings;
    const link = this.#linkOf(key);
    const own = link.isValid() ? l1.get(key) : undefined;
    if (own !== undefined) return own;
    return withDeadline('the tier', { timeoutMs: LONGEST_TIMER_MS, signal, clock }, () => this.#find(link, key));
  }

  async #find(link: Link, key: string): Promise<V | undefined> {
    const { l1, limits, caller, l1TtlMs } = this.#settings;
    if (!link.isValid() && link.isUp()) {
      await link.sync();
      const own = link.isValid() ? l1.get(key) : undefined;
      if (own !== undefined) return own;
    }
    if (!link.isUp()) return undefined;
    if (link.pending.size > 0) await Promise.allSettled(link.pending);
    const { drops } = link;
    try {
      const { entry } = await link.part.read(caller(), key, 0, false, limits);
      const value = entry && this.#loads.decode(entry.payload);
      if (value === undefined) return undefined;
      this.#loads.tierHits++;
      // Else it may be what was dropped meanwhile.
      if (link.drops === drops) l1.set(key, value, { ttlMs: Math.min(entry!.ttlMs, l1TtlMs), tags: entry!.tags });
      return value;
    } catch (error) {
      link.fail(error);
      return undefined;
    }
  }

  async set(key: string, value: V, options: TieredSetOptions = {}): Promise<void> {
    if (value === undefined) refuse('value', 'anything but undefined, which stands for a missing one', value);
    const { caller, limits } = this.#settings;
    const terms = this.#loads.terms(key, value, options);
    const entry = terms.ttlMs > 0 ? { payload: this.#loads.encode(value), ...terms } : undefined;
    const link = this.#linkOf(key);
    // As it is now: what is heard of from here on may be newer than the value.
    const since = link.known;
    return this.#change([link], key, options, (isAwaited) =>
      link.part.write(caller(), key, isAwaited, entry, since, limits),
    );
  }

  async delete(key: string, options: ChangeOptions = {}): Promise<void> {
    const { caller, limits } = this.#settings;
    return this.#change([this.#linkOf(key)], key, options, (isAwaited, { part, state }) =>
      part.write(caller(), key, isAwaited, undefined, state, limits),
    );
  }

  async invalidateTags(tags: readonly string[], options: ChangeOptions = {}): Promise<void> {
    if (texts('tags', tags).length > 0) return this.#invalidate(tags, options);
  }

  async clear(options: ChangeOptions = {}): Promise<void> {
    return this.#invalidate(null, options);
  }

  #invalidate(tags: readonly string[] | null, options: ChangeOptions): Promise<void> {
    const { caller, limits } = this.#settings;
    return this.#change(this.#links, tags, options, (isAwaited, { part }) =>
      part.invalidate(caller(), tags, isAwaited, limits),
    );
  }

  async #change(
    links: readonly Link[],
    change: TierChange,
    { wait = 'shared', timeoutMs = LONGEST_TIMER_MS, signal }: ChangeOptions,
    send: (isAwaited: boolean, link: Link) => PromiseLike<TierReceipt>,
  ): Promise<void> {
    oneOf('wait', wait, ['local', 'shared', 'all']);
    amount('timeoutMs', timeoutMs, 0, LONGEST_TIMER_MS);
    signal?.throwIfAborted();
    if (this.#closing) throw new CacheClosedError();
    const one = async (link: Link, isOver: () => boolean): Promise<void> => {
      const receipt = await send(wait === 'all', link).then(undefined, (error: unknown) => {
        link.fail(error);
        throw error;
      });
      link.settle(change, receipt);
      if (wait === 'all') await link.acknowledged(receipt, isOver);
    };
    this.#drop(change);
    if (wait !== 'local') {
      return withDeadline('the fleet', { timeoutMs, signal, clock: this.#settings.clock }, async (isOver) => {
        await Promise.all(links.map((link) => one(link, isOver)));
      });
    }
    for (const link of links) {
      const work: Promise<void> = one(link, () => false)
        .catch(() => {})
        .finally(() => link.pending.delete(work));
      link.pending.add(work);
    }
  }

  async ready(): Promise<void> {
    for (const link of this.#links) {
      if (!this.#closing && !link.isValid()) await link.sync();
      if (this.#closing) throw new CacheClosedError();
      // Word that took longer than it lasts is word all the same.
      if (!link.isValid() && link.error) throw link.error;
    }
  }

  stats(): TieredCacheStats {
    const { tierHits, loads, fills, refusedFills } = this.#loads;
    const tierFailures = this.#links.reduce((sum, { failures }) => sum + failures, 0);
    const isConnected = this.#links.every((link) => link.isValid());
    return { tierHits, loads, fills, refusedFills, tierFailures, isConnected };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#settings.l1.close();
    await Promise.allSettled([...this.#loads.filling, ...this.#links.flatMap(({ pending }) => [...pending])]);
    await Promise.all(this.#links.map((link) => link.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
