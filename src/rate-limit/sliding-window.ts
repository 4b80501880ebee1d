import { integer } from '../core/check.ts';
import { checkRule } from './define-policy.ts';
import type { PolicyOptions } from './define-policy.ts';
import type { Kernel, Mark } from './kernel.ts';
import { Columns, definePolicy, FRESH } from './kernel.ts';
import type { SlidingWindowPolicy } from './rate-limit-policy.ts';

/** Options of {@link slidingWindow}. */
export interface SlidingWindowOptions extends PolicyOptions {
  /** Length of a window, in whole milliseconds. */
  readonly windowMs: number;
}

/**
 * Allows `limit` units per window, where a unit of the window before counts by how much of that window still lies
 * within the last `windowMs`. Two counters a key; less than twice the limit passes in any window.
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

  clear(slot: number): void {
    this.copy(FRESH, slot);
  }

  tryCharge(slot: number, nowMs: number, cost: number): boolean {
    if (cost > this.free(slot, nowMs)) return cost === 0;
    this.charge(slot, nowMs, cost);
    return true;
  }

  charge(slot: number, nowMs: number, units: number): void {
    const at = this.#turn(slot, nowMs);
    // Debt beyond what can be weighed exactly is more than any time to come will see paid.
    const most = Math.floor(Number.MAX_SAFE_INTEGER / this.#windowMs);
    this.state[at + 2] = Math.min(most, this.state[at + 2]! + units);
  }

  free(slot: number, nowMs: number): number {
    const at = this.#turn(slot, nowMs);
    const windowMs = this.#windowMs;
    const weighed = this.state[at + 1]! * (windowMs - (nowMs % windowMs));
    return this.#limit - this.state[at + 2]! - Math.ceil(weighed / windowMs);
  }

  waitMs(slot: number, nowMs: number, cost: number): number {
    const at = this.#turn(slot, nowMs);
    const windowMs = this.#windowMs;
    const spare = this.#limit - cost;
    const before = this.state[at + 1]!;
    const within = this.state[at + 2]!;
    if (spare < 0) return Infinity;
    // Milliseconds of a window after which its `units` weigh at most `rest`.
    const after = (units: number, rest: number): number => windowMs - Math.floor((rest * windowMs) / units);
    const restMs = windowMs - (nowMs % windowMs);
    return within <= spare ? after(before, spare - within) - (windowMs - restMs) : restMs + after(within, spare);
  }

  resetMs(slot: number, nowMs: number): number {
    const at = this.#turn(slot, nowMs);
    const restMs = this.#windowMs - (nowMs % this.#windowMs);
    return this.state[at + 2]! > 0 ? restMs + this.#windowMs : this.state[at + 1]! > 0 ? restMs : 0;
  }

  isIdle(slot: number, nowMs: number): boolean {
    return this.resetMs(slot, nowMs) === 0;
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
