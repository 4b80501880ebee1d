import type { Clock, TimerHandle } from '../../src/core/clock.ts';

/** A clock that counts its timers that wait and would hold the process. */
export interface HoldingClock extends Clock {
  readonly held: number;
}

interface Holder {
  readonly timer: TimerHandle;
  ref(): void;
  unref(): void;
}

/** The time and the timers of `clock`, with handles that know `ref` and `unref` as those of Node do. */
export function holdingClock(clock: Clock): HoldingClock {
  const holders = new Set<unknown>();
  return {
    get held() {
      return holders.size;
    },
    now: () => clock.now(),
    epochMs: () => clock.epochMs(),
    setTimeout(fn, ms) {
      let isOver = false;
      const fire = (): void => {
        isOver = true;
        holders.delete(holder);
        fn();
      };
      const holder: Holder = {
        timer: clock.setTimeout(fire, ms),
        ref: () => void (isOver || holders.add(holder)),
        unref: () => void holders.delete(holder),
      };
      holders.add(holder);
      return holder;
    },
    clearTimeout(handle) {
      holders.delete(handle);
      if (handle !== undefined) clock.clearTimeout((handle as Holder).timer);
    },
  };
}
