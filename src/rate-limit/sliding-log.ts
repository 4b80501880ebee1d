import { integer } from '../core/check.ts';
import { checkRule } from './define-policy.ts';
import type { PolicyOptions } from './define-policy.ts';
import type { Kernel, Mark } from './kernel.ts';
import { definePolicy } from './kernel.ts';
import type { SlidingLogPolicy } from './rate-limit-policy.ts';

/** Options of {@link slidingLog}. */
export interface SlidingLogOptions extends PolicyOptions {
  /** Length of the window, in whole milliseconds. */
  readonly windowMs: number;
  /**
   * Most entries kept per key; units of one millisecond share one. With fewer than `limit`, units that came within
   * windowMs / (maxEntries - 1) of each other share an entry, and leave together with the last of them.
   *
   * @defaultValue `limit`, at most 1000
   */
  readonly maxEntries?: number;
}

/**
 * Allows `limit` units in every window, wherever it starts, by remembering when each was taken.
 *
 * @throws RangeError when an option is out of bounds.
 */
export function slidingLog(options: SlidingLogOptions): SlidingLogPolicy {
  const rule = checkRule(options, options.windowMs, 'windowMs');
  const { maxEntries = Math.min(rule.limit, 1000) } = options;
  integer('maxEntries', maxEntries, 1);
  return definePolicy(
    { kind: 'sliding-log', ...rule, maxEntries },
    () => new Logs(rule.limit, rule.windowMs, maxEntries),
  );
}

/** What was taken when, the oldest first; all before `head` has left the window. */
interface Log {
  readonly timesMs: number[];
  readonly units: number[];
  head: number;
  total: number;
}

/** When a reservation was charged. */
interface LogMark {
  readonly atMs: number;
}

/*
 * Units taken close together share an entry that leaves with the last of them: later than some, never earlier. Where
 * entries are enough for every unit, close together means in the same millisecond.
 */
class Logs implements Kernel {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #maxEntries: number;
  readonly #stepMs: number;
  readonly #logs: (Log | undefined)[] = [];

  constructor(limit: number, windowMs: number, maxEntries: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#maxEntries = maxEntries;
    this.#stepMs = maxEntries < limit ? Math.ceil(windowMs / (maxEntries - 1)) : 1;
  }

  grow(): void {}

  copy(from: number, to: number): void {
    const log = this.#logs[from];
    this.#logs[to] = log && { ...log, timesMs: [...log.timesMs], units: [...log.units] };
  }

  clear(slot: number): void {
    this.#logs[slot] = undefined;
  }

  tryCharge(slot: number, nowMs: number, cost: number): boolean {
    if (cost > this.free(slot, nowMs)) return cost === 0;
    if (cost > 0) this.charge(slot, nowMs, cost);
    return true;
  }

  charge(slot: number, nowMs: number, units: number): void {
    const log = this.#turn(slot, nowMs) ?? (this.#logs[slot] = { timesMs: [], units: [], head: 0, total: 0 });
    const { timesMs, head } = log;
    const last = timesMs.length - 1;
    const stepMs = this.#stepMs;
    log.total += units;
    if (
      last >= head &&
      (Math.floor(timesMs[last]! / stepMs) === Math.floor(nowMs / stepMs) || last - head + 1 >= this.#maxEntries)
    ) {
      timesMs[last] = nowMs;
      log.units[last]! += units;
    } else {
      timesMs.push(nowMs);
      log.units.push(units);
    }
  }

  free(slot: number, nowMs: number): number {
    return this.#limit - (this.#turn(slot, nowMs)?.total ?? 0);
  }

  waitMs(slot: number, nowMs: number, cost: number): number {
    if (cost > this.#limit) return Infinity;
    const { timesMs, units, head } = this.#turn(slot, nowMs)!;
    let lacking = cost - this.free(slot, nowMs);
    let at = head - 1;
    while (lacking > 0) lacking -= units[++at]!;
    return timesMs[at]! + this.#windowMs - nowMs;
  }

  resetMs(slot: number, nowMs: number): number {
    const last = this.#turn(slot, nowMs)?.timesMs.at(-1);
    return last === undefined ? 0 : last + this.#windowMs - nowMs;
  }

  isIdle(slot: number, nowMs: number): boolean {
    return this.resetMs(slot, nowMs) === 0;
  }

  reserve(slot: number, nowMs: number, units: number): LogMark {
    this.charge(slot, nowMs, units);
    return { atMs: nowMs };
  }

  release(slot: number, nowMs: number, mark: Mark, units: number): void {
    const { atMs } = mark as LogMark;
    const log = this.#turn(slot, nowMs);
    if (!log || atMs <= nowMs - this.#windowMs) return;
    const at = log.timesMs.findIndex((timeMs) => timeMs >= atMs);
    log.total -= units;
    log.units[at]! -= units;
    if (log.units[at]! > 0) return;
    log.timesMs.splice(at, 1);
    log.units.splice(at, 1);
  }

  /** Drops what has left the window; answers the log if anything is in it. */
  #turn(slot: number, nowMs: number): Log | undefined {
    const log = this.#logs[slot];
    if (!log) return undefined;
    const { timesMs, units } = log;
    while (timesMs[log.head]! <= nowMs - this.#windowMs) log.total -= units[log.head++]!;
    if (2 * log.head > timesMs.length) {
      timesMs.splice(0, log.head);
      units.splice(0, log.head);
      log.head = 0;
    }
    return log;
  }
}
