import type { BackingStore, StoreWrite } from './cached-store-options.ts';
import type { Unwritten } from './cached-store-front.ts';
import { StoreFront } from './cached-store-front.ts';
import { applyWrites, leavable, remember } from './cached-store-writes.ts';
import type { Cache } from './cache.ts';

/** The last write of a key. */
interface Turn extends Unwritten {
  readonly end: Promise<void>;
}

/*
 * Writes that their callers wait for: the store first, then the cache. `pending` has the last write of each key that
 * is not over; the next one begins when it is. A caller who leaves does not end a write that the store has begun:
 * whether it happened is not known before the store has answered, and then the cache follows.
 */
export class DirectStore<K, V> extends StoreFront<K, V, Turn> {
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
      const end = (this.pending.get(key)?.end ?? Promise.resolve()).then(apply, apply);
      const turn: Turn = { end, version: 0, watchers: new Map() };
      const leave = (): void => {
        if (this.pending.get(key) === turn) this.pending.delete(key);
        for (const tell of turn.watchers.keys()) tell();
      };
      this.pending.set(key, turn);
      end.then(leave, leave);
      return end;
    });
  }
}
