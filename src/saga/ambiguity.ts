import { isHoldfastError, isRejection } from '../core/errors.ts';

interface Told {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly retryable?: unknown;
  readonly cause?: unknown;
}

function told(error: unknown): Told {
  return Object(error) === error ? (error as Told) : {};
}

/** Whether a step says that it did nothing, and never will. */
export function isRefusal(error: unknown): boolean {
  return told(error).retryable === false;
}

/**
 * Codes of connections that broke after the request may have been sent, and of PostgreSQL sessions that ended
 * (classes 08 and 57P0, https://www.postgresql.org/docs/18/errcodes-appendix.html). A refused connection is none:
 * nothing was sent.
 */
const AMBIGUOUS_CODE =
  /^(ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ABORT_ERR|UND_ERR_(SOCKET|ABORTED|(HEADERS|BODY)_TIMEOUT)|ERR_(TIMEOUT|STORE_TIMEOUT|STORE_FAULT|SAGA_STEP_TIMEOUT|SAGA_LEASE_LOST)|08...|57P0.)$/;

/** Causes lie no deeper, unless they go round in a circle. */
const DEEPEST = 9;

/** Whether an error leaves it open what was done. The cause counts too, where `fetch` hides the code. */
export function isAmbiguousError(error: unknown): boolean {
  let each = error;
  for (let depth = 0; depth < DEEPEST && each !== undefined; depth++) {
    if (isRefusal(each) || (isHoldfastError(each) && isRejection(each))) return false;
    const { name, code, cause } = told(each);
    if (name === 'AbortError' || name === 'TimeoutError' || AMBIGUOUS_CODE.test(String(code))) return true;
    each = cause;
  }
  return false;
}
