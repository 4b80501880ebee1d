import type { BackingStore, StoreWrite } from './cached-store-options.ts';
import { StoreFront } from './cached-store-front.ts';
import { applyWrites, leavable, remember } from './cached-store-writes.ts';
import type { Cache } from './cache.ts';

/*
 * Writes that their callers wait for: the store first, then the cache. `pending` has the last write of each key that
 * is not over; the next one begins when it is. A caller who leaves does not end a write that the store has begun:
 * whether it happened is not known before the store has answered, and then the cache follows.
 */
export class DirectStore<K, V> extends StoreFront<K, V, Promise<void>> {
  readonly #isKept: boolean;

  constructor(store: BackingStore<K, V>, cache: Cache<K, V>, isKept: boolean) {
    super(store, cache);
    this.#isKept = isKept;
  }

  protected override apply(write: StoreWrite<K, V>, signal: AbortSignal | undefined): Promise<void> {
    const { key } = write;
    return leavable<void>(signal, (ctx, flight) => {
      const apply = async (): Promise<void> => {
        if (flight.isOver) return;
        const [error] = await applyWrites(this.store, [write], ctx);
        if (error instanceof Error) throw error;
        remember(this.cache, this.#isKept ? write : { type: 'delete', key });
      };
      const turn = (this.pending.get(key) ?? Promise.resolve()).then(apply, apply);
      const leave = (): void => {
        if (this.pending.get(key) === turn) this.pending.delete(key);
      };
      this.pending.set(key, turn);
      turn.then(leave, leave);
      return turn;
    });
  }

  protected override drain(): Promise<unknown> {
    return Promise.allSettled(this.pending.values());
  }
}
