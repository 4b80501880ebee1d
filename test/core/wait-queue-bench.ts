import type { Clock, TimerHandle } from '../../src/core/clock.ts';
import { WaitQueue } from '../../src/core/wait-queue.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { RecordingWaiter } from './recording-waiter.ts';

/** A queue on a virtual clock, the log of its waiters, and numbered waiters for it. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly queue: WaitQueue<RecordingWaiter>;
  readonly log: string[];
  waiter(then?: () => void): RecordingWaiter;
}

/** Makes a {@link Bench}; `timers` is the clock that the queue sees. */
export function bench(clock: VirtualClock = createVirtualClock(), timers: Clock = clock): Bench {
  const log: string[] = [];
  let made = 0;
  const queue = new WaitQueue<RecordingWaiter>(timers);
  return { clock, queue, log, waiter: (then) => new RecordingWaiter(made++, log, then) };
}

/** Serves everybody and says in which order. */
export function drained(queue: WaitQueue<RecordingWaiter>): number[] {
  const ids: number[] = [];
  for (let next = queue.shift(); next; next = queue.shift()) ids.push(next.id);
  return ids;
}

/** A clock whose timers run on when its reading is set, as those of a runtime do. */
export function steppingClock(clock: VirtualClock): Clock & { stepMs: number; readonly started: number[] } {
  return {
    stepMs: 0,
    started: [],
    now() {
      return clock.now() + this.stepMs;
    },
    epochMs: () => clock.epochMs(),
    setTimeout(fn, ms): TimerHandle {
      this.started.push(ms);
      return clock.setTimeout(fn, ms);
    },
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}
