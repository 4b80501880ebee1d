import { HoldfastError, STACKLESS } from '../core/errors.ts';

/** A load took longer than `hardTimeoutMs`. It was started; its signal has been aborted. */
export class LoadTimeoutError extends HoldfastError {
  declare readonly code: 'ERR_TIMEOUT';

  constructor(timeoutMs: number) {
    super('ERR_TIMEOUT', `a load took longer than ${timeoutMs} ms`, STACKLESS);
  }

  override get name(): string {
    return 'LoadTimeoutError';
  }
}

/** The cache, or the cached store, is closed. Nothing was started, or what was has been aborted. */
export class CacheClosedError extends HoldfastError {
  declare readonly code: 'ERR_CACHE_CLOSED';

  constructor(what: string = 'cache') {
    super('ERR_CACHE_CLOSED', `the ${what} is closed`, STACKLESS);
  }

  override get name(): string {
    return 'CacheClosedError';
  }
}

/** As many keys as `maxPending` have a write that is not durable. This one was not taken on. */
export class WritesFullError extends HoldfastError {
  declare readonly code: 'ERR_CACHE_WRITES_FULL';

  constructor(maxPending: number) {
    super('ERR_CACHE_WRITES_FULL', `${maxPending} writes are pending`, STACKLESS);
  }

  override get name(): string {
    return 'WritesFullError';
  }
}

/** A write behind is not durable: the store failed with `cause`. */
export class WriteFailedError extends HoldfastError {
  declare readonly code: 'ERR_CACHE_WRITE_FAILED';
  readonly key: unknown;

  constructor(key: unknown, cause: unknown) {
    super('ERR_CACHE_WRITE_FAILED', 'a write has failed', { ...STACKLESS, cause });
    this.key = key;
  }

  override get name(): string {
    return 'WriteFailedError';
  }
}
