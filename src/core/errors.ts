/** Every code that an error of this library carries. */
export type ErrorCode =
  | 'ERR_BLOOM_FULL'
  | 'ERR_BLOOM_MISMATCH'
  | 'ERR_BULKHEAD_REJECTED'
  | 'ERR_CACHE_CLOSED'
  | 'ERR_CACHE_WRITES_FULL'
  | 'ERR_CACHE_WRITE_FAILED'
  | 'ERR_CHAOS_FAULT'
  | 'ERR_CIRCUIT_OPEN'
  | 'ERR_FETCH_FAILED'
  | 'ERR_HEDGE_SUPERSEDED'
  | 'ERR_NO_WORKER_ID'
  | 'ERR_POOL_CLOSED'
  | 'ERR_POOL_CREATE'
  | 'ERR_POOL_CREATE_TIMEOUT'
  | 'ERR_POOL_HOOK_TIMEOUT'
  | 'ERR_POOL_LEASE_RELEASED'
  | 'ERR_POOL_QUEUE_FULL'
  | 'ERR_POOL_TIMEOUT'
  | 'ERR_RATE_LIMITED'
  | 'ERR_RATE_LIMIT_CLOSED'
  | 'ERR_RATE_LIMIT_COST'
  | 'ERR_RATE_LIMIT_MAX_WAIT'
  | 'ERR_RATE_LIMIT_QUEUE_FULL'
  | 'ERR_SAGA_CANCELLED'
  | 'ERR_SAGA_COMPENSATED'
  | 'ERR_SAGA_CONFLICT'
  | 'ERR_SAGA_LEASE_LOST'
  | 'ERR_SAGA_LOCKED'
  | 'ERR_SAGA_REFUSED'
  | 'ERR_SAGA_SERIALIZATION'
  | 'ERR_SAGA_STEP_TIMEOUT'
  | 'ERR_SAGA_STUCK'
  | 'ERR_SNOWFLAKE_EXHAUSTED'
  | 'ERR_SNOWFLAKE_LEAD'
  | 'ERR_STORE_FAULT'
  | 'ERR_STORE_TIMEOUT'
  | 'ERR_TIMEOUT'
  | 'ERR_WORKER_LEASE_LOST';

/** How the codes of calls begin that were turned away before their operation was started. */
const REJECTION = /^ERR_(?:BULKHEAD_REJECTED|CIRCUIT_OPEN|POOL_(?:CLOSED|QUEUE_FULL|TIMEOUT)|RATE_LIMIT)/;

function brand(): symbol {
  return Symbol.for('holdfast.error');
}

/** Sets how many frames a stack trace gets and answers how many it got, where the engine has such a limit. */
function limitStack(frames: number | undefined): number | undefined {
  const engine = Error as { stackTraceLimit?: number | undefined };
  const before = engine.stackTraceLimit;
  try {
    if (before !== undefined) engine.stackTraceLimit = frames;
  } catch {
    // Frozen intrinsics: the error carries a stack trace and costs what it costs.
  }
  return before;
}

/** What an error can be given besides its code and message. */
export interface HoldfastErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /**
   * Whether the error carries a stack trace. Taking one costs several times the error itself,
   * so errors that turn calls away under load go without.
   *
   * @defaultValue true
   */
  readonly captureStack?: boolean | undefined;
}

/** For errors that turn calls away: made once, as they are made often. */
export const STACKLESS: HoldfastErrorOptions = { captureStack: false };

/**
 * The base of every error that this library makes at run time.
 *
 * Tell them apart by `code`, or by {@link isHoldfastError}, which also knows the errors of another
 * loaded copy of the library. Bad options are a plain `RangeError` or `TypeError` instead.
 */
export class HoldfastError extends Error {
  /** What happened, for a `switch`. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    const { captureStack = true } = options;
    const limit = captureStack ? undefined : limitStack(0);
    super(message, options);
    if (!captureStack) limitStack(limit);
    this.code = code;
    // On the prototype, so that a logged error does not show it; here, so that an unused class can be shaken off.
    if (!(brand() in this)) Object.defineProperty(HoldfastError.prototype, brand(), { value: true });
  }

  override get name(): string {
    return 'HoldfastError';
  }
}

/** Tells whether `value` is an error of this library, of any loaded copy, and of `code` when given. */
export function isHoldfastError(value: unknown, code?: ErrorCode): value is HoldfastError {
  try {
    const error = value as (HoldfastError & Record<symbol, unknown>) | null | undefined;
    return error?.[brand()] === true && (code === undefined || error.code === code);
  } catch {
    // Anything can be thrown, a revoked proxy for one, which cannot be read.
    return false;
  }
}

/**
 * Tells whether `error` turned a call away before its operation was started: an open circuit, a
 * full bulkhead, a rate limit, a busy or closed pool. Such an error says nothing about the dependency, so circuit
 * breakers do not count it and retries do not repeat it, unless told to. One with a `cause` is none: something failed.
 */
export function isRejection(error: unknown): boolean {
  return isHoldfastError(error) && REJECTION.test(String(error.code)) && error.cause === undefined;
}

/**
 * Reports an error that must not reach the caller, as one thrown by an event listener: to the
 * global `reportError` where the runtime has one, else to `console.error`.
 */
export function reportError(error: unknown): void {
  const { reportError: report } = globalThis as { reportError?: (error: unknown) => void };
  if (typeof report === 'function') report(error);
  else console.error(error);
}

/**
 * Calls a user's callback; when it throws, reports that and answers `otherwise`. One that is async by
 * mistake is no unhandled rejection.
 */
export function guarded<A extends readonly unknown[], R>(otherwise: R, fn: (...args: A) => R, ...args: A): R {
  try {
    const result = fn(...args);
    if (result instanceof Promise) result.catch(reportError);
    return result;
  } catch (error) {
    reportError(error);
    return otherwise;
  }
}

/** Tells a listener, if there is one. What it throws, or rejects with, is reported and changes nothing. */
export function emit<E>(listener: ((event: E) => unknown) | undefined, event: E): void {
  if (listener) guarded<[E], unknown>(undefined, listener, event);
}
