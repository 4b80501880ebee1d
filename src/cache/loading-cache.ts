import { noSignal } from '../core/check.ts';
import { keepAlive } from '../core/clock.ts';
import { guarded } from '../core/errors.ts';
import { resolved } from '../core/resolved.ts';
import type { OnOver } from '../singleflight/flight.ts';
import { outcomeOf, startBatch } from './batch.ts';
import type { BatchLoader, CacheStats, Loader, LoadOptions, LoadResult } from './cache-options.ts';
import { FRESH_UNTIL, LOAD_MS, RETRY_AT, WRITTEN_AT } from './entries.ts';
import { CacheClosedError, LoadTimeoutError } from './errors.ts';
import type { Stale } from './load.ts';
import { Load } from './load.ts';
import { SyncCache } from './sync-cache.ts';

const NO_OPTIONS: LoadOptions = {};

/*
 * Loads. `#loads` has the live load of each key; a write, a delete or an invalidation takes it out, after which it
 * answers those who wait for it and is otherwise forgotten: what it brings was read before.
 */
export class LoadingCache<K, V> extends SyncCache<K, V> {
  readonly #loads = new Map<K, Load<K, V>>();
  /** All that run, superseded ones included. */
  readonly #running = new Set<Load<K, V>>();
  #loadCount = 0;
  #loadFailures = 0;
  readonly #onOver: OnOver<V | undefined> = (load, isOk, result) =>
    this.#landed(load as Load<K, V>, isOk, result as V | undefined);

  protected override get loading(): Pick<CacheStats, 'loads' | 'loadFailures' | 'loading'> {
    return { loads: this.#loadCount, loadFailures: this.#loadFailures, loading: this.#running.size };
  }

  protected override claim(key: K, load: Load<K, V> | undefined, tags?: readonly string[]): boolean {
    if (load ? this.#loads.get(key) !== load : this.#loads.size === 0) return !load;
    this.#loads.delete(key);
    return !(load?.invalidated && tags?.some((tag) => load.invalidated!.has(tag)));
  }

  protected override supersede(tags?: readonly string[]): void {
    if (!tags) this.#loads.clear();
    // Which tags a load will have is known at its end only.
    for (const load of this.#loads.values()) for (const tag of tags!) (load.invalidated ??= new Set()).add(tag);
  }

  getOrLoad(key: K, loaderOrOptions?: Loader<K, V> | LoadOptions, options?: LoadOptions): Promise<V | undefined> {
    return typeof loaderOrOptions === 'function'
      ? this.#read(key, loaderOrOptions, options)
      : this.#read(key, this.settings.loader, loaderOrOptions);
  }

  async getOrLoadMany(
    keys: Iterable<K>,
    loadOrOptions?: BatchLoader<K, V> | LoadOptions,
    options?: LoadOptions,
  ): Promise<Map<K, LoadResult<V>>> {
    const isLoader = typeof loadOrOptions === 'function';
    const loadMany = isLoader ? loadOrOptions : this.settings.loadMany;
    const own = (isLoader ? options : loadOrOptions) ?? NO_OPTIONS;
    own.signal?.throwIfAborted();
    // Each key is read as a single call would; loads that have to be started wait for each other.
    const batch: Load<K, V>[] | undefined = loadMany && [];
    const reads = [...new Set(keys)].map(
      (key) => [key, outcomeOf(this.#read(key, this.settings.loader, own, batch))] as const,
    );
    if (batch && batch.length > 0) startBatch(batch, loadMany!);
    const results = new Map<K, LoadResult<V>>();
    for (const [key, read] of reads) {
      const result = await read;
      own.signal?.throwIfAborted();
      results.set(key, result);
    }
    return results;
  }

  refresh(key: K): Promise<V | undefined> {
    return this.#read(key, this.settings.loader, { forceRefresh: true });
  }

  #read(
    key: K,
    loader: Loader<K, V> | undefined,
    { signal, forceRefresh }: LoadOptions = NO_OPTIONS,
    batch?: Load<K, V>[],
  ): Promise<V | undefined> {
    const fault = signal && noSignal(signal);
    if (fault) return Promise.reject(fault);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.isClosed) return Promise.reject(new CacheClosedError());
    const { table } = this;
    const slot = table.slots.get(key);
    if (slot !== undefined && !forceRefresh) {
      const nowMs = table.times ? this.now() : 0;
      const isFresh = !table.times || this.use(slot, nowMs);
      if (isFresh || this.#isServedStale(key, slot, nowMs)) {
        this.hits++;
        if (!isFresh) this.staleHits++;
        const value = table.values[slot];
        table.evictor.hit(slot);
        if (table.stride > 1 && (!isFresh || this.#isDueBeforehand(slot, nowMs)))
          this.#refreshBehind(key, slot, loader, nowMs, batch);
        return resolved(value);
      }
    }
    this.misses++;
    return this.#join(key, loader, signal, batch);
  }

  #isDueBeforehand(slot: number, nowMs: number): boolean {
    const { earlyExpirationBeta, refreshAhead, random } = this.settings;
    const { table } = this;
    const untilMs = table.time(slot, FRESH_UNTIL);
    const writtenMs = table.time(slot, WRITTEN_AT);
    if (refreshAhead < 1 && nowMs >= writtenMs + (untilMs - writtenMs) * refreshAhead) return true;
    if (!(earlyExpirationBeta > 0)) return false;
    return -table.time(slot, LOAD_MS) * earlyExpirationBeta * Math.log(random()) >= untilMs - nowMs;
  }

  /** Whether a value out of date may be served at once. */
  #isServedStale(key: K, slot: number, nowMs: number): boolean {
    const { table, settings } = this;
    if (table.slots.get(key) !== slot || table.values[slot] === undefined) return false;
    // It is not older than the longer of its two times, or it would have been dropped.
    return (
      nowMs - table.time(slot, FRESH_UNTIL) < settings.staleWhileRevalidateMs ||
      nowMs < table.time(slot, RETRY_AT) ||
      this.#loads.get(key)?.isOverdue === true
    );
  }

  #refreshBehind(
    key: K,
    slot: number,
    loader: Loader<K, V> | undefined,
    nowMs: number,
    batch: Load<K, V>[] | undefined,
  ): void {
    if (!(loader || batch) || this.#loads.has(key) || nowMs < this.table.time(slot, RETRY_AT)) return;
    const load = this.#open(key);
    load.keepGoing();
    keepAlive(load.hardTimer, false);
    start(load, loader, batch);
  }

  #join(
    key: K,
    loader: Loader<K, V> | undefined,
    signal: AbortSignal | undefined,
    batch: Load<K, V>[] | undefined,
  ): Promise<V | undefined> {
    const running = this.#loads.get(key);
    if (running && !running.invalidated) {
      keepAlive(running.hardTimer, true);
      return running.join(signal);
    }
    if (!(loader || batch)) return Promise.reject(new TypeError('no loader was given'));
    const load = this.#open(key);
    const promise = load.join(signal);
    start(load, loader, batch);
    return promise;
  }

  #open(key: K): Load<K, V> {
    const { hardTimeoutMs, softTimeoutMs, clock } = this.settings;
    const startMs = this.table.stride > 1 ? this.now() : 0;
    const load = new Load<K, V>(key, this.#staleOf(key, startMs), startMs, this.#onOver);
    this.#loads.set(key, load);
    this.#running.add(load);
    this.#loadCount++;
    if (hardTimeoutMs < Infinity)
      load.hardTimer = clock.setTimeout(() => load.abort(new LoadTimeoutError(hardTimeoutMs)), hardTimeoutMs);
    if (softTimeoutMs < Infinity && load.ctx.stale)
      load.softTimer = clock.setTimeout(() => this.#overdue(load), softTimeoutMs);
    return load;
  }

  #staleOf(key: K, nowMs: number): Stale<V> | undefined {
    const { table } = this;
    const slot = table.slots.get(key);
    const value = slot === undefined || table.stride === 1 ? undefined : table.values[slot];
    return value === undefined ? undefined : { value, ageMs: nowMs - table.time(slot!, WRITTEN_AT) };
  }

  /** Whoever waits for it gets the stale value; the load goes on for those who come later. */
  #overdue(load: Load<K, V>): void {
    const stale = this.#loads.get(load.key) === load ? this.#rescue(load.key) : undefined;
    if (!stale) return;
    load.isOverdue = true;
    load.keepGoing();
    keepAlive(load.hardTimer, false);
    load.answer(stale.value);
  }

  /** The value that may be served because there is no newer one. */
  #rescue(key: K): { readonly value: V } | undefined {
    const { table, settings } = this;
    const { staleIfErrorMs } = settings;
    const slot = table.slots.get(key);
    const value = slot === undefined ? undefined : table.values[slot];
    const isOver = staleIfErrorMs === 0 || this.now() >= table.time(slot!, FRESH_UNTIL) + staleIfErrorMs;
    if (value === undefined || isOver) return undefined;
    this.staleHits++;
    return { value };
  }

