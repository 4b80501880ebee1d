import { amount } from '../core/check.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import { HostList, Seat } from './host-list.ts';
import type { Host, Picker, PickerOptions } from './picker.ts';

/** Draws of a pair before the rest is looked through one by one. */
const DRAWS = 8;

/** The least that a response time counts: on a coarse clock many are 0, and calls in flight must still count. */
const FLOOR_MS = 0.01;

/** Options of {@link createP2cEwma}. */
export interface P2cEwmaOptions<H extends Host> extends PickerOptions<H> {
  /** How fast a past answer loses weight: after this time, to 37 %. @defaultValue 10000 */
  readonly decayMs?: number | undefined;
  /** What a host that has not answered yet is taken to need, once it has a call. @defaultValue 100 */
  readonly defaultRttMs?: number | undefined;
  /** A failed call counts as at least so slow, or hosts that fail at once would look best. @defaultValue 1000 */
  readonly failurePenaltyMs?: number | undefined;
}

/**
 * The better of two hosts drawn by chance: the one with less of (recent response time) x (calls in flight + 1) /
 * weight. The response time is a peak EWMA: it follows a slower answer at once and a faster one slowly, and it
 * fades, so that a host that was slow is tried again.
 *
 * O(1) a pick, whatever the number of hosts. Finagle's load metric; the power of two choices is Mitzenmacher's (2001).
 *
 * @example
 * ```ts
 * import { createP2cEwma } from 'holdfast/balance';
 *
 * const hosts = createP2cEwma([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
 * const lease = hosts.pick()!;
 * let isOk = false;
 * try {
 *   console.log(`calling ${lease.id}`);
 *   isOk = true;
 * } finally {
 *   lease.release(isOk);
 * }
 * ```
 *
 * @throws RangeError or TypeError for bad hosts or options.
 */
export function createP2cEwma<H extends Host>(hosts: readonly H[], options: P2cEwmaOptions<H> = {}): Picker<H> {
  return new P2cEwma<H>(options).filled(hosts);
}

class TimedSeat<H extends Host> extends Seat<H> {
  rttMs: number = -1;
  stampMs: number = 0;
}

class P2cEwma<H extends Host> extends HostList<H, TimedSeat<H>> {
  readonly #decayMs: number;
  readonly #defaultRttMs: number;
  readonly #failurePenaltyMs: number;
  readonly #random: Random;

  constructor(options: P2cEwmaOptions<H>) {
    super(options, true);
    const { decayMs = 10_000, defaultRttMs = 100, failurePenaltyMs = 1000, random = systemRandom } = options;
    this.#decayMs = amount('decayMs', decayMs, 1, Number.MAX_VALUE);
    this.#defaultRttMs = amount('defaultRttMs', defaultRttMs, Number.MIN_VALUE, Number.MAX_VALUE);
    this.#failurePenaltyMs = amount('failurePenaltyMs', failurePenaltyMs, 0, Number.MAX_VALUE);
    this.#random = random;
  }

  protected override seat(host: H, at: number, sinceMs: number): TimedSeat<H> {
    return new TimedSeat(host, at, sinceMs);
  }

  protected override choose(isOpen: (seat: TimedSeat<H>) => boolean, nowMs: number): TimedSeat<H> | undefined {
    const { seats } = this;
    const count = seats.length;
    let first: TimedSeat<H> | undefined;
    for (let draw = 0; draw < DRAWS && count > 0; draw++) {
      const seat = seats[Math.floor(this.#random() * count)]!;
      if (seat === first || !isOpen(seat)) continue;
      if (first) return this.#better(first, seat, nowMs);
      first = seat;
    }
    return this.#searched(isOpen, first, nowMs);
  }

  /** Where chance has not found two: the rest, from a place that chance has drawn. */
  #searched(
    isOpen: (seat: TimedSeat<H>) => boolean,
    first: TimedSeat<H> | undefined,
    nowMs: number,
  ): TimedSeat<H> | undefined {
    const { seats } = this;
    const from = Math.floor(this.#random() * seats.length);
    for (let step = 0; step < seats.length; step++) {
      const seat = seats[(from + step) % seats.length]!;
      if (seat === first || !isOpen(seat)) continue;
      if (first) return this.#better(first, seat, nowMs);
      first = seat;
    }
    return first;
  }

  #better(a: TimedSeat<H>, b: TimedSeat<H>, nowMs: number): TimedSeat<H> {
    return this.#cost(b, nowMs) < this.#cost(a, nowMs) ? b : a;
  }

  #cost(seat: TimedSeat<H>, nowMs: number): number {
    return (this.#rttOf(seat, nowMs) * (seat.inFlight + 1)) / this.weightOf(seat, nowMs);
  }

  #rttOf(seat: TimedSeat<H>, nowMs: number): number {
    // One that has never answered is tried next, but by one call at a time until it has.
    if (seat.rttMs < 0) return seat.inFlight === 0 ? 0 : this.#defaultRttMs;
    return Math.max(FLOOR_MS, seat.rttMs * Math.exp((seat.stampMs - nowMs) / this.#decayMs));
  }

  protected override changed(seat: TimedSeat<H>, nowMs: number, isOk?: boolean, durationMs: number = 0): void {
    if (isOk === undefined) return;
    const tookMs = isOk ? durationMs : Math.max(durationMs, this.#failurePenaltyMs);
    const keep = Math.exp((seat.stampMs - nowMs) / this.#decayMs);
    // Whatever is kept of the -1 of one that has never answered is less than any answer.
    seat.rttMs = tookMs > seat.rttMs * keep ? tookMs : seat.rttMs * keep + tookMs * (1 - keep);
    seat.stampMs = nowMs;
  }
}
