/** Why a resource was destroyed. */
export type DestroyReason =
  | 'idle'
  | 'lifetime'
  | 'uses'
  | 'invalid'
  | 'broken'
  | 'reset'
  | 'late'
  | 'clear'
  | 'resize'
  | 'evicted'
  | 'close'
  | 'forced'
  | 'leaked';

/** What a pool tells its listeners. */
export type PoolEvent<T> =
  | { readonly type: 'created'; readonly resource: T; readonly createMs: number }
  | { readonly type: 'create-failed'; readonly error: unknown; readonly retryMs: number }
  | { readonly type: 'destroyed'; readonly resource: T; readonly reason: DestroyReason }
  | { readonly type: 'acquired'; readonly resource: T; readonly waitMs: number }
  | { readonly type: 'released'; readonly resource: T; readonly heldMs: number }
  | { readonly type: 'rejected'; readonly reason: 'timeout' | 'aborted' | 'full' | 'closed' | 'create' }
  | { readonly type: 'leak'; readonly resource: T; readonly heldMs: number; readonly stack: string }
  | { readonly type: 'hook-failed'; readonly hook: 'validate' | 'reset' | 'destroy'; readonly error: unknown };

/** Options of one acquire. */
export interface AcquireOptions {
  /** Its abort ends the wait at once, with the signal's own `reason`. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait at most, in milliseconds. @defaultValue `acquireTimeoutMs` of the pool */
  readonly timeoutMs?: number | undefined;
  /** Higher goes first; equal ones in order of arrival. @defaultValue 0 */
  readonly priority?: number | undefined;
}

/**
 * A resource on loan. It goes back once, by whichever of these comes first; what comes later changes
 * nothing, so a stale release can never give away what somebody else has.
 */
export interface Lease<T> extends Disposable, AsyncDisposable {
  /** The resource. Throws {@link PoolError} once the lease has ended. */
  readonly resource: T;
  /** Gives the resource back. Never throws and waits for nothing; `reset` runs afterwards. */
  release(): void;
  /**
   * Gives the resource back to be destroyed. With an `error`, the others that were idle are tested
   * before they are lent again: what broke one may have broken all.
   */
  destroy(error?: unknown): void;
}

/** How to close a pool. */
export interface PoolCloseOptions {
  /** Whether those who wait are still served; otherwise they are rejected. @defaultValue false */
  readonly drain?: boolean | undefined;
  /**
   * After so many milliseconds, what is still on loan is destroyed by force, its lease ends, and
   * creates, tests and resets that still run are given up.
   *
   * @defaultValue Infinity: borrowers are waited for
   */
  readonly graceMs?: number | undefined;
}

/** New limits of a pool; those left out stay. */
export interface PoolLimits {
  readonly max?: number | undefined;
  readonly min?: number | undefined;
  readonly minIdle?: number | undefined;
}

/** Counts of a pool at one moment. `created` = `destroyed` + `idle` + `inUse` + `testing` + `destroying`. */
export interface PoolStats {
  readonly max: number;
  readonly minIdle: number;
  /** All that counts against `max`: creating, idle, in use, testing (or resetting), destroying. */
  readonly size: number;
  readonly idle: number;
  readonly inUse: number;
  readonly creating: number;
  readonly testing: number;
  readonly destroying: number;
  readonly waiting: number;
  /** Since the pool was made, as all that follow. */
  readonly created: number;
  readonly createFailed: number;
  readonly destroyed: number;
  readonly acquired: number;
  readonly released: number;
  readonly timeouts: number;
  readonly aborted: number;
  /** Turned away: queue full, pool closed, create failed. */
  readonly rejected: number;
  /** Calls of `release` or `destroy` on a lease that had ended. */
  readonly doubleReleases: number;
  /** Resources that a test found invalid. */
  readonly invalid: number;
  readonly leaked: number;
}

/** Resources that are made when needed, lent to one borrower at a time, and kept for the next. */
export interface Pool<T> extends AsyncDisposable {
  /** The option `name`. */
  readonly name: string;
  /**
   * Resolves with a lease once a resource is free: at once when one is idle. O(1), and O(log n) of
   * those who wait when their deadlines do not come in order.
   *
   * Rejects with {@link PoolError} at the deadline, when the queue is full, when the pool is closed
   * and when creating failed for good; with the signal's `reason` on abort. Nothing is on loan then.
   */
  acquire(options?: AcquireOptions): Promise<Lease<T>>;
  /** A lease at once or `undefined`. Passes nobody who waits, and creates and tests nothing. */
  tryAcquire(): Lease<T> | undefined;
  /**
   * Acquires, runs `fn` with the resource and gives it back, whatever `fn` does; resolves and rejects as
   * `fn` does. An error that `destroyOnError` knows destroys the resource. Rejects as `acquire` does
   * when `fn` was not started.
   */
  use<R>(fn: (resource: T) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R>;
  /**
   * Creates until there are `count` resources; resolves when there are. Rejects with
   * {@link PoolError} at the first create that fails, or when the pool closes.
   *
   * @param count - By default the larger of `min` and `minIdle`.
   */
  warm(count?: number): Promise<void>;
  /** Destroys what is idle, and what is on loan or being made once it comes back. */
  clear(): void;
  /** Changes limits. With a smaller `max`, idle resources are destroyed now and others on return. */
  resize(limits: PoolLimits): void;
  /**
   * Ends the pool: new acquires are rejected, idle resources destroyed, those on loan destroyed on
   * return. Resolves when every resource has been destroyed; never rejects. A further call may turn a
   * drain into a rejection and set a grace; it resolves with the first.
   */
  close(options?: PoolCloseOptions): Promise<void>;
  /** Counts at this moment. O(1). */
  stats(): PoolStats;
  /** Adds a listener; call the answer to take it away. */
  onEvent(listener: (event: PoolEvent<T>) => void): () => void;
}
