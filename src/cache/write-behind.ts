import type { Clock, TimerHandle } from '../core/clock.ts';
import { emit, guarded, HoldfastError, reportError, STACKLESS } from '../core/errors.ts';
import { Flight } from '../singleflight/flight.ts';
import type { BackingStore, StoreWrite } from './cached-store-options.ts';
import type { Unwritten } from './cached-store-front.ts';
import { StoreFront } from './cached-store-front.ts';
import { applyWrites, remember } from './cached-store-writes.ts';
import type { Cache } from './cache.ts';
import { WriteFailedError, WritesFullError } from './errors.ts';
import type { WriteBehindSettings } from './write-behind-settings.ts';
import { LONGEST_TIMER_MS } from './check-numbers.ts';

/** The newest write of a key that is not durable. */
interface Pending<K, V> extends Unwritten {
  write: StoreWrite<K, V>;
  version: number;
  /** The version that the store has been given and has not answered; 0 for none. */
  underWay: number;
  /** Failures of this write alone. */
  attempts: number;
  /** Failures since the last success, of whatever write, and the wait after the last one. */
  failures: number;
  delayMs: number;
  /** With how many it may be tried at most: a write that no store takes must not keep others from theirs. */
  batchLimit: number;
}

/** A put or delete for which there is no place. */
interface Waiting<K, V> {
  readonly write: StoreWrite<K, V>;
  readonly flight: Flight<void>;
}

/*
 * One pending write per key. It is in one of four places: `#fresh` waits for the next round, `#ready` for a free call
 * of the store, `#resting` for the end of its backoff, and what is `underWay` for the answer of the store. One that is
 * under way may be replaced by a newer write, which goes when the store has answered, never before: two calls for one
 * key could land in the wrong order. No clock is read.
 */
export class WriteBehind<K, V> extends StoreFront<K, V, Pending<K, V>> {
  readonly #settings: WriteBehindSettings<K, V>;
  readonly #clock: Clock;
  readonly #batchSize: number;
  readonly #fresh = new Set<Pending<K, V>>();
  readonly #ready = new Set<Pending<K, V>>();
  readonly #resting = new Map<Pending<K, V>, TimerHandle>();
  readonly #waiting = new Set<Waiting<K, V>>();
  /** Calls of the store. */
  #running = 0;
  #isArmed = false;
  #timer: TimerHandle;

  constructor(store: BackingStore<K, V>, cache: Cache<K, V>, settings: WriteBehindSettings<K, V>, clock: Clock) {
    super(store, cache);
    this.#settings = settings;
    this.#clock = clock;
    this.#batchSize = store.writeMany ? settings.maxBatchSize : 1;
  }

  protected override unwritten(key: K): StoreWrite<K, V> | undefined {
    return this.pending.get(key)?.write;
  }

  protected override apply(write: StoreWrite<K, V>, signal: AbortSignal | undefined): Promise<void> | undefined {
    const { maxPending, onFull } = this.#settings;
    // Nobody passes those who wait: a write of the same key may be among them.
    if (this.#waiting.size === 0 && this.#hasRoom(write)) {
      this.#accept(write);
      this.#schedule();
      return undefined;
    }
    if (onFull === 'reject') throw new WritesFullError(maxPending);
    const flight = new Flight<void>(() => {
      if (this.#waiting.delete(waiting)) this.#admit();
      return undefined;
    });
    const waiting = { write, flight };
    this.#waiting.add(waiting);
    const done = flight.join(signal);
    this.#round();
    return done;
  }

  #hasRoom({ key }: StoreWrite<K, V>): boolean {
    return this.pending.size < this.#settings.maxPending || this.pending.has(key);
  }

