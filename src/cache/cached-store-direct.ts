import type { BackingStore, StoreWrite } from './cached-store-options.ts';
import { StoreFront } from './cached-store-front.ts';
import { applyWrites, leavable, remember } from './cached-store-writes.ts';
import type { Cache } from './cache.ts';

/*
 * Writes that their callers wait for: the store first, then the cache. `#turns` has the last write of each key that
 * is not over; the next one begins when it is. A caller who leaves does not end a write that the store has begun:
 * whether it happened is not known before the store has answered, and then the cache follows.
 */
export class DirectStore<K, V> extends StoreFront<K, V> {
  readonly #isKept: boolean;
  readonly #turns = new Map<K, Promise<void>>();

  constructor(store: BackingStore<K, V>, cache: Cache<K, V>, isKept: boolean) {
    super(store, cache);
    this.#isKept = isKept;
  }

  override get pendingWrites(): number {
    return this.#turns.size;
  }

  protected override pending(): undefined {
    return undefined;
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
      const turn = (this.#turns.get(key) ?? Promise.resolve()).then(apply, apply);
      const leave = (): void => {
        if (this.#turns.get(key) === turn) this.#turns.delete(key);
      };
      this.#turns.set(key, turn);
      turn.then(leave, leave);
      return turn;
    });
  }

  protected override drain(): Promise<unknown> {
    return Promise.allSettled(this.#turns.values());
  }

  override failedWrites(): K[] {
    return [];
  }

  protected override refuseWaiting(): void {
    // Nothing waits to be taken on.
  }
}
