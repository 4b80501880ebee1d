import { HoldfastError } from '../core/errors.ts';

/** The codes of {@link PoolError}. */
export type PoolErrorCode =
  | 'ERR_POOL_TIMEOUT'
  | 'ERR_POOL_CLOSED'
  | 'ERR_POOL_QUEUE_FULL'
  | 'ERR_POOL_CREATE'
  | 'ERR_POOL_CREATE_TIMEOUT'
  | 'ERR_POOL_HOOK_TIMEOUT'
  | 'ERR_POOL_LEASE_RELEASED';

/**
 * What a pool rejects and throws with. No resource was handed out, so no work was started, but under
 * `ERR_POOL_LEASE_RELEASED`, which a lease throws that is used after its end.
 *
 * - `ERR_POOL_TIMEOUT`: the deadline of an acquire passed. `cause` is the last failed create, while creates fail; where
 *   nothing is on loan, it says that a create, a test or a reset has not ended yet. Without a `cause`, others had
 *   the resources.
 * - `ERR_POOL_CLOSED`: the pool is closed or closing.
 * - `ERR_POOL_QUEUE_FULL`: every resource is on loan and `maxWaiters` wait already. `cause` as above, while creates fail.
 * - `ERR_POOL_CREATE`: `create` failed, fatally or under `onCreateFailure: 'fail'`. `cause` is its error.
 * - `ERR_POOL_CREATE_TIMEOUT`, `ERR_POOL_HOOK_TIMEOUT`: `create`, or another of your functions, took too long;
 *   seen as `cause` and in events.
 *
 * The first three, without a `cause`, are rejections (`isRejection`): they say nothing about what the pool connects to.
 */
export class PoolError extends HoldfastError {
  declare readonly code: PoolErrorCode;

  constructor(code: PoolErrorCode, message: string, cause?: unknown) {
    // The stack would be that of a timer or of the pool, and taking one is the cost of a rejection.
    super(code, message, cause === undefined ? { captureStack: false } : { captureStack: false, cause });
  }

  override get name(): string {
    return 'PoolError';
  }
}
