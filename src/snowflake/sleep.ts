import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive } from '../core/clock.ts';

/** The part of a clock that waits. */
type Timers = Pick<Clock, 'setTimeout' | 'clearTimeout'>;

/** Waits; an abort ends the wait with its reason. Leaves no timer and no listener behind. */
export function sleep(clock: Timers, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = clock.setTimeout(end, ms);
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end);
  });
}

/** Waits as {@link sleep} does, for nobody: the process may end meanwhile. */
export function doze(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const background = (fn: () => void, delayMs: number): TimerHandle => {
    const timer = clock.setTimeout(fn, delayMs);
    keepAlive(timer, false);
    return timer;
  };
  return sleep({ setTimeout: background, clearTimeout: (timer) => clock.clearTimeout(timer) }, ms, signal);
}
