/** What a {@link Clock} hands out for a timer; only that clock can read it. */
export type TimerHandle = unknown;

/**
 * Where every primitive takes its time from.
 *
 * Pass your own to test without waiting (see `createVirtualClock` in `holdfast/testing`) or where
 * the runtime's timers are not the ones to use.
 */
export interface Clock {
  /** Monotonic milliseconds, for decisions and intervals. Only differences mean something. */
  now(): number;
  /** Unix time in milliseconds, for ids, headers and stored times. It may step. */
  epochMs(): number;
  /** Calls `fn` once, `ms` from now or later. Any delay, also beyond 2^31-1 ms and Infinity. */
  setTimeout(fn: () => void, ms: number): TimerHandle;
  /** Takes a timer back. A handle that has fired is no error. */
  clearTimeout(handle: TimerHandle): void;
}

/** The longest delay that runtimes keep; a longer one fires after 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A delay longer than the runtime's longest, served by one runtime timer after the other. */
class ChainedTimer {
  #isAwaited = true;
  #timer: TimerHandle;

  start(fn: () => void, ms: number): this {
    const restMs = ms - LONGEST_TIMER_MS;
    const next = restMs > 0 ? () => void this.start(fn, restMs) : fn;
    this.#timer = globalThis.setTimeout(next, Math.min(ms, LONGEST_TIMER_MS));
    if (!this.#isAwaited) keepAlive(this.#timer, false);
    return this;
  }

  clear(): void {
    systemClock.clearTimeout(this.#timer);
  }

  ref(): void {
    keepAlive(this.#timer, (this.#isAwaited = true));
  }

  unref(): void {
    keepAlive(this.#timer, (this.#isAwaited = false));
  }
}

/** The part of {@link systemClock} that tells the time, for those who set no timers. */
export const systemTime: Pick<Clock, 'now'> = { now: () => performance.now() };

/**
 * The runtime's own clock for those who never wait longer than runtimes can at once, 2^31-1 ms.
 *
 * Like {@link systemClock} in everything else, at a third of its size.
 */
export const shortClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
  clearTimeout: (handle) => globalThis.clearTimeout(handle as ReturnType<typeof setTimeout>),
};

/**
 * The runtime's own clock: `performance.now`, `Date.now` and `setTimeout`.
 *
 * The globals are looked up at each call, so that a test which replaces them later is obeyed.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  setTimeout: (fn, ms) => (ms > LONGEST_TIMER_MS ? new ChainedTimer().start(fn, ms) : globalThis.setTimeout(fn, ms)),
  clearTimeout: (handle) => {
    if (handle instanceof ChainedTimer) handle.clear();
    else globalThis.clearTimeout(handle as ReturnType<typeof setTimeout>);
  },
};

/**
 * Says whether a timer keeps the process alive, where the runtime knows such a thing.
 *
 * Background timers must not; a timer that someone awaits must.
 */
export function keepAlive(handle: TimerHandle, alive: boolean): void {
  const timer = handle as { ref?: () => void; unref?: () => void } | null | undefined;
  if (alive) timer?.ref?.();
  else timer?.unref?.();
}
