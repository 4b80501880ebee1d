import type { Clock } from './clock.ts';
import { shortClock } from './clock.ts';
import { HoldfastError } from './errors.ts';

/** How a call to a store is bounded. */
export interface Deadline {
  /**
   * After this the call rejects: a client waits for ever on a connection that swallows packets. At most 2^31-1, the
   * longest delay that runtimes keep, unless `clock` keeps longer ones.
   */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Settles as `work` does, with code ERR_STORE_TIMEOUT at the deadline, or with `signal.reason` on abort, whichever
 * comes first. In the last two cases, once begun, the work may still be carried out: `isOver` tells it that nobody
 * waits any more. Not begun where `signal` has aborted before. Leaves no timer and no listener behind.
 */
export function withDeadline<T>(
  store: string,
  { timeoutMs, signal, clock = shortClock }: Deadline,
  work: (isOver: () => boolean) => T | PromiseLike<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    let isOver = false;
    const end = (): void => {
      isOver = true;
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => fail(signal!.reason);
    const fail = (reason: unknown): void => {
      end();
      reject(reason);
    };
    const timer = clock.setTimeout(
      () => fail(new HoldfastError('ERR_STORE_TIMEOUT', `${store} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    signal?.addEventListener('abort', onAbort);
    try {
      // By hand: a call to a store is short, and `finally` costs as much as the timer.
      Promise.resolve(work(() => isOver)).then((value) => {
        end();
        resolve(value);
      }, fail);
    } catch (error) {
      fail(error);
    }
  });
}
