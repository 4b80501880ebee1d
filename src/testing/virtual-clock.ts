import { amount } from '../core/check.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';

/** Options of {@link createVirtualClock}. */
export interface VirtualClockOptions {
  /**
   * First reading of `now()`, in milliseconds.
   *
   * @defaultValue 0
   */
  readonly nowMs?: number | undefined;
  /**
   * First reading of `epochMs()`, Unix milliseconds.
   *
   * @defaultValue 1767225600000, which is 2026-01-01T00:00:00Z
   */
  readonly epochMs?: number | undefined;
}

/** A {@link Clock} that stands still until it is told to move. */
export interface VirtualClock extends Clock {
  /** Timers that wait now. */
  readonly pendingTimers: number;
  /** Milliseconds until the earliest timer, or `undefined` when none waits. */
  readonly nextTimerMs: number | undefined;
  /**
   * Moves the time on by `ms`, firing each timer that falls due at its own time, and lets promise
   * callbacks run before, between and after them. Rejects with RangeError when `ms` is negative or
   * not finite, and when more than 200 000 timers fire at one time; or with what a timer throws.
   */
  advance(ms: number): Promise<void>;
  /** Moves the time on by `ms` and fires nothing, as a stalled event loop does. */
  stall(ms: number): void;
  /** Sets `now()` to any reading, backwards included, and fires nothing. Timers fall due by this reading. */
  setNow(ms: number): void;
  /** Sets `epochMs()` to any reading, as an operator or NTP does. `now()` stays. */
  setEpoch(ms: number): void;
}

interface VirtualTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/** A reading of a clock: any number that still counts single milliseconds. */
function reading(name: string, ms: number): number {
  return amount(name, ms, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

/** A stretch of time. */
function stretch(ms: number): number {
  return amount('ms', ms, 0, Number.MAX_SAFE_INTEGER);
}

/** Enough turns of the promise queue for chains of thenables and async functions to run dry. */
const TURNS = 20;

/** Timers that set each other without a delay would go on for ever, and no test runner could stop them. */
const MOST_AT_ONCE = 200_000;

/**
 * Creates a {@link VirtualClock}: time for tests, without waiting and without patching globals.
 *
 * @example
 * ```ts
 * import { createVirtualClock } from 'holdfast/testing';
 *
 * const clock = createVirtualClock();
 * clock.setTimeout(() => console.log('a minute later'), 60_000);
 * await clock.advance(60_000);
 * ```
 *
 * @throws RangeError when a reading is not a finite number.
 */
export function createVirtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const { nowMs = 0, epochMs = 1_767_225_600_000 } = options;
  return new ManualClock(reading('nowMs', nowMs), reading('epochMs', epochMs));
}

class ManualClock implements VirtualClock {
  /** The earliest last; of those due together, the first set last. */
  readonly #timers: VirtualTimer[] = [];
  #now: number;
  #epoch: number;
  #order = 0;

  constructor(now: number, epoch: number) {
    this.#now = now;
    this.#epoch = epoch;
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  get nextTimerMs(): number | undefined {
    const timer = this.#timers.at(-1);
    return timer && Math.max(0, timer.dueMs - this.#now);
  }

  now(): number {
    return this.#now;
  }

  epochMs(): number {
    return this.#epoch;
  }

  setTimeout(fn: () => void, ms: number): TimerHandle {
    // As in a runtime, what is no positive number is no delay.
    const timer: VirtualTimer = { dueMs: this.#now + (ms > 0 ? ms : 0), order: this.#order++, fn };
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    if (!handle) return;
    const at = this.#placeOf(handle as VirtualTimer);
    if (this.#timers[at] === handle) this.#timers.splice(at, 1);
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#now + stretch(ms);
    await this.#settle();
    let atOnce = 0;
    for (let timer = this.#timers.at(-1); timer && timer.dueMs <= endMs; timer = this.#timers.at(-1)) {
      atOnce = timer.dueMs > this.#now ? 1 : atOnce + 1;
      amount('timers at one time', atOnce, 1, MOST_AT_ONCE);
      this.#move(timer.dueMs);
      this.#timers.pop();
      timer.fn();
      await this.#settle();
    }
    this.#move(endMs);
    await this.#settle();
  }

  stall(ms: number): void {
    this.#move(this.#now + stretch(ms));
  }

  setNow(ms: number): void {
    this.#now = reading('ms', ms);
  }

  setEpoch(ms: number): void {
    this.#epoch = reading('ms', ms);
  }

  /** Moves both readings on until `now` is `toMs`; back never. */
  #move(toMs: number): void {
    if (toMs <= this.#now) return;
    this.#epoch += toMs - this.#now;
    this.#now = toMs;
  }

  /** Where a timer stands in the list, or would stand. */
  #placeOf({ dueMs, order }: VirtualTimer): number {
    let low = 0;
    for (let high = this.#timers.length; low < high;) {
      const middle = (low + high) >> 1;
      const other = this.#timers[middle]!;
      if (other.dueMs > dueMs || (other.dueMs === dueMs && other.order > order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await undefined;
  }
}