  #landed(load: Load<K, V>, isOk: boolean, result: V | undefined): { readonly value: V } | undefined {
    const { clock, onError, errorBackoffMs } = this.settings;
    const { key } = load;
    this.#running.delete(load);
    if (load.hardTimer !== undefined) clock.clearTimeout(load.hardTimer);
    if (load.softTimer !== undefined) clock.clearTimeout(load.softTimer);
    if (isOk) guarded(undefined, () => this.#keep(load, result));
    const isCurrent = this.claim(key, load);
    // A load whose last caller has left says nothing about the origin.
    if (isOk || (load.isAborted && !((result as unknown) instanceof LoadTimeoutError))) return undefined;
    this.#loadFailures++;
    const slot = isCurrent ? this.table.slots.get(key) : undefined;
    if (slot !== undefined && this.table.stride > 1) this.table.setTime(slot, RETRY_AT, this.now() + errorBackoffMs);
    const stale = isCurrent ? this.#rescue(key) : undefined;
    if (onError && (load.isBackground || stale)) guarded<[unknown, K], unknown>(undefined, onError, result, key);
    return stale;
  }

  #keep(load: Load<K, V>, value: V | undefined): void {
    const { key, ctx, startMs } = load;
    if (value !== undefined || this.settings.negativeTtlMs > 0) {
      const loadMs = this.settings.earlyExpirationBeta > 0 ? this.now() - startMs : 0;
      return this.write(key, value, ctx, load, loadMs);
    }
    if (!this.claim(key, load)) return;
    const slot = this.table.slots.get(key);
    if (slot !== undefined) this.drop(slot, 'deleted');
    this.tell();
  }

  close(): void {
    this.isClosed = true;
    for (const load of this.#running) load.abort(new CacheClosedError());
    this.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Starts a load, or leaves it to the batch that it belongs to. */
function start<K, V>(load: Load<K, V>, loader: Loader<K, V> | undefined, batch: Load<K, V>[] | undefined): void {
  if (batch) batch.push(load);
  else load.start(() => loader!(load.key, load.ctx));
}
