import { HoldfastError } from '../core/errors.ts';

/** A load took longer than `hardTimeoutMs`. It was started; its signal has been aborted. */
export class LoadTimeoutError extends HoldfastError {
  declare readonly code: 'ERR_TIMEOUT';

  constructor(timeoutMs: number) {
    super('ERR_TIMEOUT', `a load took longer than ${timeoutMs} ms`, { captureStack: false });
  }

  override get name(): string {
    return 'LoadTimeoutError';
  }
}

/** The cache is closed. Nothing was started, or what was has been aborted. */
export class CacheClosedError extends HoldfastError {
  declare readonly code: 'ERR_CACHE_CLOSED';

  constructor() {
    super('ERR_CACHE_CLOSED', 'the cache is closed', { captureStack: false });
  }

  override get name(): string {
    return 'CacheClosedError';
  }
}
