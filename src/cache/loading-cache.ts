import { guarded } from '../core/errors.ts';
import type { BatchLoader, CacheStats, Loader, LoadOptions, LoadResult } from './cache-options.ts';
import { settled, startBatch } from './batch.ts';
import { LOAD_MS, FRESH_UNTIL, REFRESH_AT, RETRY_AT, WRITTEN_AT } from './entries.ts';
import { CacheClosedError, LoadTimeoutError } from './errors.ts';
import type { Stale } from './load.ts';
import { Load } from './load.ts';
import { SyncCache } from './sync-cache.ts';

/** No slot. */
const NONE = 0;

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

  protected override get loading(): Pick<CacheStats, 'loads' | 'loadFailures' | 'loading'> {
    return { loads: this.#loadCount, loadFailures: this.#loadFailures, loading: this.#running.size };
  }

  protected override supersede(key: K): void {
    this.#loads.delete(key);
  }

  protected override supersedeAll(tags?: readonly string[]): void {
    if (!tags) this.#loads.clear();
    // Which tags a load will have is known at its end only.
    for (const load of tags ? this.#loads.values() : [])
      for (const tag of tags!) (load.invalidated ??= new Set()).add(tag);
  }

  getOrLoad(key: K, loaderOrOptions?: Loader<K, V> | LoadOptions, options?: LoadOptions): Promise<V | undefined> {
    const isLoader = typeof loaderOrOptions === 'function';
    const loader = isLoader ? loaderOrOptions : this.settings.loader;
    const { signal, forceRefresh } = (isLoader ? options : loaderOrOptions) ?? {};
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.isClosed) return Promise.reject(new CacheClosedError());
    const slot = this.entriesTable.slots.get(key) ?? NONE;
    if (slot && !forceRefresh) {
      const nowMs = this.isTimed ? this.now() : 0;
      if (!this.isTimed || this.isFresh(slot, nowMs)) return this.#answer(slot, key, loader, nowMs);
      const stale = this.#staleAnswer(key, loader, nowMs);
      if (stale) return stale;
    }
    this.misses++;
    if (!loader) return Promise.reject(new TypeError('no loader was given'));
    return this.#join(key, loader, signal);
  }

  /** A fresh value. */
  #answer(slot: number, key: K, loader: Loader<K, V> | undefined, nowMs: number): Promise<V | undefined> {
    this.hits++;
    this.entriesTable.evictor.hit(slot);
    const value = this.entriesTable.values[slot];
    if (loader && this.isTimed && this.#isDueBeforehand(slot, nowMs)) this.#refreshBehind(key, loader);
    return Promise.resolve(value);
  }

  #isDueBeforehand(slot: number, nowMs: number): boolean {
    const { earlyExpirationBeta, refreshAhead, random } = this.settings;
    const { entriesTable } = this;
    if (refreshAhead < 1 && nowMs >= entriesTable.time(REFRESH_AT, slot)) return true;
    if (!(earlyExpirationBeta > 0)) return false;
    const remainingMs = entriesTable.time(FRESH_UNTIL, slot) - nowMs;
    return -entriesTable.time(LOAD_MS, slot) * earlyExpirationBeta * Math.log(random()) >= remainingMs;
  }

  /** A value out of date that may be served at once. */
  #staleAnswer(key: K, loader: Loader<K, V> | undefined, nowMs: number): Promise<V | undefined> | undefined {
    const { entriesTable, settings } = this;
    const slot = entriesTable.slots.get(key) ?? NONE;
    const value = entriesTable.values[slot];
    if (!slot || value === undefined) return undefined;
    const lateMs = nowMs - entriesTable.time(FRESH_UNTIL, slot);
    const mayRevalidate = lateMs < settings.staleWhileRevalidateMs;
    const isBackingOff = nowMs < entriesTable.time(RETRY_AT, slot);
    const isOverdue = this.#loads.get(key)?.isOverdue === true;
    if (!mayRevalidate && !(isBackingOff && lateMs < settings.staleIfErrorMs) && !isOverdue) return undefined;
    this.staleHits++;
    this.hits++;
    entriesTable.evictor.hit(slot);
    if (loader && !isBackingOff) this.#refreshBehind(key, loader);
    return Promise.resolve(value);
  }

  #refreshBehind(key: K, loader: Loader<K, V>): void {
    const slot = this.entriesTable.slots.get(key) ?? NONE;
    if (this.#loads.has(key) || this.now() < this.entriesTable.time(RETRY_AT, slot)) return;
    const load = this.#open(key);
    load.keepGoing();
    this.#start(load, loader);
  }

  #join(key: K, loader: Loader<K, V>, signal: AbortSignal | undefined): Promise<V | undefined> {
    const running = this.#loads.get(key);
    if (running) return running.join(signal);
    const load = this.#open(key);
    const promise = load.join(signal);
    this.#start(load, loader);
    return promise;
  }

  #open(key: K): Load<K, V> {
    const { hardTimeoutMs, softTimeoutMs, clock, earlyExpirationBeta } = this.settings;
    const startMs = this.isTimed || earlyExpirationBeta > 0 ? this.now() : 0;
    const load = new Load<K, V>(key, this.#staleOf(key, startMs), startMs, (over, isOk, result) =>
      this.#landed(over as Load<K, V>, isOk, result),
    );
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
    const slot = this.entriesTable.slots.get(key) ?? NONE;
    const value = this.entriesTable.values[slot];
    if (!slot || value === undefined || !this.settings.keepsAge) return undefined;
    return { value, ageMs: nowMs - this.entriesTable.time(WRITTEN_AT, slot) };
  }

  /** Whoever waits for it gets the stale value; the load goes on for those who come later. */
  #overdue(load: Load<K, V>): void {
    const stale = this.#loads.get(load.key) === load ? this.#rescue(load.key) : undefined;
    if (!stale) return;
    this.staleHits++;
    load.isOverdue = true;
    load.keepGoing();
    load.answer(stale.value);
  }

  /** The value out of date that may be served instead of none. */
  #rescue(key: K): { readonly value: V } | undefined {
    const { slots, values } = this.entriesTable;
    const slot = slots.get(key) ?? NONE;
    const nowMs = this.now();
    if (!slot || this.dropExpired(slot, nowMs)) return undefined;
    const value = values[slot];
    const lateMs = nowMs - this.entriesTable.time(FRESH_UNTIL, slot);
    return value !== undefined && lateMs < this.settings.staleIfErrorMs ? { value } : undefined;
  }

  #landed(load: Load<K, V>, isOk: boolean, result: unknown): { readonly value: V } | undefined {
    const { clock, hardTimeoutMs, softTimeoutMs, onError, errorBackoffMs } = this.settings;
    this.#running.delete(load);
    if (hardTimeoutMs < Infinity) clock.clearTimeout(load.hardTimer);
    if (softTimeoutMs < Infinity && load.ctx.stale) clock.clearTimeout(load.softTimer);
    const isCurrent = this.#loads.get(load.key) === load;
    if (isCurrent) this.#loads.delete(load.key);
    if (isOk) {
      if (isCurrent) guarded(undefined, () => this.#keep(load, result as V | undefined));
      return undefined;
    }
    // Its last caller has left: that says nothing about the origin.
    if (load.isAborted && !(result instanceof LoadTimeoutError)) return undefined;
    this.#loadFailures++;
    const slot = isCurrent ? this.entriesTable.slots.get(load.key) : undefined;
    if (slot && errorBackoffMs > 0) this.entriesTable.setTime(RETRY_AT, slot, this.now() + errorBackoffMs);
    if (load.isBackground && onError) guarded<[unknown, K], unknown>(undefined, onError, result, load.key);
    const stale = slot ? this.#rescue(load.key) : undefined;
    if (stale) this.staleHits++;
    return stale;
  }

  #keep(load: Load<K, V>, value: V | undefined): void {
    const { key, ctx, invalidated, startMs } = load;
    if (value === undefined && !(this.settings.negativeTtlMs > 0)) return this.discard(key);
    const tags = invalidated && value !== undefined ? this.tagsOf(key, value, ctx.tags) : undefined;
    if (tags?.some((tag) => invalidated!.has(tag))) return this.discard(key);
    const { ttlMs, weight } = ctx;
    this.write(key, value, { ttlMs, weight, tags: ctx.tags, loadMs: startMs > 0 ? this.now() - startMs : 0 });
  }

  getOrLoadMany(
    keys: Iterable<K>,
    loadOrOptions?: BatchLoader<K, V> | LoadOptions,
    options?: LoadOptions,
  ): Promise<Map<K, LoadResult<V>>> {
    const isLoader = typeof loadOrOptions === 'function';
    const loadMany = isLoader ? loadOrOptions : this.settings.loadMany;
    const own = (isLoader ? options : loadOrOptions) ?? {};
    const missing: Load<K, V>[] = [];
    // Reads each key as a single call would; a load that has to be started waits for the others.
    const collect: Loader<K, V> | undefined = loadMany && (() => undefined);
    const reads = [...new Set(keys)].map((key): [K, Promise<V | undefined>] => {
      this.#collecting = collect && missing;
      try {
        return [key, this.getOrLoad(key, collect ?? this.settings.loader ?? NO_LOADER, own)];
      } finally {
        this.#collecting = undefined;
      }
    });
    if (loadMany && missing.length > 0) startBatch(missing, loadMany);
    return settled(reads, own.signal);
  }

  /** While keys of a batch are read: the loads that are to be started together. */
  #collecting: Load<K, V>[] | undefined;

  #start(load: Load<K, V>, loader: Loader<K, V>): void {
    if (this.#collecting) this.#collecting.push(load);
    else load.start(() => loader(load.key, load.ctx));
  }

  refresh(key: K): Promise<V | undefined> {
    return this.getOrLoad(key, { forceRefresh: true });
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const load of [...this.#running]) load.abort(new CacheClosedError());
    this.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const NO_LOADER = (): never => {
  throw new TypeError('no loader was given');
};
