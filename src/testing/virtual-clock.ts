import type { Clock, TimerHandle } from '../core/clock.ts';

/** Options of {@link createVirtualClock}. */
export interface VirtualClockOptions {
  /**
   * First reading of `now()`, in milliseconds.
   *
   * @defaultValue 0
   */
  readonly nowMs?: number;
  /**
   * First reading of `epochMs()`, Unix milliseconds.
   *
   * @defaultValue 1767225600000, which is 2026-01-01T00:00:00Z
   */
  readonly epochMs?: number;
}

/** A {@link Clock} that stands still until it is told to move. */
export interface VirtualClock extends Clock {
  /** Timers that wait now. */
  readonly pendingTimers: number;
  /** Milliseconds until the earliest timer, or `undefined` when none waits. */
  readonly nextTimerMs: number | undefined;
  /**
   * Moves the time on by `ms`, firing each timer that falls due at its own time, and lets promise
   * callbacks run before, between and after them.
   */
  advance(ms: number): Promise<void>;
  /** Moves the time on by `ms` and fires nothing, as a stalled event loop does. */
  stall(ms: number): void;
  /** Sets `now()` to any reading, backwards included, and fires nothing. */
  setNow(ms: number): void;
  /** Sets `epochMs()` to any reading, as an operator or NTP does. `now()` stays. */
  setEpoch(ms: number): void;
}

interface VirtualTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Enough turns of the promise queue for chains of thenables and async functions to run dry. */
const TURNS = 20;

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
 */
export function createVirtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const { nowMs = 0, epochMs = 1_767_225_600_000 } = options;
  return new ManualClock(nowMs, epochMs);
}

class ManualClock implements VirtualClock {
  readonly #timers = new Set<VirtualTimer>();
  #now: number;
  #epoch: number;
  #order = 0;

  constructor(now: number, epoch: number) {
    this.#now = now;
    this.#epoch = epoch;
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  get nextTimerMs(): number | undefined {
    const timer = this.#earliest();
    return timer && Math.max(0, timer.dueMs - this.#now);
  }

  now(): number {
    return this.#now;
  }

  epochMs(): number {
    return this.#epoch;
  }

  setTimeout(fn: () => void, ms: number): TimerHandle {
    const timer: VirtualTimer = { dueMs: this.#now + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as VirtualTimer);
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#now + ms;
    await this.#settle();
    for (let timer = this.#earliest(); timer && timer.dueMs <= endMs; timer = this.#earliest()) {
      this.stall(Math.max(0, timer.dueMs - this.#now));
      this.#timers.delete(timer);
      timer.fn();
      await this.#settle();
    }
    this.stall(Math.max(0, endMs - this.#now));
    await this.#settle();
  }

  stall(ms: number): void {
    this.#now += ms;
    this.#epoch += ms;
  }

  setNow(ms: number): void {
    this.#now = ms;
  }

  setEpoch(ms: number): void {
    this.#epoch = ms;
  }

  #earliest(): VirtualTimer | undefined {
    let first: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.dueMs < first.dueMs) first = timer;
    }
    return first;
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
  }
}
