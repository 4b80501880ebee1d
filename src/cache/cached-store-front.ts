import { refuse } from '../core/check.ts';
import type { Loader, LoadOptions } from './cache-options.ts';
import type { BackingStore, StoreWrite } from './cached-store-options.ts';
import { leavable } from './cached-store-writes.ts';
import type { CachedStore, CachedStoreWait } from './cached-store.ts';
import type { Cache } from './cache.ts';
import { CacheClosedError } from './errors.ts';

/** What all cached stores have in common. How writes get to the store is for subclasses, which keep a `P` of each key. */
export abstract class StoreFront<K, V, P> implements CachedStore<K, V> {
  protected readonly store: BackingStore<K, V>;
  protected readonly cache: Cache<K, V>;
  /** Keys with a write that is not durable. */
  protected readonly pending: Map<K, P> = new Map();
  readonly #load: Loader<K, V>;
  #isClosed = false;

  constructor(store: BackingStore<K, V>, cache: Cache<K, V>) {
    this.store = store;
    this.cache = cache;
    this.#load = (key, ctx) => store.load(key, ctx);
  }

  protected abstract apply(write: StoreWrite<K, V>, signal: AbortSignal | undefined): Promise<void> | undefined;
  protected abstract drain(): Promise<unknown>;

  get pendingWrites(): number {
    return this.pending.size;
  }

  failedWrites(): K[] {
    return [];
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
    await leavable(signal, () => this.drain());
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
