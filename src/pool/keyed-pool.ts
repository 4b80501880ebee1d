import { integer } from '../core/check.ts';
import { Budget } from './budget.ts';
import { PoolError } from './errors.ts';
import { Floor } from './floor.ts';
import type { CreateContext, PoolOptions } from './options.ts';
import type { AcquireOptions, Lease, PoolCloseOptions, PoolStats } from './pool-types.ts';
import { checkClose, ResourcePool } from './resource-pool.ts';
import type { PoolSettings } from './settings.ts';
import { settingsOf } from './settings.ts';

/** Options of {@link createKeyedPool}: those of a pool, where `max` and `maxWaiters` hold for all keys together. */
export interface KeyedPoolOptions<K, T> extends Omit<PoolOptions<T>, 'create' | 'min' | 'minIdle'> {
  /** Makes a resource for `key`. */
  readonly create: (key: K, ctx: CreateContext) => T | PromiseLike<T>;
  /** Resources for one key at most. At least 1. @defaultValue `max` */
  readonly maxPerKey?: number | undefined;
}

/** Resources of many kinds under one bound, as connections to many hosts. */
export interface KeyedPool<K, T> extends AsyncDisposable {
  /** As `acquire` of a pool. Those of a key are served in order; over keys, who has waited longest gets what comes free. */
  acquire(key: K, options?: AcquireOptions): Promise<Lease<T>>;
  /** As `use` of a pool. */
  use<R>(key: K, fn: (resource: T) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R>;
  /** Retires the resources of `key`, or all of them. */
  clear(key?: K): void;
  /** Ends all. */
  close(options?: PoolCloseOptions): Promise<void>;
  /** Counts over all keys, and how many keys there are now. O(keys). */
  stats(): PoolStats & { readonly keys: number };
}

/**
 * Creates a {@link KeyedPool}: a pool for each key, made at first use and forgotten when it has neither
 * resources nor waiters, all of them under one bound.
 *
 * When the bound is reached, who has waited longest over all keys gets the next slot, and takes that of the
 * resource that has been idle for longest under another key. O(1), and O(keys that wait for a slot) for a
 * slot that is passed on; with `keepaliveMs`, O(idle resources) to find the one to be taken.
 *
 * @example
 * ```ts
 * import { createKeyedPool } from 'holdfast/pool';
 *
 * const hosts = createKeyedPool({
 *   create: async (host: string) => ({ host, sent: 0 }),
 *   max: 50,
 *   maxPerKey: 10,
 *   idleTimeoutMs: 10_000,
 * });
 * await hosts.use('a.example.org', (connection) => connection.sent++);
 * await hosts.close();
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function createKeyedPool<K, T>(options: KeyedPoolOptions<K, T>): KeyedPool<K, T> {
  return new PoolOfPools(options);
}

interface Kept<T> {
  readonly pool: ResourcePool<T>;
  readonly floor: Floor<T>;
}

class PoolOfPools<K, T> implements KeyedPool<K, T> {
  readonly #create: KeyedPoolOptions<K, T>['create'];
  readonly #settings: PoolSettings<T>;
  readonly #maxPerKey: number;
  readonly #pools = new Map<K, Kept<T>>();
  readonly #keys = new Map<Floor<T>, K>();
  readonly #budget: Budget<T>;
  /** What pools counted that have been forgotten. */
  #past: PoolStats;
  #isClosed = false;

  constructor(options: KeyedPoolOptions<K, T>) {
    const { create } = options;
    this.#create = create;
    this.#settings = settingsOf<T>({
      ...options,
      create: create as unknown as PoolOptions<T>['create'],
      min: 0,
      minIdle: 0,
    });
    const { max, maxWaiters } = this.#settings;
    this.#maxPerKey = integer('maxPerKey', options.maxPerKey === undefined ? max : options.maxPerKey, 1, max);
    this.#budget = new Budget(max, maxWaiters, (floor) => this.#forget(floor));
    this.#past = new ResourcePool(this.#settings).stats();
  }

  #of(key: K): Kept<T> {
    const known = this.#pools.get(key);
    if (known) return known;
    const create: PoolOptions<T>['create'] = (ctx) => this.#create(key, ctx);
    const settings = { ...this.#settings, create, max: this.#maxPerKey };
    const floor = new Floor(settings, this.#budget);
    const kept = { floor, pool: new ResourcePool(settings, floor) };
    this.#pools.set(key, kept);
    this.#keys.set(floor, key);
    return kept;
  }

  #forget(floor: Floor<T>): void {
    if (!this.#keys.has(floor)) return;
    const key = this.#keys.get(floor) as K;
    const { pool } = this.#pools.get(key)!;
    this.#pools.delete(key);
    this.#keys.delete(floor);
    this.#past = sum([this.#past, pool.stats()]);
  }

  acquire(key: K, options?: AcquireOptions): Promise<Lease<T>> {
    if (this.#isClosed) return Promise.reject(this.#closedError());
    const { pool, floor } = this.#of(key);
    return this.#budget.during(floor, () => pool.acquire(options));
  }

  use<R>(key: K, fn: (resource: T) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R> {
    if (this.#isClosed) return Promise.reject(this.#closedError());
    const { pool, floor } = this.#of(key);
    return this.#budget.during(floor, () => pool.use(fn, options));
  }

  #closedError(): PoolError {
    return new PoolError('ERR_POOL_CLOSED', `${this.#settings.name} is closed`);
  }

  clear(...keys: readonly [K?]): void {
    if (keys.length === 0) for (const { pool } of this.#pools.values()) pool.clear();
    else this.#pools.get(keys[0] as K)?.pool.clear();
  }

  async close(options: PoolCloseOptions = {}): Promise<void> {
    checkClose(options);
    this.#isClosed = true;
    await Promise.all([...this.#pools.values()].map(({ pool }) => pool.close(options)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  stats(): PoolStats & { readonly keys: number } {
    const all = [...this.#pools.values()].map(({ pool }) => pool.stats());
    return { ...sum([this.#past, ...all]), max: this.#settings.max, keys: this.#pools.size };
  }
}

function sum(all: readonly PoolStats[]): PoolStats {
  const [first, ...rest] = all;
  const total = { ...first } as Record<keyof PoolStats, number>;
  for (const stats of rest)
    for (const [name, count] of Object.entries(stats)) total[name as keyof PoolStats] += count as number;
  return total;
}
