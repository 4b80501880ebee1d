import { integer } from '../core/check.ts';
import { checkRule } from './define-policy.ts';
import type { RateLimitPolicyOptions } from './define-policy.ts';
import type { Kernel, Look, Mark } from './kernel.ts';
import { Columns, definePolicy } from './kernel.ts';
import type { SlidingWindowPolicy } from './rate-limit-policy.ts';

/** Options of {@link slidingWindow}. */
export interface SlidingWindowOptions extends RateLimitPolicyOptions {
  /** Length of a window, in whole milliseconds. */
  readonly windowMs: number;
}

/**
 * Allows `limit` units per window, where a unit of the window before counts by how much of that window still lies
 * within the last `windowMs`. Windows are those of all keys, from the first decision of the limiter on; over a store they
 * are those of Unix time. Two counters a key; less than twice the limit passes in any window.
 *
 * @example
 * ```ts
 * import { createRateLimiter, slidingWindow } from 'holdfast/rate-limit';
 *
 * // about 100 in any minute
 * const limiter = createRateLimiter(slidingWindow({ limit: 100, windowMs: 60_000 }));
 * console.log(limiter.tryAcquire('user:42'));
 * ```
 *
 * @throws RangeError when an option is out of bounds, or when limit x windowMs is not below 2^53.
 */
export function slidingWindow(options: SlidingWindowOptions): SlidingWindowPolicy {
  const rule = checkRule(options, options.windowMs, 'windowMs');
  integer('limit', rule.limit, 1, Math.floor(Number.MAX_SAFE_INTEGER / rule.windowMs));
  return definePolicy({ kind: 'sliding-window', ...rule }, () => new Pairs(rule.limit, rule.windowMs));
}

/** Where a reservation was charged. */
interface PairMark {
  readonly window: number;
}

/*
 * A slot is the number of a window, counted from the limiter's first decision, and the units in the one before it and
 * in it. Units of the one before count by how many of its milliseconds lie within the last `windowMs`, rounded up: whole
 * units are compared, so that decides as the exact weight does.
 */
class Pairs extends Columns implements Kernel {
  readonly #limit: number;
  readonly #windowMs: number;

  constructor(limit: number, windowMs: number) {
    super(3);
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  charge(slot: number, nowMs: number, units: number): void {
    const at = this.#turn(slot, nowMs);
    this.state[at + 2]! += units;
  }

  look(slot: number, nowMs: number, cost: number): Look {
    const at = this.#turn(slot, nowMs);
    const windowMs = this.#windowMs;
    const restMs = windowMs - (nowMs % windowMs);
    const before = this.state[at + 1]!;
    const within = this.state[at + 2]!;
    const spare = this.#limit - cost;
    const free = this.#limit - within - Math.ceil((before * restMs) / windowMs);
    // Milliseconds of a window after which the units of the one before weigh at most `most`.
    const after = (units: number, most: number): number => windowMs - Math.floor((most * windowMs) / units);
    return {
      free,
      waitMs:
        spare < 0
          ? Infinity
          : cost <= free
            ? 0
            : within > spare
              ? restMs + after(within, spare)
              : restMs - windowMs + after(before, spare - within),
      resetMs: within > 0 ? restMs + windowMs : before > 0 ? restMs : 0,
    };
  }

  reserve(slot: number, nowMs: number, units: number): PairMark {
    this.charge(slot, nowMs, units);
    return { window: Math.floor(nowMs / this.#windowMs) };
  }

  release(slot: number, nowMs: number, mark: Mark, units: number): void {
    const at = this.#turn(slot, nowMs);
    const age = this.state[at]! - (mark as PairMark).window;
    if (age < 2) this.state[at + 2 - age]! -= units;
  }

  /** Makes the window of `nowMs` the current one. */
  #turn(slot: number, nowMs: number): number {
    const { state } = this;
    const at = 3 * slot;
    const window = Math.floor(nowMs / this.#windowMs);
    const age = window - state[at]!;
    if (age > 0) {
      state[at] = window;
      state[at + 1] = age < 2 ? state[at + 2]! : 0;
      state[at + 2] = 0;
    }
    return at;
  }
}
