/** Asks for any worker id of a pool. */
export interface LeaseRequest {
  readonly pool: string;
  /** The pool has the worker ids 0 to this less one. */
  readonly workerIds: number;
  readonly ttlMs: number;
  /** `wait`: worker ids that the store knows nothing of are free from `ttlMs` on, because it may have lost their leases. */
  readonly coldStart: 'wait' | 'immediate';
}

/** Asks for more time. */
export interface LeaseRenewal {
  readonly pool: string;
  readonly workerId: number;
  /** Of the grant: it tells the holder from every other, before and after. */
  readonly fencingToken: number;
  readonly ttlMs: number;
}

/** Gives a worker id back. */
export interface LeaseRelease {
  readonly pool: string;
  readonly workerId: number;
  /** Of the grant: it tells the holder from every other, before and after. */
  readonly fencingToken: number;
  /** The holder has used no time from here on: the next window may start here. */
  readonly untilMs: number;
}

/** A window of time, in Unix milliseconds, in which ids of a worker belong to one holder. */
export interface LeaseGrant {
  readonly workerId: number;
  /** Grows with each grant of this worker id, also past a loss of the store's data. */
  readonly fencingToken: number;
  /** At least the `untilMs` of every window that the store has granted for this worker id. */
  readonly fromMs: number;
  /** `ttlMs` from the grant, as from each renewal: whoever comes after a loss of the data waits no longer than that. */
  readonly untilMs: number;
  /** The time of the store at the grant. */
  readonly nowMs: number;
}

/**
 * Where leases are kept. Each verb is one atomic step, decided by the store's own clock, and settles in bounded
 * time. What makes ids unique is a single promise: windows of one worker id do not overlap.
 */
export interface WorkerLeaseStore {
  /**
   * Grants a window of a worker id that nobody holds; `null` when there is none. A request that is sent twice may
   * take two worker ids, of which one goes unused for its `ttlMs`.
   */
  acquire(request: LeaseRequest): PromiseLike<LeaseGrant | null>;
  /**
   * Extends the window of the holder to `ttlMs` from now, never shortens it, and answers its new end; `null` when it
   * no longer holds the worker id.
   */
  renew(renewal: LeaseRenewal): PromiseLike<number | null>;
  /** Ends the window of the holder at `untilMs` and frees the worker id. Does nothing when it no longer holds the worker id. */
  release(release: LeaseRelease): PromiseLike<void>;
}
