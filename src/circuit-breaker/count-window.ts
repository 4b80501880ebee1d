import { integer } from '../core/check.ts';
import type { RuleSnapshot, TripRule } from './trip-rule.ts';
import type { CallWindow, Counts, WindowRuleOptions } from './window-rule.ts';
import { checkWindow, WindowRule } from './window-rule.ts';

/** Options of {@link countWindow}. */
export interface CountWindowOptions extends WindowRuleOptions {
  /** How many recorded calls, the latest, are looked at. One byte of memory each. */
  readonly size: number;
}

/**
 * Judges by the last `size` recorded calls. Recording is O(1) whatever the size.
 *
 * @throws RangeError or TypeError when an option is out of its bounds, or no threshold is given.
 */
export function countWindow(options: CountWindowOptions): TripRule {
  const { size, minimumThroughput = size } = options;
  integer('size', size, 1, 2 ** 30);
  const limits = checkWindow(options, minimumThroughput, size);
  return { start: () => new WindowRule(limits, new CountWindow(size)) };
}

const FAILED = 1;
const SLOW = 2;

/** A ring of one byte per call, with running sums. */
class CountWindow implements CallWindow {
  readonly needsTime = false;
  readonly sums: Counts = { calls: 0, failures: 0, slowCalls: 0 };
  readonly #size: number;
  /** Made at the first call: a breaker that is never used stays small. */
  #ring: Uint8Array | undefined;
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(_nowMs: number, isFailure: boolean, isSlow: boolean): void {
    this.#put((isFailure ? FAILED : 0) | (isSlow ? SLOW : 0));
  }

  #put(call: number): void {
    const ring = (this.#ring ??= new Uint8Array(this.#size));
    const { sums } = this;
    if (sums.calls === this.#size) {
      const oldest = ring[this.#next]!;
      sums.failures -= oldest & FAILED;
      sums.slowCalls -= oldest >> 1;
    } else {
      sums.calls++;
    }
    ring[this.#next] = call;
    sums.failures += call & FAILED;
    sums.slowCalls += call >> 1;
    this.#next = this.#next + 1 === this.#size ? 0 : this.#next + 1;
  }

  roll(): void {
    // Calls leave by being pushed out, not by age.
  }

  clear(): void {
    this.sums.calls = this.sums.failures = this.sums.slowCalls = 0;
    this.#next = 0;
  }

  /** The calls, oldest first. */
  snapshot(): RuleSnapshot {
    const { calls } = this.sums;
    const from = this.#next - calls + this.#size;
    return Array.from({ length: calls }, (_, k) => this.#ring![(from + k) % this.#size]!);
  }

  restore(snapshot: RuleSnapshot): void {
    for (const call of snapshot) this.#put(call & (FAILED | SLOW));
  }
}
