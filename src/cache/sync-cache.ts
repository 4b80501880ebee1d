import { amount, refuse } from '../core/check.ts';
import { guarded } from '../core/errors.ts';
import type { CacheStats, RemovalCause, SetOptions } from './cache-options.ts';
import type { CacheSettings } from './cache-settings.ts';
import { Entries, FRESH_UNTIL, LOAD_MS, REFRESH_AT, RETRY_AT, USED_AT, WRITTEN_AT } from './entries.ts';
import { FIRST_SLOT } from './eviction-policy.ts';

/** Entries that are looked at for expiry with each write. */
const SWEEP = 2;

/** What is known of a value that is to be kept. */
export interface Write extends SetOptions {
  /** How long it took to load. */
  readonly loadMs?: number;
}

/*
 * Everything that needs no waiting. `undefined` as a value stands for "known not to exist".
 *
 * Time: an entry is fresh until FRESH_UNTIL, and may be served stale for `staleMs` longer. Nothing has a timer: what
 * has expired is dropped when it is met, and each write looks at the next two slots.
 */
export abstract class SyncCache<K, V> {
  protected readonly settings: CacheSettings<K, V>;
  protected readonly entriesTable: Entries<K, V>;
  protected hits: number = 0;
  protected misses: number = 0;
  protected staleHits: number = 0;
  #evictions = 0;
  #expirations = 0;
  #sweepAt = FIRST_SLOT;
  #lastMs = -Infinity;
  #skewMs = 0;
  protected isClosed: boolean = false;
  /** Whether any entry can be out of date; the first write with a time of its own turns it on. */
  protected isTimed: boolean;
  readonly #idleMs: number;

  constructor(settings: CacheSettings<K, V>) {
    this.settings = settings;
    this.isTimed = settings.isTimed;
    this.#idleMs = settings.expireAfterAccessMs;
    const { policy, maxEntries, maxWeight, isWeighted, random } = settings;
    const bounds = { maxWeight: isWeighted ? maxWeight : maxEntries, isWeighted, random };
    this.entriesTable = new Entries(policy.create(bounds), maxEntries);
  }

  /** Makes what is loading now come to nothing. */
  protected abstract supersede(key: K): void;
  protected abstract supersedeAll(tags?: readonly string[]): void;
  protected abstract get loading(): Pick<CacheStats, 'loads' | 'loadFailures' | 'loading'>;

  /** A clock that was set back goes on from where it was. */
  protected now(): number {
    const nowMs = this.settings.clock.now() + this.#skewMs;
    if (nowMs < this.#lastMs) this.#skewMs += this.#lastMs - nowMs;
    else this.#lastMs = nowMs;
    return this.#lastMs;
  }

  get size(): number {
    return this.entriesTable.slots.size;
  }

  get weight(): number {
    return this.settings.isWeighted ? this.entriesTable.evictor.weight : this.size;
  }

  get(key: K): V | undefined {
    const { entriesTable } = this;
    const slot = entriesTable.slots.get(key);
    if (slot === undefined || (this.isTimed && !this.isFresh(slot, this.now()))) {
      this.misses++;
      return undefined;
    }
    this.hits++;
    entriesTable.evictor.hit(slot);
    return entriesTable.values[slot];
  }

  peek(key: K): V | undefined {
    const { slots, values } = this.entriesTable;
    const slot = slots.get(key);
    if (slot === undefined || !this.wasFresh(slot, this.now())) return undefined;
    return values[slot];
  }

  has(key: K): boolean {
    return this.peek(key) !== undefined;
  }

  /** Whether it was not asked for in time. */
  #isIdle(slot: number, nowMs: number): boolean {
    return this.#idleMs < Infinity && nowMs - this.entriesTable.time(USED_AT, slot) >= this.#idleMs;
  }

  protected wasFresh(slot: number, nowMs: number): boolean {
    return nowMs < this.entriesTable.time(FRESH_UNTIL, slot) && !this.#isIdle(slot, nowMs);
  }