  #accept(write: StoreWrite<K, V>): void {
    let entry = this.pending.get(write.key);
    if (entry) {
      entry.write = write;
      entry.version++;
      entry.attempts = 0;
    } else {
      const none = { underWay: 0, attempts: 0, failures: 0, delayMs: 0, batchLimit: Infinity };
      entry = { write, version: 1, ...none, watchers: new Map() };
      this.pending.set(write.key, entry);
      this.#fresh.add(entry);
    }
    remember(this.cache, write);
  }

  /** Lets those in who wait, as far as there is room, and sees to it that what they bring is written. */
  #admit(): void {
    for (const waiting of this.#waiting) {
      if (!this.#hasRoom(waiting.write)) break;
      this.#waiting.delete(waiting);
      waiting.flight.start(() => this.#accept(waiting.write));
    }
    this.#schedule();
  }

  /** Begins a round where it need not be waited for, else sets its timer. */
  #schedule(): void {
    const isFull = this.store.writeMany !== undefined && this.#fresh.size >= this.#batchSize;
    if (isFull || this.#waiting.size > 0) return this.#round();
    if (this.#isArmed || this.#fresh.size === 0) return;
    this.#isArmed = true;
    this.#timer = this.#clock.setTimeout(() => this.#round(), this.#settings.flushIntervalMs);
  }

  #round(): void {
    if (this.#isArmed) this.#clock.clearTimeout(this.#timer);
    this.#isArmed = false;
    for (const entry of this.#fresh) this.#ready.add(entry);
    this.#fresh.clear();
    this.#pump();
  }

  #pump(): void {
    while (this.#ready.size > 0 && this.#running < this.#settings.maxConcurrent) void this.#run(this.#take());
  }

  #take(): Pending<K, V>[] {
    const batch: Pending<K, V>[] = [];
    let limit = this.#batchSize;
    for (const entry of this.#ready) {
      limit = Math.min(limit, entry.batchLimit);
      if (batch.length >= limit) break;
      this.#ready.delete(entry);
      entry.underWay = entry.version;
      batch.push(entry);
    }
    return batch;
  }

  /** Never rejects. */
  async #run(batch: readonly Pending<K, V>[]): Promise<void> {
    const { timeoutMs } = this.#settings;
    const controller = new AbortController();
    const expire = (): void => {
      const message = `a write took longer than ${timeoutMs} ms`;
      controller.abort(new HoldfastError('ERR_TIMEOUT', message, STACKLESS));
    };
    const timer = timeoutMs < Infinity ? this.#clock.setTimeout(expire, timeoutMs) : undefined;
    let results: readonly unknown[] = [];
    let failure: { readonly error: unknown } | undefined;
    this.#running++;
    try {
      const writes = batch.map(({ write }) => write);
      results = await applyWrites(this.store, writes, controller);
    } catch (error) {
      failure = { error };
    }
    this.#running--;
    if (timeoutMs < Infinity) this.#clock.clearTimeout(timer);
    for (const [at, entry] of batch.entries()) {
      const result = results[at];
      if (failure) this.#failed(entry, failure.error, batch.length);
      else if (result instanceof Error) this.#failed(entry, result, 1);
      else this.#succeeded(entry);
    }
    this.#admit();
    this.#pump();
  }

  #succeeded(entry: Pending<K, V>): void {
    const { key } = entry.write;
    const isNewest = entry.underWay === entry.version;
    entry.failures = entry.delayMs = 0;
    entry.batchLimit = Infinity;
    this.lost.delete(key);
    this.#answer(entry, undefined);
    if (isNewest) this.pending.delete(key);
    else (entry.watchers.size > 0 ? this.#ready : this.#fresh).add(entry);
  }

  /** It was tried with as many as `together`, and all of these failed. */
  #failed(entry: Pending<K, V>, error: unknown, together: number): void {
    const isNewest = entry.underWay === entry.version;
    entry.failures++;
    if (together > 1) entry.batchLimit = together >> 1;
    else if (isNewest) entry.attempts++;
    const failure = new WriteFailedError(entry.write.key, error);
    const isLost = entry.attempts >= this.#settings.maxAttempts;
    if (isLost) this.#giveUp(entry, failure);
    // Whoever waits for a write that a newer one has replaced waits for that one.
    if (isNewest) this.#answer(entry, failure);
    else entry.underWay = 0;
    if (isLost) return;
    if (entry.watchers.size > 0) this.#ready.add(entry);
    else this.#rest(entry, error);
  }

  /** Tells the flushes that waited for what was under way. */
  #answer(entry: Pending<K, V>, failure: WriteFailedError | undefined): void {
    const { write, watchers, underWay } = entry;
    entry.underWay = 0;
    for (const [tell, version] of watchers) {
      if (version > underWay) continue;
      watchers.delete(tell);
      tell(write.key, failure);
    }
  }

  #rest(entry: Pending<K, V>, error: unknown): void {
    const { backoff, onEvent } = this.#settings;
    const chosenMs = guarded(entry.delayMs, backoff, entry.failures, entry.delayMs);
    const delayMs = chosenMs > 0 ? Math.min(chosenMs, LONGEST_TIMER_MS) : 0;
    entry.delayMs = delayMs;
    const wake = (): void => {
      this.#resting.delete(entry);
      this.#fresh.add(entry);
      this.#schedule();
    };
    this.#resting.set(entry, this.#clock.setTimeout(wake, delayMs));
    emit(onEvent, { type: 'retry', key: entry.write.key, error, delayMs });
  }

  #giveUp({ write }: Pending<K, V>, failure: WriteFailedError): void {
    const { maxPending, onEvent } = this.#settings;
    const { key } = write;
    this.pending.delete(key);
    // A bound on memory. Each of them was told of.
    if (this.lost.size >= maxPending) this.lost.delete(this.lost.keys().next().value);
    this.lost.set(key, failure);
    this.cache.delete(key);
    if (onEvent) emit(onEvent, { type: 'lost', key, write, error: failure.cause });
    else reportError(failure);
  }

  protected override hasten(): void {
    for (const [entry, timer] of this.#resting) {
      this.#clock.clearTimeout(timer);
      this.#ready.add(entry);
    }
    this.#resting.clear();
    this.#round();
  }

  protected override refuseWaiting(error: unknown): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { flight } of waiting) flight.abort(error);
  }
}
