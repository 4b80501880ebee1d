import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive } from '../core/clock.ts';

/** The part of a clock that waits. */
type Timers = Pick<Clock, 'setTimeout' | 'clearTimeout'>;

/** How to wake each who sleeps. Not as listeners of one signal, of which runtimes want few. */
export type Sleepers = Set<() => void>;

/**
 * Waits, or until an abort or until it is woken: whoever waits asks what has happened. Leaves no timer and no
 * listener behind.
 */
export function sleep(clock: Timers, ms: number, signal: AbortSignal | undefined, sleepers?: Sleepers): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      sleepers?.delete(end);
      resolve();
    };
    const timer = clock.setTimeout(end, ms);
    signal?.addEventListener('abort', end);
    sleepers?.add(end);
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
