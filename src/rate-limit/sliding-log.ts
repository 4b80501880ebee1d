import { integer } from '../core/check.ts';
import { checkRule } from './define-policy.ts';
import type { RateLimitPolicyOptions } from './define-policy.ts';
import type { Kernel, Look, Mark } from './kernel.ts';
import { Columns, definePolicy } from './kernel.ts';
import type { SlidingLogPolicy } from './rate-limit-policy.ts';

/** Options of {@link slidingLog}. */
export interface SlidingLogOptions extends RateLimitPolicyOptions {
  /** Length of the window, in whole milliseconds. */
  readonly windowMs: number;
  /**
   * Most entries kept per key; units of one millisecond share one. With fewer than `limit`, units that came within
   * windowMs / (maxEntries - 1) of each other share an entry, and leave together with the last of them.
   *
   * @defaultValue `limit`, at most 1000
   */
  readonly maxEntries?: number | undefined;
}

/**
 * Allows `limit` units in every window, wherever it starts, by remembering when each was taken.
 *
 * @example
 * ```ts
 * import { createRateLimiter, slidingLog } from 'holdfast/rate-limit';
 *
 * // never more than 5 in an hour, as for passwords
 * const limiter = createRateLimiter(slidingLog({ limit: 5, windowMs: 3_600_000 }));
 * console.log(limiter.tryAcquire('user:42'));
 * ```
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

const NOTHING: Log = { timesMs: [], units: [], head: 0, total: 0 };

/** When a reservation was charged. */
interface LogMark {
  readonly atMs: number;
}

/*
 * Units taken close together share an entry that leaves with the last of them: later than some, never earlier. Where
 * entries are enough for every unit, close together means in the same millisecond.
 */
class Logs extends Columns implements Kernel {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #maxEntries: number;
  readonly #stepMs: number;
  readonly #logs: (Log | undefined)[] = [];

  constructor(limit: number, windowMs: number, maxEntries: number) {
    super(0);
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#maxEntries = maxEntries;
    this.#stepMs = maxEntries < limit ? Math.ceil(windowMs / (maxEntries - 1)) : 1;
  }

  override copy(from: number, to: number): void {
    const log = this.#logs[from];
    this.#logs[to] = log && { ...log, timesMs: [...log.timesMs], units: [...log.units] };
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

  look(slot: number, nowMs: number, cost: number): Look {
    const windowMs = this.#windowMs;
    const { timesMs, units, head, total } = this.#turn(slot, nowMs) ?? NOTHING;
    const free = this.#limit - total;
    let waitMs = cost > this.#limit ? Infinity : 0;
    for (let at = head, lacking = cost - free; waitMs < Infinity && lacking > 0; at++) {
      lacking -= units[at]!;
      waitMs = timesMs[at]! + windowMs - nowMs;
    }
    return { free, waitMs, resetMs: timesMs.length > 0 ? timesMs.at(-1)! + windowMs - nowMs : 0 };
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
