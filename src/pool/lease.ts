import type { Entry } from './entry.ts';
import { PoolError } from './errors.ts';
import type { Lease } from './pool-types.ts';

/** Knows its entry and nothing else; the entry knows which lease is its live one. */
export class PoolLease<T> implements Lease<T> {
  readonly #entry: Entry<T>;

  constructor(entry: Entry<T>) {
    this.#entry = entry;
  }

  get resource(): T {
    const entry = this.#entry;
    if (entry.lease !== this) throw new PoolError('ERR_POOL_LEASE_RELEASED', 'the lease has ended');
    return entry.resource;
  }

  release(): void {
    this.#entry.keeper.giveBack(this.#entry, this);
  }

  destroy(error?: unknown): void {
    this.#entry.keeper.giveUp(this.#entry, this, error !== undefined);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}

/** A lease whose loan is watched: it knows where it began. */
export class WatchedLease<T> extends PoolLease<T> {
  #borrower: Error | undefined;

  constructor(entry: Entry<T>, borrower: Error) {
    super(entry);
    this.#borrower = borrower;
  }

  /** Whether it has not been reported yet. */
  get isUnreported(): boolean {
    return this.#borrower !== undefined;
  }

  /** Where it began, for its one report. */
  takeStack(): string {
    const stack = this.#borrower?.stack ?? '';
    this.#borrower = undefined;
    return stack;
  }
}
