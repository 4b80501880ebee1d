import type { Clock } from '../core/clock.ts';
import type { RateLimitPolicy } from './rate-limit-policy.ts';

/** The slot of a key that was never charged. Never written to, so whoever is copied from it is as good as new. */
export const FRESH = 0;

/** What a reservation needs to be taken back; only the kernel that made it can read it. */
export type Mark = object;

/**
 * The arithmetic of one policy over numbered slots, one per key. Times are whole milliseconds that never go back,
 * units whole numbers. Every answer holds at `nowMs` and, if nothing is charged, gets no worse later.
 */
export interface Kernel {
  /** Makes room for `slots` of them, the new ones as good as new. */
  grow(slots: number): void;
  /** Makes slot `to` what `from` is. */
  copy(from: number, to: number): void;
  /** Makes a slot as good as new, and its marks worthless. */
  clear(slot: number): void;
  /** Whether `cost` units, at least 1, are free. */
  fits(slot: number, nowMs: number, cost: number): boolean;
  /** Charges `cost` units, at least 1, if they are free. */
  tryCharge(slot: number, nowMs: number, cost: number): boolean;
  /**
   * Charges units whether they are free or not. A slot that is `shared` by several keys must stay at least as full as
   * each of them would be alone.
   */
  charge(slot: number, nowMs: number, units: number, isShared?: boolean): void;
  /** How matters stand, for one who asks for `cost` units: at least 1, or the wait means nothing. */
  look(slot: number, nowMs: number, cost: number): Look;
  /** Whether the slot is as good as new, whatever becomes of its reservations. */
  isIdle(slot: number, nowMs: number): boolean;
  /** Charges a reservation; `isShared` as for {@link Kernel.charge}. */
  reserve(slot: number, nowMs: number, units: number, isShared?: boolean): Mark;
  /** Ends a reservation made in this slot, since when it was not cleared, as if it had been of `units` less. */
  release(slot: number, nowMs: number, mark: Mark, units: number): void;
}

/** How matters stand with a slot. */
export interface Look {
  /** Units that are free; negative in debt. */
  readonly free: number;
  /** How long until as many are free as were asked for; Infinity when there never are. */
  readonly waitMs: number;
  /** How long until the slot is as good as new. */
  readonly resetMs: number;
}

/** Where kernels get Unix time from, and nothing else. */
export interface UnixClock extends Pick<Clock, 'epochMs'> {
  /** Of a plan: how far ahead of it the times are that are asked about, 0 by default. */
  readonly aheadMs?: number;
}

/** Makes the kernel of a policy. */
export type KernelFactory = (clock: UnixClock | undefined) => Kernel;

/** Where a policy carries its kernel, so that a limiter brings along only those it is used with. */
const KERNEL = '~kernel';

/** Freezes a policy with its kernel, which is not enumerable: what is printed, cloned or stored is plain data. */
export function definePolicy<P extends RateLimitPolicy>(policy: P, kernel: KernelFactory): P {
  return Object.freeze(Object.defineProperty(policy, KERNEL, { value: kernel }));
}

/** The kernel of a policy; undefined of what no factory made. */
export function kernelOf(policy: RateLimitPolicy): KernelFactory | undefined {
  return (policy as { readonly [KERNEL]?: KernelFactory } | undefined)?.[KERNEL];
}

/** The state of slots as numbers, `width` of them per slot, all 0 in a slot that is as good as new. */
export abstract class Columns {
  protected state: Float64Array = new Float64Array(0);
  readonly #width: number;

  constructor(width: number) {
    this.#width = width;
  }

  abstract charge(slot: number, nowMs: number, units: number): void;
  abstract look(slot: number, nowMs: number, cost: number): Look;

  grow(slots: number): void {
    const { state } = this;
    this.state = new Float64Array(slots * this.#width);
    this.state.set(state);
  }

  copy(from: number, to: number): void {
    const width = this.#width;
    this.state.copyWithin(to * width, from * width, from * width + width);
  }

  clear(slot: number): void {
    this.copy(FRESH, slot);
  }

  fits(slot: number, nowMs: number, cost: number): boolean {
    return cost <= this.look(slot, nowMs, 0).free;
  }

  tryCharge(slot: number, nowMs: number, cost: number): boolean {
    const isFree = this.fits(slot, nowMs, cost);
    if (isFree) this.charge(slot, nowMs, cost);
    return isFree;
  }

  isIdle(slot: number, nowMs: number): boolean {
    return this.look(slot, nowMs, 0).resetMs === 0;
  }
}
