import { amount, integer, refuse, texts } from '../core/check.ts';
import { guarded } from '../core/errors.ts';
import type { CacheStats, RemovalCause, SetOptions } from './cache-options.ts';
import type { CacheSettings } from './cache-settings.ts';
import { ALL_TIMES, Entries, FRESH_UNTIL, LOAD_MS, RETRY_AT, USED_AT, WRITTEN_AT } from './entries.ts';
import { FIRST_SLOT } from './eviction-policy.ts';

/** Entries that are looked at for expiry with each write. */
const SWEEP = 2;

/** Of `#clock`: the last reading, and what is added to those of the clock. */
const LAST = 0;
const SKEW = 1;

const NO_OPTIONS: SetOptions = {};

/*
 * Everything that needs no waiting. `undefined` as a value stands for "known not to exist".
 *
 * Time: an entry is fresh until FRESH_UNTIL, and may be served stale for `staleMs` longer. Nothing has a timer: what
 * has expired is dropped when it is met, and each write looks at the next two slots.
 *
 * Callbacks of the caller's are called before anything is changed (those that are asked) or after everything is
 * (`onRemoval`), so that they may use the cache, and throw.
 */
export abstract class SyncCache<K, V> {
  protected readonly settings: CacheSettings<K, V>;
  protected readonly table: Entries<K, V>;
  protected hits: number = 0;
  protected misses: number = 0;
  protected staleHits: number = 0;
  protected isClosed: boolean = false;
  readonly #clock = new Float64Array(2).fill(-Infinity, LAST, SKEW);
  #evictions = 0;
  #expirations = 0;
  #sweepAt = FIRST_SLOT;
  #removed: [K, V, RemovalCause][] | undefined;

  constructor(settings: CacheSettings<K, V>) {
    this.settings = settings;
    const { policy, maxEntries, maxWeight, isWeighted, random, isDetailed } = settings;
    const evictor = policy.create({ maxWeight: isWeighted ? maxWeight : maxEntries, isWeighted, random });
    this.table = new Entries(evictor, maxEntries, isDetailed ? ALL_TIMES : 1);
  }

  /**
   * Ends the load of `key` because it is written. False when the write is a load's own and comes to nothing: another
   * one has taken its place, or one of `tags` was invalidated while it ran.
   */
  protected abstract claim(key: K, load: unknown, tags?: readonly string[]): boolean;
  /** Makes loads under way come to nothing: of all keys, or those that turn out to have one of the tags. */
  protected abstract supersede(tags?: readonly string[]): void;
  protected abstract get loading(): Pick<CacheStats, 'loads' | 'loadFailures' | 'loading'>;

  /** A clock that was set back goes on from where it was. */
  protected now(): number {
    const clock = this.#clock;
    let nowMs = this.settings.clock.now() + clock[SKEW]!;
    const lastMs = clock[LAST]!;
    if (nowMs < lastMs) {
      clock[SKEW]! += lastMs - nowMs;
      nowMs = lastMs;
    }
    clock[LAST] = nowMs;
    return nowMs;
  }

  get size(): number {
    return this.table.slots.size;
  }

  get weight(): number {
    return this.settings.isWeighted ? this.table.evictor.weight : this.size;
  }

  get(key: K): V | undefined {
    const { table } = this;
    const slot = table.slots.get(key);
    if (slot === undefined || (table.times !== undefined && !this.use(slot, this.now()))) {
      this.misses++;
      return undefined;
    }
    this.hits++;
    table.evictor.hit(slot);
    return table.values[slot];
  }

  peek(key: K): V | undefined {
    const { slots, times, values } = this.table;
    const slot = slots.get(key);
    return slot === undefined || (times && !this.#isFresh(slot, this.now())) ? undefined : values[slot];
  }

  has(key: K): boolean {
    return this.peek(key) !== undefined;
  }

  /** Whether it was not asked for in time. */
  #isIdle(slot: number, nowMs: number): boolean {
    const { expireAfterAccessMs } = this.settings;
    return expireAfterAccessMs < Infinity && nowMs - this.table.time(slot, USED_AT) >= expireAfterAccessMs;
  }

