import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { DestroyReason, PoolEvent } from './pool-types.ts';

/** What `create` is told. */
export interface CreateContext {
  /** Aborts when the create takes too long or the pool closes. Made on first read. */
  readonly signal: AbortSignal;
}

/** How creates are spaced while they fail. */
export interface CreateBackoffOptions {
  /** Wait after the first failure, in milliseconds, doubled by each further one. At least 1. @defaultValue 50 */
  readonly baseMs?: number | undefined;
  /** Longest wait, in milliseconds. Each wait is drawn from the upper half of its bound. @defaultValue 5000 */
  readonly maxMs?: number | undefined;
}

/** A lease that is out for too long. */
export interface PoolLeak<T> {
  readonly resource: T;
  readonly heldMs: number;
  /** Where it was acquired. */
  readonly stack: string;
}

/** Options of {@link createPool}. */
export interface PoolOptions<T> {
  /** Makes a resource. May throw, reject, or never settle: `createTimeoutMs` bounds it. */
  readonly create: (ctx: CreateContext) => T | PromiseLike<T>;
  /** Ends a resource. When it throws or rejects, an event says so, and the resource counts as destroyed. */
  readonly destroy?: ((resource: T, reason: DestroyReason) => void | PromiseLike<void>) | undefined;
  /** Whether an idle resource may be lent. `false`, an error and a timeout are the same. */
  readonly validate?: ((resource: T) => boolean | PromiseLike<boolean>) | undefined;
  /** Makes a returned resource fit for the next borrower. Failure or timeout destroys it. */
  readonly reset?: ((resource: T) => void | PromiseLike<void>) | undefined;
  /** Resources at most, those being created and destroyed included. At least 1. @defaultValue 10 */
  readonly max?: number | undefined;
  /** Resources that are kept, from the first use on. @defaultValue 0 */
  readonly min?: number | undefined;
  /** Idle resources that are kept ready, from the first use on, as far as `max` allows. @defaultValue 0 */
  readonly minIdle?: number | undefined;
  /** Acquires that may wait beyond those for whom `max` has room. 0 fails fast. @defaultValue Infinity */
  readonly maxWaiters?: number | undefined;
  /** From acquire to its end, in milliseconds, everything included. @defaultValue 30000 */
  readonly acquireTimeoutMs?: number | undefined;
  /** A create that takes longer, in milliseconds, gives its slot back; what comes of it is destroyed. @defaultValue 30000 */
  readonly createTimeoutMs?: number | undefined;
  /** A test that takes longer, in milliseconds, has failed. @defaultValue 5000 */
  readonly validateTimeoutMs?: number | undefined;
  /** A reset that takes longer, in milliseconds, has failed. @defaultValue 5000 */
  readonly resetTimeoutMs?: number | undefined;
  /** A destroy that takes longer, in milliseconds, is not waited for any more. @defaultValue 5000 */
  readonly destroyTimeoutMs?: number | undefined;
  /** Idle for so long, in milliseconds, a resource is destroyed, unless `min` or `minIdle` keep it. @defaultValue Infinity */
  readonly idleTimeoutMs?: number | undefined;
  /** So old, in milliseconds, a resource is not lent any more. @defaultValue Infinity */
  readonly maxLifetimeMs?: number | undefined;
  /** Share of `maxLifetimeMs` by which lifetimes are shortened at most, drawn once for each. 0 to 1. @defaultValue 0.1 */
  readonly maxLifetimeJitter?: number | undefined;
  /** Loans of one resource. At least 1. @defaultValue Infinity */
  readonly maxUses?: number | undefined;
  /** A resource used or tested within so many milliseconds is lent without `validate`; 0: every reuse is tested. @defaultValue 500 */
  readonly validateAfterIdleMs?: number | undefined;
  /** Tests idle resources so often, in milliseconds, less up to a tenth. Needs `validate`. @defaultValue Infinity */
  readonly keepaliveMs?: number | undefined;
  /** `lifo` lends the one used last and lets the pool shrink; `fifo` spreads over all. @defaultValue 'lifo' */
  readonly idleOrder?: 'lifo' | 'fifo' | undefined;
  /** `eager`: a create for each who waits. `adaptive`: as few as would serve them sooner. @defaultValue 'adaptive' */
  readonly growth?: 'adaptive' | 'eager' | undefined;
  /** Creates in flight at most. At least 1. @defaultValue Infinity */
  readonly maxConcurrentCreates?: number | undefined;
  readonly createBackoff?: CreateBackoffOptions | undefined;
  /** What acquires do while creates fail and nothing is alive: wait for their deadline, or fail at once. @defaultValue 'wait' */
  readonly onCreateFailure?: 'wait' | 'fail' | undefined;
  /** Whether an error of `create` will not go away, as a wrong password: all who wait are rejected. @defaultValue none */
  readonly isFatalCreateError?: ((error: unknown) => boolean) | undefined;
  /** Whether an error of the function given to `use` means that the resource is broken. @defaultValue none */
  readonly destroyOnError?: ((error: unknown) => boolean) | undefined;
  /** On loan for so long, in milliseconds, a resource is reported. Takes a stack trace per acquire. @defaultValue Infinity */
  readonly leakThresholdMs?: number | undefined;
  /** Whether a leaked resource is destroyed, which makes room; its lease ends. @defaultValue false */
  readonly reclaimLeaked?: boolean | undefined;
  /** Told once of each lease that is out for too long. */
  readonly onLeak?: ((leak: PoolLeak<T>) => void) | undefined;
  /** Told of everything, as a listener of `pool.onEvent` is. */
  readonly onEvent?: ((event: PoolEvent<T>) => void) | undefined;
  /** Runs your functions in a context of your choice, as `AsyncLocalStorage.snapshot()`. @defaultValue that of whoever set them off */
  readonly runInContext?: (<R>(fn: () => R) => R) | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
  /** Source of chance. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
  /** Shown in errors and metrics. @defaultValue 'pool' */
  readonly name?: string | undefined;
}
