import { HoldfastError } from '../core/errors.ts';

/**
 * Thrown instead of an id that would lead the clock by more than `maxLeadMs`: the clock was set back,
 * or more ids were asked for than fit its milliseconds. Nothing was issued.
 */
export class SnowflakeLeadError extends HoldfastError {
  /** Milliseconds of the clock after which the same call succeeds. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('ERR_SNOWFLAKE_LEAD', `ids lead the clock too far, wait ${retryAfterMs} ms`, { captureStack: false });
    this.retryAfterMs = retryAfterMs;
  }

  override get name(): string {
    return 'SnowflakeLeadError';
  }
}

/** Thrown when the bits of time are used up. Nothing was issued; ids never wrap. */
export class SnowflakeExhaustedError extends HoldfastError {
  constructor() {
    super('ERR_SNOWFLAKE_EXHAUSTED', 'the bits of time are used up');
  }

  override get name(): string {
    return 'SnowflakeExhaustedError';
  }
}

/** Rejects who asks for a worker id when each is leased to somebody. Nothing was taken. */
export class NoWorkerIdError extends HoldfastError {
  constructor(pool: string, workerIds: number) {
    super('ERR_NO_WORKER_ID', `all ${workerIds} worker ids of pool ${pool} are taken`);
  }

  override get name(): string {
    return 'NoWorkerIdError';
  }
}

/** Thrown instead of an id that a lease of a worker id does not cover, and the reason of its signal. Nothing was issued. */
export class WorkerLeaseLostError extends HoldfastError {
  readonly workerId: number;
  /**
   * `expired`: the window of the lease has ended by the clock of this process, or ids have run up to its end; a
   * renewal that gets through opens it again. `taken`: the store has given the worker id away, or knows
   * nothing of the lease. `released`: by this process.
   */
  readonly reason: 'expired' | 'taken' | 'released';

  constructor(workerId: number, reason: 'expired' | 'taken' | 'released') {
    super('ERR_WORKER_LEASE_LOST', `the lease of worker id ${workerId} is ${reason}`, { captureStack: false });
    this.workerId = workerId;
    this.reason = reason;
  }

  override get name(): string {
    return 'WorkerLeaseLostError';
  }
}
