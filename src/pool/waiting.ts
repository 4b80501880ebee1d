import type { Clock, TimerHandle } from '../core/clock.ts';
import type { AbortListener } from '../core/scope.ts';
import { Scope } from '../core/scope.ts';
import { Waiter } from '../core/wait-queue.ts';
import type { Lease } from './pool-types.ts';
import type { Due } from './soon.ts';

/** How late a timer has to be for the event loop to have stood still. */
export const LATE_MS = 20;

/** Rejects those who waited in vain. */
export interface Desk {
  /** One still waits for whom a deadline was put off. */
  setDeadline(waiter: AcquireWaiter<never>): void;
  timedOut(waiter: AcquireWaiter<never>): void;
  gaveUp(waiter: AcquireWaiter<never>, reason: unknown): void;
}

/** What is asked of one who waits where loans are watched, somebody listens, or keys share a bound. */
interface WaiterNotes {
  /** For the report of a leak. */
  readonly borrower: Error | undefined;
  /** When it was called, where somebody listened; else -1. */
  readonly calledAtMs: number;
  readonly priority: number;
  /** Its place among those of all keys. */
  readonly arrival: number;
}

/** An acquire that waits. All that wait are in memory at once, so it carries no more than it must. */
export class AcquireWaiter<T> extends Waiter implements Due {
  readonly #desk: Desk;
  readonly resolve: (lease: Lease<T>) => void;
  readonly reject: (error: unknown) => void;
  notes: WaiterNotes | undefined = undefined;
  timeoutMs: number = 0;
  /** The end of its wait, which the queue is told when the wait has lasted for a while. */
  dueMs: number | undefined = undefined;

  constructor(desk: Desk, resolve: (lease: Lease<T>) => void, reject: (error: unknown) => void) {
    super();
    this.#desk = desk;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** Sets its deadline, unless it has been served. */
  due(): void {
    if (this.queue) this.#desk.setDeadline(this as AcquireWaiter<never>);
  }

  override onExpire(): void {
    this.#desk.timedOut(this as AcquireWaiter<never>);
  }

  override onGiveUp(reason: unknown): void {
    this.#desk.gaveUp(this as AcquireWaiter<never>, reason);
  }
}

/** Those who wait under one signal: one listener on it for all of them, gone with the last. */
class SharedScope extends Scope {
  readonly #onEmpty: () => void;
  #waiters = 0;

  constructor(signal: AbortSignal, onEmpty: () => void) {
    super(signal, 1);
    this.#onEmpty = onEmpty;
  }

  override listen(listener: AbortListener): void {
    this.#waiters++;
    super.listen(listener);
  }

  override unlisten(listener: AbortListener): void {
    super.unlisten(listener);
    if (--this.#waiters > 0) return;
    this.end();
    this.#onEmpty();
  }
}

/** The scopes of the signals under which somebody waits. */
export class Scopes {
  readonly #scopes = new Map<AbortSignal, SharedScope>();

  of(signal: AbortSignal): Scope {
    let scope = this.#scopes.get(signal);
    if (!scope) this.#scopes.set(signal, (scope = new SharedScope(signal, () => this.#scopes.delete(signal))));
    return scope;
  }
}

/** A timer of {@link patientClock}. */
class PatientTimer {
  readonly #clock: Clock;
  #timer: TimerHandle;

  constructor(clock: Clock, fn: () => void, ms: number) {
    const dueMs = clock.now() + ms;
    this.#clock = clock;
    this.#timer = clock.setTimeout(() => {
      if (clock.now() - dueMs <= LATE_MS) fn();
      else this.#timer = clock.setTimeout(fn, 1);
    }, ms);
  }

  clear(): void {
    this.#clock.clearTimeout(this.#timer);
  }
}

/**
 * A clock whose timers, when the event loop has stood still, let one more turn of it pass: the resource
 * that would have been in time may be among what the loop has not come to yet.
 */
export function patientClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    epochMs: () => clock.epochMs(),
    setTimeout: (fn, ms) => new PatientTimer(clock, fn, ms),
    clearTimeout: (handle) => (handle as PatientTimer).clear(),
  };
}
