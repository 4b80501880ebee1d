import { refuse } from '../core/check.ts';
import type { Loader, LoadOptions } from './cache-options.ts';
import type { BackingStore, StoreWrite } from './cached-store-options.ts';
import { leavable } from './cached-store-writes.ts';
import type { CachedStore, CachedStoreWait } from './cached-store.ts';
import type { Cache } from './cache.ts';
import type { WriteFailedError } from './errors.ts';
import { CacheClosedError } from './errors.ts';

/** What is told to a flush of a write that it waits for, once. */
export type Tell = (key?: unknown, failure?: WriteFailedError) => void;

/** A key with a write that is not durable. */
export interface Unwritten {
  /** Counts the writes of the key. */
  readonly version: number;
  /** The flushes that wait, and the version that each of them waits for. */
  readonly watchers: Map<Tell, number>;
}

/** What all cached stores have in common. How writes get to the store is for subclasses, which keep a `U` of each key. */
export abstract class StoreFront<K, V, U extends Unwritten> implements CachedStore<K, V> {
  protected readonly store: BackingStore<K, V>;
  protected readonly cache: Cache<K, V>;
  protected readonly pending: Map<K, U> = new Map();
  /** Writes that were given up, until a flush has told of them or the key is written anew. */
  protected readonly lost: Map<unknown, WriteFailedError> = new Map();
  readonly #load: Loader<K, V>;
  #isClosed = false;

  constructor(store: BackingStore<K, V>, cache: Cache<K, V>) {
    this.store = store;
    this.cache = cache;
    this.#load = (key, ctx) => store.load(key, ctx);
  }

  protected abstract apply(write: StoreWrite<K, V>, signal: AbortSignal | undefined): Promise<void> | undefined;

  get pendingWrites(): number {
    return this.pending.size;
  }

  failedWrites(): K[] {
    return [...this.lost.keys()] as K[];
  }

  /** Has what is pending tried at once. */
  protected hasten(): void {
    // Where writes are tried at once, none has to be hastened.
  }

  /** The write that reads have to see although the store does not have it. */
  protected unwritten(_key: K): StoreWrite<K, V> | undefined {
    return undefined;
  }

  /** Rejects writes that wait to be taken on. */
  protected refuseWaiting(_error: unknown): void {
    // Where they are taken on at once, none waits.
  }

  get(key: K, options?: LoadOptions): Promise<V | undefined> {
    const write = this.unwritten(key);
    if (!write || options?.signal?.aborted) return this.cache.getOrLoad(key, this.#load, options);
    return Promise.resolve((write as { readonly value?: V }).value);
  }

  async put(key: K, value: V, options?: CachedStoreWait): Promise<void> {
    if (value === undefined) refuse('value', 'anything but undefined, which stands for a missing one', value);
    await this.#write({ type: 'put', key, value }, options);
  }

  async delete(key: K, options?: CachedStoreWait): Promise<void> {
    await this.#write({ type: 'delete', key }, options);
  }

  #write(write: StoreWrite<K, V>, options: CachedStoreWait | undefined): Promise<void> | undefined {
    const signal = options?.signal;
    const { writeMany, store, remove } = this.store;
    signal?.throwIfAborted();
    if (this.#isClosed) throw new CacheClosedError('cached store');
    if (!(writeMany ?? (write.type === 'put' ? store : remove))) throw new TypeError(`the store cannot ${write.type}`);
    return this.apply(write, signal);
  }

  async flush(options?: CachedStoreWait): Promise<void> {
    const signal = options?.signal;
    signal?.throwIfAborted();
    await leavable(signal, (ctx) => new Promise<void>((resolve, reject) => this.#drain(ctx.signal, resolve, reject)));
  }

  #drain(left: AbortSignal, resolve: () => void, reject: (error: unknown) => void): void {
    const failures = new Map(this.lost);
    let waiting = 1;
    const tell: Tell = (key, failure) => {
      if (failure) failures.set(key, failure);
      if (--waiting > 0) return;
      if (failures.size === 0) return resolve();
      // Told once.
      for (const lost of failures.keys()) this.lost.delete(lost);
      reject(new AggregateError(failures.values(), `${failures.size} writes are not durable`));
    };
    for (const { watchers, version } of this.pending.values()) {
      waiting++;
      watchers.set(tell, version);
    }
    // Or flushes that are given up would pile up while a store hangs.
    left.addEventListener('abort', () => {
      for (const { watchers } of this.pending.values()) watchers.delete(tell);
    });
    this.hasten();
    tell();
  }

  close(options?: CachedStoreWait): Promise<void> {
    this.#isClosed = true;
    this.refuseWaiting(new CacheClosedError('cached store'));
    return this.flush(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
