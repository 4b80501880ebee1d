import { oneOf } from '../core/check.ts';
import { shortClock } from '../core/clock.ts';
import { checkRule } from './define-policy.ts';
import type { RateLimitPolicyOptions } from './define-policy.ts';
import type { Kernel, Look, Mark, UnixClock } from './kernel.ts';
import { Columns, definePolicy } from './kernel.ts';
import type { FixedWindowPolicy } from './rate-limit-policy.ts';

/** Options of {@link fixedWindow}. */
export interface FixedWindowOptions extends RateLimitPolicyOptions {
  /** Length of a window, in whole milliseconds. */
  readonly windowMs: number;
  /**
   * Where windows start: at the first unit of a key, or for all keys at the multiples of `windowMs` in Unix time.
   *
   * @defaultValue 'first'
   */
  readonly align?: 'first' | 'epoch' | undefined;
}

/**
 * Allows `limit` units per window, and so up to twice as many around the edge of two.
 *
 * @example
 * ```ts
 * import { createRateLimiter, fixedWindow } from 'holdfast/rate-limit';
 *
 * // 5000 per day, from midnight UTC
 * const limiter = createRateLimiter(fixedWindow({ limit: 5_000, windowMs: 86_400_000, align: 'epoch' }));
 * console.log(limiter.tryAcquire('user:42'));
 * ```
 *
 * @throws RangeError when an option is out of bounds.
 */
export function fixedWindow(options: FixedWindowOptions): FixedWindowPolicy {
  const rule = checkRule(options, options.windowMs, 'windowMs');
  const { align = 'first' } = options;
  oneOf('align', align, ['first', 'epoch']);
  return definePolicy(
    { kind: 'fixed-window', ...rule, align },
    (clock = shortClock) => new Windows(rule.limit, rule.windowMs, align === 'epoch' ? clock : undefined),
  );
}

/** A key charged in more milliseconds than this forgets what its windows would have been without its reservations. */
const MOST_ENTRIES = 1000;

/** A charge of a key that has open reservations. */
interface Entry {
  readonly atMs: number;
  units: number;
  /** A reservation that can still be taken back. */
  isOpen: boolean;
  /** Where the window of a reservation ends. */
  endMs: number;
}

/*
 * A slot is the end of its window and the units in it. Windows of Unix time end by the monotonic clock as others do:
 * Unix time is only asked where the next one begins, so that a step of it neither gives units nor holds them back.
 *
 * Windows that begin at a key's first unit begin elsewhere without that unit, and so do all that follow, until a pause.
 * So the charges of a key that has open reservations are written down, and gone through again when one is taken back.
 */
class Windows extends Columns implements Kernel {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #epoch: UnixClock | undefined;
  /** Where the window of all keys ends, with windows of Unix time. */
  #endMs = -Infinity;
  #journals: Map<number, Entry[]> | undefined;

  constructor(limit: number, windowMs: number, epoch: UnixClock | undefined) {
    super(2);
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#epoch = epoch;
  }

  override clear(slot: number): void {
    super.clear(slot);
    this.#journals?.delete(slot);
  }

  charge(slot: number, nowMs: number, units: number, isShared?: boolean): void {
    this.#note(slot, nowMs, units);
    // Each key of a shared slot may have begun its window just now.
    this.#add(slot, nowMs, units, isShared);
  }

  look(slot: number, nowMs: number, cost: number): Look {
    const free = this.#limit - this.#used(slot, nowMs);
    const resetMs = Math.max(0, this.state[2 * slot]! - nowMs);
    return { free, waitMs: cost > this.#limit ? Infinity : cost > free ? resetMs : 0, resetMs };
  }

  override isIdle(slot: number, nowMs: number): boolean {
    const last = this.#journals?.get(slot)?.at(-1);
    return nowMs >= (last ? last.atMs + this.#windowMs : this.state[2 * slot]!);
  }

  reserve(slot: number, nowMs: number, units: number, isShared?: boolean): Mark {
    // So that the window is that of the key also when it is gone through again.
    if (isShared) this.#add(slot, nowMs, 0, true);
    const mark = { atMs: nowMs, units, isOpen: true, endMs: 0 };
    this.#note(slot, nowMs, 0);
    if (!this.#epoch) {
      const journals = (this.#journals ??= new Map<number, Entry[]>());
      const journal = journals.get(slot) ?? this.#past(slot, nowMs);
      journals.set(slot, journal);
      journal.push(mark);
    }
    this.#add(slot, nowMs, units);
    mark.endMs = this.state[2 * slot]!;
    return mark;
  }

  release(slot: number, _nowMs: number, mark: Mark, units: number): void {
    const { state } = this;
    const entry = mark as Entry;
    const journal = this.#journals?.get(slot);
    entry.units -= units;
    entry.isOpen = false;
    if (journal?.includes(entry)) {
      state[2 * slot] = 0;
      for (const past of journal) if (past.units > 0) this.#add(slot, past.atMs, past.units);
      if (!journal.some(({ isOpen }) => isOpen)) this.#journals!.delete(slot);
    } else if (entry.endMs === state[2 * slot]) {
      state[2 * slot + 1]! -= units;
      if (state[2 * slot + 1]! <= 0) state[2 * slot] = 0;
    }
  }

  #used(slot: number, nowMs: number): number {
    return nowMs < this.state[2 * slot]! ? this.state[2 * slot + 1]! : 0;
  }

  #add(slot: number, nowMs: number, units: number, isShared?: boolean): void {
    const used = this.#used(slot, nowMs);
    if (used === 0 || isShared) this.state[2 * slot] = this.#nextEnd(nowMs);
    this.state[2 * slot + 1] = used + units;
  }

  #nextEnd(nowMs: number): number {
    const windowMs = this.#windowMs;
    if (!this.#epoch) return nowMs + windowMs;
    if (nowMs < this.#endMs) return this.#endMs;
    const { aheadMs = 0 } = this.#epoch;
    const epochMs = Math.floor(this.#epoch.epochMs()) + aheadMs;
    let endMs = nowMs + windowMs - (epochMs - Math.floor(epochMs / windowMs) * windowMs);
    // The two clocks drift apart, or one was set: a window is then shorter or longer, by half its length at most.
    if (endMs - this.#endMs < windowMs / 2) endMs += windowMs;
    // What is only planned begins no window.
    if (aheadMs <= 0) this.#endMs = endMs;
    return endMs;
  }

  /** What a journal begins with: the window that is open. */
  #past(slot: number, nowMs: number): Entry[] {
    const units = this.#used(slot, nowMs);
    const endMs = this.state[2 * slot]!;
    return units > 0 ? [{ atMs: endMs - this.#windowMs, units, isOpen: false, endMs }] : [];
  }

  /** Writes a charge down where reservations are open. */
  #note(slot: number, nowMs: number, units: number): void {
    const journal = this.#journals?.get(slot);
    const last = journal?.at(-1);
    if (!journal || !last) return;
    if (nowMs >= last.atMs + this.#windowMs || journal.length > MOST_ENTRIES) this.#journals!.delete(slot);
    else if (last.atMs === nowMs) last.units += units;
    else if (units > 0) journal.push({ atMs: nowMs, units, isOpen: false, endMs: 0 });
  }
}
