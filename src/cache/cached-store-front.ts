import { refuse } from '../core/check.ts';
import type { Loader, LoadOptions } from './cache-options.ts';
import type { BackingStore, StoreWrite } from './cached-store-options.ts';
import { leavable } from './cached-store-writes.ts';
import type { CachedStore, CachedStoreWait } from './cached-store.ts';
import type { Cache } from './cache.ts';
import { CacheClosedError } from './errors.ts';

/** What all cached stores have in common; how writes get to the store is for its subclasses. */
export abstract class StoreFront<K, V> implements CachedStore<K, V> {
  protected readonly store: BackingStore<K, V>;
  protected readonly cache: Cache<K, V>;
  readonly #load: Loader<K, V>;
  #isClosed = false;

  constructor(store: BackingStore<K, V>, cache: Cache<K, V>) {
    this.store = store;
    this.cache = cache;
    this.#load = (key, ctx) => store.load(key, ctx);
  }

  abstract readonly pendingWrites: number;
  abstract failedWrites(): K[];
  /** The write that reads have to see although the store does not have it. */
  protected abstract pending(key: K): StoreWrite<K, V> | undefined;
  protected abstract apply(write: StoreWrite<K, V>, signal: AbortSignal | undefined): Promise<void> | undefined;
  protected abstract drain(): Promise<unknown>;
  /** Rejects writes that wait to be taken on. */
  protected abstract refuseWaiting(): void;

  get(key: K, options?: LoadOptions): Promise<V | undefined> {
    const write = this.pending(key);
    if (!write || options?.signal?.aborted) return this.cache.getOrLoad(key, this.#load, options);
    return Promise.resolve(write.type === 'put' ? write.value : undefined);
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
    await leavable(signal, () => this.drain());
  }

  close(options?: CachedStoreWait): Promise<void> {
    this.#isClosed = true;
    this.refuseWaiting();
    return this.flush(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