  #isFresh(slot: number, nowMs: number): boolean {
    return nowMs < this.table.time(slot, FRESH_UNTIL) && !this.#isIdle(slot, nowMs);
  }

  /** Whether it is fresh; then it counts as used now. What nobody may get any more is dropped. */
  protected use(slot: number, nowMs: number): boolean {
    const { table } = this;
    if (table.stride === 1) {
      if (nowMs < table.times![slot]!) return true;
    } else if (!this.#isIdle(slot, nowMs) && nowMs < table.time(slot, FRESH_UNTIL) + this.settings.staleMs) {
      table.setTime(slot, USED_AT, nowMs);
      return nowMs < table.time(slot, FRESH_UNTIL);
    }
    this.drop(slot, 'expired');
    this.tell();
    return false;
  }

  /** Drops it where it is too old even to be served stale. */
  #expire(slot: number, nowMs: number): void {
    const isOver = nowMs >= this.table.time(slot, FRESH_UNTIL) + this.settings.staleMs || this.#isIdle(slot, nowMs);
    if (isOver && this.table.holds(slot)) this.drop(slot, 'expired');
  }

  set(key: K, value: V, options: SetOptions = NO_OPTIONS): void {
    if (value === undefined) refuse('value', 'anything but undefined, which stands for a missing one', value);
    if (!this.isClosed) this.write(key, value, options);
  }

  /** Keeps a value, or what is known of its absence; one that `load` brought with what it said, after `loadMs`. */
  protected write(key: K, value: V | undefined, options: SetOptions, load?: unknown, loadMs: number = 0): void {
    const { table, settings } = this;
    const ttlMs = this.#ttlOf(key, value, options.ttlMs);
    const weight = settings.isWeighted ? this.#weightOf(key, value, options.weight) : 1;
    const tags = settings.tags || options.tags ? this.#tagsOf(key, value, options.tags) : undefined;
    if (!this.claim(key, load, tags)) return;
    const isTimed = settings.isDetailed || table.times !== undefined || ttlMs < Infinity;
    const nowMs = isTimed ? this.now() : 0;
    let slot = table.slots.get(key);
    if (!(ttlMs > 0) || weight > settings.maxWeight) {
      if (slot !== undefined) this.drop(slot, 'replaced');
      this.#note(key, value, ttlMs > 0 ? 'evicted' : 'expired');
    } else {
      if (slot === undefined) slot = table.insert(key, value, weight);
      else {
        this.#note(key, table.values[slot], 'replaced');
        table.values[slot] = value;
        table.evictor.hit(slot);
        table.evictor.reweigh(slot, weight);
      }
      if (isTimed) this.#date(slot, nowMs, nowMs + ttlMs, loadMs);
      table.tag(slot, tags);
      while (this.size > settings.maxEntries || (settings.isWeighted && table.evictor.weight > settings.maxWeight))
        this.drop(table.evictor.victim(), 'evicted');
    }
    if (isTimed) this.#sweep(nowMs);
    this.tell();
  }

  #tagsOf(key: K, value: V | undefined, own: readonly string[] | undefined): readonly string[] | undefined {
    const common = value === undefined ? undefined : this.settings.tags?.(key, value);
    const all = own && common ? [...texts('tags', own), ...texts('tags', common)] : (own ?? common);
    return all && texts('tags', all);
  }

  #ttlOf(key: K, value: V | undefined, own: number | undefined): number {
    const { ttlMs, negativeTtlMs, ttlJitter, random } = this.settings;
    let ms = own as number;
    if (own === undefined) {
      if (value === undefined) ms = negativeTtlMs;
      else ms = typeof ttlMs === 'function' ? ttlMs(key, value) : ttlMs;
    }
    if (ttlJitter > 0 && ms < Infinity) ms *= 1 + ttlJitter * (2 * random() - 1);
    return amount('ttlMs', ms, 0);
  }

  #weightOf(key: K, value: V | undefined, own: number | undefined): number {
    const { weigher } = this.settings;
    if (own !== undefined || value === undefined || !weigher) return integer('weight', own === undefined ? 1 : own, 0);
    return integer('weight', weigher(value, key), 0);
  }

  #date(slot: number, nowMs: number, untilMs: number, loadMs: number): void {
    const { table } = this;
    if (!table.times) table.keepTimes();
    table.setTime(slot, FRESH_UNTIL, untilMs);
    if (table.stride === 1) return;
    table.setTime(slot, WRITTEN_AT, nowMs);
    table.setTime(slot, USED_AT, nowMs);
    table.setTime(slot, RETRY_AT, -Infinity);
    table.setTime(slot, LOAD_MS, loadMs);
  }

  /** Looks at the next slots for what has expired. */
  #sweep(nowMs: number): void {
    for (let looks = 0; looks < SWEEP; looks++) {
      if (++this.#sweepAt >= this.table.next) this.#sweepAt = FIRST_SLOT;
      this.#expire(this.#sweepAt, nowMs);
    }
  }

  protected drop(slot: number, cause: RemovalCause): void {
    const { keys, values } = this.table;
    this.#note(keys[slot] as K, values[slot], cause);
    this.table.remove(slot);
  }

  #note(key: K, value: V | undefined, cause: RemovalCause): void {
    if (cause === 'evicted') this.#evictions++;
    else if (cause === 'expired') this.#expirations++;
    if (this.settings.onRemoval && value !== undefined) (this.#removed ??= []).push([key, value, cause]);
  }

  /** Tells of what has left, now that everything is in order. */
  protected tell(): void {
    const removed = this.#removed;
    if (!removed) return;
    this.#removed = undefined;
    for (const one of removed) guarded<[K, V, RemovalCause], unknown>(undefined, this.settings.onRemoval!, ...one);
  }

  delete(key: K): boolean {
    this.claim(key, undefined);
    const { slots, times, values } = this.table;
    const slot = slots.get(key);
    if (slot === undefined) return false;
    const wasThere = values[slot] !== undefined && (!times || this.#isFresh(slot, this.now()));
    this.drop(slot, 'deleted');
    this.tell();
    return wasThere;
  }

  clear(): void {
    this.supersede();
    for (const slot of this.table.slots.values()) this.drop(slot, 'deleted');
    this.tell();
  }

  invalidateTags(tags: readonly string[]): void {
    this.supersede(texts('tags', tags));
    for (const tag of tags) for (const slot of this.table.tagged(tag)) this.drop(slot, 'invalidated');
    this.tell();
  }

  *entries(): IterableIterator<[K, V]> {
    for (const key of this.table.slots.keys()) {
      const value = this.peek(key);
      if (value !== undefined) yield [key, value];
    }
  }

  cleanUp(): void {
    const nowMs = this.now();
    for (const slot of this.table.slots.values()) this.#expire(slot, nowMs);
    this.tell();
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
