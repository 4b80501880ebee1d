import type { Clock } from '../core/clock.ts';
import type { Entry } from './entry.ts';
import { EntryList } from './entry.ts';
import { PoolLease, WatchedLease } from './lease.ts';
import type { Listeners } from './listeners.ts';

/** What is on loan, in order of time. A resource has one live lease, and only that one ends the loan. */
export class Loans<T> {
  readonly lent: EntryList<T> = new EntryList();
  readonly #clock: Clock;
  readonly #listeners: Listeners<T>;
  acquired: number = 0;
  released: number = 0;
  doubleReleases: number = 0;

  constructor(clock: Clock, listeners: Listeners<T>) {
    this.#clock = clock;
    this.#listeners = listeners;
  }

  /** Begins a loan of what is in no list. `borrower` is where it was acquired, if it is watched. */
  begin(entry: Entry<T>, nowMs: number, borrower: Error | undefined, calledAtMs: number): PoolLease<T> {
    const lease = borrower ? new WatchedLease(entry, borrower) : new PoolLease(entry);
    entry.lease = lease;
    entry.sinceMs = nowMs;
    if (entry.plan) entry.plan.usesLeft--;
    this.acquired++;
    this.lent.push(entry);
    if (this.#listeners.hasAny) {
      const waitMs = calledAtMs < 0 ? 0 : Math.max(0, nowMs - calledAtMs);
      this.#listeners.tell({ type: 'acquired', resource: entry.resource, waitMs });
    }
    return lease;
  }

  /** Ends a loan, if `lease` is its live one. */
  end(entry: Entry<T>, lease: PoolLease<T>): boolean {
    if (entry.lease !== lease) {
      this.doubleReleases++;
      return false;
    }
    entry.lease = undefined;
    this.released++;
    if (this.#listeners.hasAny) {
      const heldMs = Math.max(0, this.#clock.now() - entry.sinceMs);
      this.#listeners.tell({ type: 'released', resource: entry.resource, heldMs });
    }
    this.lent.remove(entry);
    return true;
  }
}
