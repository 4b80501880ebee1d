import { HoldfastError, STACKLESS } from '../core/errors.ts';

/** Why a {@link RateLimitError} was thrown. */
export type RateLimitErrorCode =
  | 'ERR_RATE_LIMITED'
  | 'ERR_RATE_LIMIT_QUEUE_FULL'
  | 'ERR_RATE_LIMIT_MAX_WAIT'
  | 'ERR_RATE_LIMIT_COST'
  | 'ERR_RATE_LIMIT_CLOSED';

/** A limiter turned the call away; nothing was started and no unit taken. */
export class RateLimitError extends HoldfastError {
  declare readonly code: RateLimitErrorCode;
  /**
   * When to come back: 0 where waiting is not the remedy, Infinity where it never helps, NaN where nobody
   * can tell (`retry` then waits by its own backoff).
   */
  readonly retryAfterMs: number;

  constructor(code: RateLimitErrorCode, message: string, retryAfterMs: number) {
    super(code, message, STACKLESS);
    this.retryAfterMs = retryAfterMs;
  }

  override get name(): string {
    return 'RateLimitError';
  }
}
