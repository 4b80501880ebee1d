import { emit } from '../core/errors.ts';
import type { PoolEvent } from './pool-types.ts';

/** Those who are told of events. Nothing is made for them while there are none. */
export class Listeners<T> {
  #all: readonly ((event: PoolEvent<T>) => void)[] = [];
  /** Whether there is any. */
  hasAny: boolean = false;

  add(listener: (event: PoolEvent<T>) => void): () => void {
    const own = (event: PoolEvent<T>): void => listener(event);
    this.#set([...this.#all, own]);
    return () => this.#set(this.#all.filter((other) => other !== own));
  }

  tell(event: PoolEvent<T>): void {
    for (const listener of this.#all) emit(listener, event);
  }

  #set(all: readonly ((event: PoolEvent<T>) => void)[]): void {
    this.#all = all;
    this.hasAny = all.length > 0;
  }
}
