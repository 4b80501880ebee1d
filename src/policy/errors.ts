import { HoldfastError } from '../core/errors.ts';

/**
 * Rejects a call that ran into the limit of a `timeout` policy, and is the reason of the signal that
 * the operation was given. The work was started; it may have been done.
 */
export class TimeoutError extends HoldfastError {
  /** The limit, in milliseconds. */
  readonly ms: number;

  constructor(ms: number) {
    super('ERR_TIMEOUT', `timed out after ${ms} ms`, { captureStack: false });
    this.ms = ms;
  }

  override get name(): string {
    return 'TimeoutError';
  }
}

/** Rejects a call that got no slot of a bulkhead. The work was not started. */
export class BulkheadRejectedError extends HoldfastError {
  /** `full`: every slot and every queue place was taken. `queue-timeout`: it waited its time. */
  readonly reason: 'full' | 'queue-timeout';

  constructor(reason: 'full' | 'queue-timeout', captureStack: boolean = false) {
    super('ERR_BULKHEAD_REJECTED', reason === 'full' ? 'bulkhead is full' : 'timed out in the queue of the bulkhead', {
      captureStack,
    });
    this.reason = reason;
  }

  override get name(): string {
    return 'BulkheadRejectedError';
  }
}
