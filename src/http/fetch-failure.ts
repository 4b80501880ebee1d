import { HoldfastError } from '../core/errors.ts';

/**
 * What a policy around `resilientFetch` is told of an attempt that failed with an answer, or that must not be
 * made again. The caller of the fetch never sees it.
 */
export class FetchFailedError extends HoldfastError {
  declare readonly code: 'ERR_FETCH_FAILED';
  /** The answer, where there is one; its body is the caller's to read should the policy give up. */
  readonly response: Response | undefined;
  /** How long the server wants to be left alone, if it said so; Infinity when the request must not be repeated. */
  readonly retryAfterMs: number | undefined;

  constructor(response: Response | undefined, retryAfterMs: number | undefined, cause?: unknown) {
    const why = response ? `the server answered with status ${response.status}` : 'the request must not be repeated';
    super('ERR_FETCH_FAILED', why, { captureStack: false, cause });
    this.response = response;
    this.retryAfterMs = retryAfterMs;
  }

  override get name(): string {
    return 'FetchFailedError';
  }
}
