import type { PoolLease } from './lease.ts';

/** What one resource has ahead of it, where options limit that. */
export interface Plan {
  /** From when on it is too old. */
  readonly expiresAtMs: number;
  /** How long it may go untested. */
  readonly keepaliveMs: number;
  /** Loans that are left. */
  usesLeft: number;
}

/**
 * A resource with what the pool knows of it. Times are 0 where no option needs them, so that they cost no memory.
 */
export class Entry<T> {
  readonly keeper: Keeper<T>;
  readonly resource: T;
  /** How often the pool had been cleared when its create began. */
  readonly generation: number;
  readonly plan: Plan | undefined;
  /** Its live lease. */
  lease: PoolLease<T> | undefined = undefined;
  /** Since when it is idle, or on loan. */
  sinceMs: number = 0;
  /** When it was last used, tested or made. As `trust` only of a {@link TestedEntry}: every idle resource pays for a field. */
  declare provenAtMs?: number;
  /** How many breakages the pool had seen when it was last proven. */
  declare trust?: number;
  /** For {@link EntryList} only. */
  newer: Entry<T> | undefined = undefined;
  /** For {@link EntryList} only. */
  older: Entry<T> | undefined = undefined;

  constructor(keeper: Keeper<T>, resource: T, generation: number, plan: Plan | undefined) {
    this.keeper = keeper;
    this.resource = resource;
    this.generation = generation;
    this.plan = plan;
  }
}

/** One of a pool with tests. */
export class TestedEntry<T> extends Entry<T> {
  override provenAtMs: number = 0;
  override trust: number = 0;
}

/** Takes resources back from leases. */
export interface Keeper<T> {
  giveBack(entry: Entry<T>, lease: PoolLease<T>): void;
  /** `isBroken` is whether there was an error, which may have broken others too. */
  giveUp(entry: Entry<T>, lease: PoolLease<T>, isBroken: boolean): void;
}

/** Entries in order, through the entries themselves: each is in one list at most. All O(1). */
export class EntryList<T> {
  newest: Entry<T> | undefined = undefined;
  oldest: Entry<T> | undefined = undefined;
  length: number = 0;

  push(entry: Entry<T>): void {
    const { newest } = this;
    entry.older = newest;
    if (newest) newest.newer = entry;
    else this.oldest = entry;
    this.newest = entry;
    this.length++;
  }

  /** Puts one in as the oldest. */
  pushOldest(entry: Entry<T>): void {
    const { oldest } = this;
    entry.newer = oldest;
    if (oldest) oldest.older = entry;
    else this.newest = entry;
    this.oldest = entry;
    this.length++;
  }

  remove(entry: Entry<T>): void {
    const { newer, older } = entry;
    if (newer) newer.older = older;
    else this.newest = older;
    if (older) older.newer = newer;
    else this.oldest = newer;
    entry.newer = entry.older = undefined;
    this.length--;
  }
}
