import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive } from '../core/clock.ts';

/** The part of a clock that waits. */
type Timers = Pick<Clock, 'setTimeout' | 'clearTimeout'>;

/** Waits, or until one of the signals aborts: whoever waits asks them. Leaves no timer and no listener behind. */
export function sleep(clock: Timers, ms: number, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clock.clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimeout(end, ms);
    for (const signal of signals) signal?.addEventListener('abort', end);
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