  /** Like {@link wasFresh}, and drops what nobody may get any more; what is fresh counts as used now. */
  protected isFresh(slot: number, nowMs: number): boolean {
    if (nowMs < this.entriesTable.time(FRESH_UNTIL, slot) && this.#idleMs === Infinity) return true;
    if (this.dropExpired(slot, nowMs) || nowMs >= this.entriesTable.time(FRESH_UNTIL, slot)) return false;
    this.#use(slot, nowMs);
    return true;
  }

  #use(slot: number, nowMs: number): void {
    if (this.#idleMs < Infinity) this.entriesTable.setTime(USED_AT, slot, nowMs);
  }

  /** Whether the entry was too old even to be served stale; then it is gone. */
  protected dropExpired(slot: number, nowMs: number): boolean {
    const isOver =
      nowMs >= this.entriesTable.time(FRESH_UNTIL, slot) + this.settings.staleMs || this.#isIdle(slot, nowMs);
    if (isOver) this.#drop(slot, 'expired');
    return isOver;
  }

  set(key: K, value: V, options: SetOptions = {}): void {
    if (value === undefined) refuse('value', 'anything but undefined, which stands for a missing one', value);
    const { ttlMs, weight } = options;
    if (ttlMs !== undefined) amount('ttlMs', ttlMs, 0);
    if (weight !== undefined) amount('weight', weight, 0);
    this.supersede(key);
    if (!this.isClosed) this.write(key, value, options);
  }

  /** Keeps a value, or what is known of its absence. */
  protected write(key: K, value: V | undefined, write: Write): void {
    const { entriesTable, settings } = this;
    const nowMs = this.isTimed || write.ttlMs !== undefined ? this.now() : 0;
    const ttlMs = this.#ttlOf(key, value, write.ttlMs);
    const weight = settings.isWeighted && value !== undefined ? this.#weightOf(key, value, write.weight) : 1;
    let slot = entriesTable.slots.get(key);
    const before = slot === undefined ? undefined : entriesTable.values[slot];
    if (!(ttlMs > 0) || weight > settings.maxWeight || settings.maxEntries === 0) {
      if (slot !== undefined) this.#drop(slot, 'replaced');
      this.#tell(key, value, ttlMs > 0 ? 'evicted' : 'expired');
      return;
    }
    if (slot === undefined) slot = entriesTable.insert(key, value, weight);
    else {
      entriesTable.values[slot] = value;
      entriesTable.evictor.hit(slot);
      if (settings.isWeighted) entriesTable.evictor.reweigh(slot, weight);
    }
    if (this.isTimed || write.ttlMs !== undefined) this.#date(slot, nowMs, ttlMs, write.loadMs);
    entriesTable.tag(slot, value === undefined ? undefined : this.tagsOf(key, value, write.tags));
    this.#shrink();
    if (before !== undefined) this.#tell(key, before, 'replaced');
    if (this.isTimed) this.#sweep(SWEEP, nowMs);
  }

  protected tagsOf(key: K, value: V, own: readonly string[] | undefined): readonly string[] | undefined {
    const common = this.settings.tags?.(key, value);
    return own && common ? [...own, ...common] : (own ?? common);
  }

  #ttlOf(key: K, value: V | undefined, own: number | undefined): number {
    const { ttlMs, negativeTtlMs, ttlJitter, random } = this.settings;
    if (own === undefined && value !== undefined && typeof ttlMs === 'number' && ttlJitter === 0) return ttlMs;
    let ms = own ?? (value === undefined ? negativeTtlMs : typeof ttlMs === 'function' ? ttlMs(key, value) : ttlMs);
    if (ttlJitter > 0 && ms < Infinity) ms *= 1 + ttlJitter * (2 * random() - 1);
    return amount('ttlMs', ms, 0);
  }

