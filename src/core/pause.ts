import type { Clock } from './clock.ts';
import type { AbortListener, Scope } from './scope.ts';
import type { Done } from './step.ts';

/**
 * Waits inside a call, then goes on with `resume`; an abort ends the wait at once and fails the
 * call with its reason. Leaves no timer and no listener behind.
 */
export function pause(clock: Clock, ms: number, scope: Scope, done: Done, resume: () => void): void {
  const listener: AbortListener = {
    onAbort: (reason) => {
      clock.clearTimeout(timer);
      done(false, reason);
    },
  };
  const timer = clock.setTimeout(() => {
    scope.unlisten(listener);
    resume();
  }, ms);
  scope.listen(listener);
}
