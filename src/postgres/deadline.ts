import type { Clock } from '../core/clock.ts';
import { HoldfastError } from '../core/errors.ts';

/**
 * Settles as `work` does, or rejects with code ERR_STORE_TIMEOUT after `timeoutMs`: a client waits for ever on a
 * connection that swallows packets. The statement may still be carried out.
 */
export function within<T>(timeoutMs: number, clock: Clock, work: () => PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(
      () => reject(new HoldfastError('ERR_STORE_TIMEOUT', `PostgreSQL did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    // Called inside a promise, so that what it throws at once is a rejection as well.
    void Promise.resolve()
      .then(work)
      .finally(() => clock.clearTimeout(timer))
      .then(resolve, reject);
  });
}