  #weightOf(key: K, value: V, own: number | undefined): number {
    return amount('weight', own ?? this.settings.weigher?.(value, key) ?? 1, 0);
  }

  #date(slot: number, nowMs: number, ttlMs: number, loadMs: number = 0): void {
    const { entriesTable, settings } = this;
    this.isTimed = true;
    entriesTable.setTime(FRESH_UNTIL, slot, nowMs + ttlMs);
    this.#use(slot, nowMs);
    if (settings.keepsAge) entriesTable.setTime(WRITTEN_AT, slot, nowMs);
    if (settings.refreshAhead < 1) entriesTable.setTime(REFRESH_AT, slot, nowMs + ttlMs * settings.refreshAhead);
    if (settings.earlyExpirationBeta > 0) entriesTable.setTime(LOAD_MS, slot, loadMs);
    entriesTable.setTime(RETRY_AT, slot, 0);
  }

  #shrink(): void {
    const { entriesTable, settings } = this;
    const { evictor } = entriesTable;
    while (this.size > settings.maxEntries || (settings.isWeighted && evictor.weight > settings.maxWeight)) {
      // Nothing but entries without weight: the oldest goes, so that the count holds.
      const slot = evictor.victim() || entriesTable.slots.values().next().value!;
      this.#drop(slot, 'evicted');
    }
  }

  /** Looks at the next slots for what has expired. */
  #sweep(count: number, nowMs: number): void {
    const { entriesTable } = this;
    for (let looks = 0; looks < count; looks++) {
      if (++this.#sweepAt >= entriesTable.next) this.#sweepAt = FIRST_SLOT;
      const key = entriesTable.keys[this.#sweepAt];
      if (key !== undefined || entriesTable.slots.get(key as K) === this.#sweepAt)
        this.dropExpired(this.#sweepAt, nowMs);
    }
  }

  #drop(slot: number, cause: RemovalCause): void {
    const { keys, values } = this.entriesTable;
    const [key, value] = [keys[slot] as K, values[slot]];
    this.entriesTable.remove(slot);
    if (cause === 'evicted') this.#evictions++;
    else if (cause === 'expired') this.#expirations++;
    this.#tell(key, value, cause);
  }

  #tell(key: K, value: V | undefined, cause: RemovalCause): void {
    const { onRemoval } = this.settings;
    if (onRemoval && value !== undefined)
      guarded<[K, V, RemovalCause], unknown>(undefined, onRemoval, key, value, cause);
  }

  /** Drops what a load has found to be gone. */
  protected discard(key: K): void {
    const slot = this.entriesTable.slots.get(key);
    if (slot !== undefined) this.#drop(slot, 'deleted');
  }

  delete(key: K): boolean {
    this.supersede(key);
    const slot = this.entriesTable.slots.get(key);
    if (slot === undefined) return false;
    const wasThere = this.wasFresh(slot, this.now()) && this.entriesTable.values[slot] !== undefined;
    this.#drop(slot, 'deleted');
    return wasThere;
  }

  clear(): void {
    this.supersedeAll();
    for (const slot of [...this.entriesTable.slots.values()]) if (this.#holds(slot)) this.#drop(slot, 'deleted');
  }

  /** A listener may have dropped it meanwhile. */
  #holds(slot: number): boolean {
    return this.entriesTable.slots.get(this.entriesTable.keys[slot] as K) === slot;
  }

  invalidateTags(tags: readonly string[]): void {
    if (!Array.isArray(tags)) refuse('tags', 'a list of texts', tags);
    this.supersedeAll(tags);
    for (const tag of tags)
      for (const slot of [...this.entriesTable.tagged(tag)]) {
        this.supersede(this.entriesTable.keys[slot] as K);
        if (this.#holds(slot)) this.#drop(slot, 'invalidated');
      }
  }

  *entries(): IterableIterator<[K, V]> {
    const { slots, values } = this.entriesTable;
    for (const [key, slot] of slots) {
      const value = values[slot];
      if (value !== undefined && this.wasFresh(slot, this.now())) yield [key, value];
    }
  }

  cleanUp(): void {
    const nowMs = this.now();
    for (const slot of [...this.entriesTable.slots.values()]) if (this.#holds(slot)) this.dropExpired(slot, nowMs);
  }

  stats(): CacheStats {
    return {
      size: this.size,
      weight: this.weight,
      hits: this.hits,
      misses: this.misses,
      staleHits: this.staleHits,
      ...this.loading,
      evictions: this.#evictions,
      expirations: this.#expirations,
    };
  }
}
