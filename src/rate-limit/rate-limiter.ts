import { integer, oneOf, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemTime } from '../core/clock.ts';
import { guarded } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import { FIRST, holdOn, KeyTable, TRIAL } from './key-table.ts';
import type { Kernel, Mark } from './kernel.ts';
import { kernelOf } from './kernel.ts';
import type { RateLimitDecision, RateLimiter, RateLimitPolicy, Reservation } from './rate-limit-policy.ts';

/** Options of {@link createRateLimiter}. */
export interface RateLimiterOptions {
  /**
   * Where time comes from: `now`, and for windows aligned to Unix time `epochMs`.
   *
   * @defaultValue the system's clock
   */
  readonly clock?: Pick<Clock, 'now' | 'epochMs'> | undefined;
  /**
   * Keys that have a state of their own at a time. At most 2^23, what JavaScript's maps hold.
   *
   * @defaultValue 100000
   */
  readonly maxKeys?: number | undefined;
  /**
   * What happens to further keys while none of those can be forgotten: they share a `sketch`, where a key may be
   * refused for what others took, or all are denied.
   *
   * @defaultValue 'sketch'
   */
  readonly overflow?: 'sketch' | 'deny' | undefined;
  /**
   * Decides and reports, and admits everything: to try a limit out.
   *
   * @defaultValue false
   */
  readonly shadow?: boolean | undefined;
  /** Told of every decision but those of `peek`. What it throws is reported and changes nothing. */
  readonly onDecision?: ((key: string, decision: RateLimitDecision) => void) | undefined;
  /**
   * Draws the seed by which the sketch spreads keys.
   *
   * @defaultValue Math.random
   */
  readonly random?: Random | undefined;
}

/** What {@link KeyedLimiter} answers instead of a slot: a policy refuses, or there is no room for the key. */
const REFUSED = -1;
const FULL = -2;

/**
 * Creates a {@link RateLimiter}: exact limits per key in this process, by one policy or several at once.
 *
 * Every operation is O(policies), O(1) in keys, but for the end of a reservation: O(those of its key that are open). No
 * timer is started. Time is the clock's, in whole milliseconds, read once per decision: a reading below the one before
 * adds no time, and time goes on from it.
 *
 * @example
 * ```ts
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000, burst: 20 }));
 * if (!limiter.tryAcquire('user:42')) console.log('too many requests');
 *
 * const { allowed, remaining, retryAfterMs } = limiter.consume('user:42', 5);
 * console.log(allowed, remaining, retryAfterMs);
 * ```
 *
 * @throws TypeError when a policy is not one, RangeError when there is none, two have one name, or an option is out of
 * bounds. Its methods throw RangeError, and change nothing, when a cost is no whole number of at least 0.
 */
export function createRateLimiter(
  policy: RateLimitPolicy | readonly RateLimitPolicy[],
  options: RateLimiterOptions = {},
): RateLimiter {
  return new KeyedLimiter(policyList(policy), options);
}

/** The policies as a list, if they can be told apart. */
export function policyList(policy: RateLimitPolicy | readonly RateLimitPolicy[]): readonly RateLimitPolicy[] {
  const policies = Object.freeze(([] as readonly RateLimitPolicy[]).concat(policy));
  if (!policies.every(kernelOf))
    refuse('policies', 'made by tokenBucket, fixedWindow, slidingWindow or slidingLog', policy);
  integer(
    'number of policies with different names',
    new Set(policies.map(({ name }) => name)).size,
    policies.length || 1,
  );
  return policies;
}

/** For decisions that no policy refuses: shared, and so frozen, as the names of each policy are. */
const NONE: readonly string[] = /* @__PURE__ */ Object.freeze<string[]>([]);

/** A reservation that was charged to a slot, and what to take back from each kernel. */
interface Hold {
  slot: number;
  tenant: object | undefined;
  readonly marks: Mark[];
}

class KeyedLimiter implements RateLimiter {
  readonly policies: readonly RateLimitPolicy[];
  readonly #kernels: readonly Kernel[];
  readonly #names: readonly (readonly string[])[];
  /** The kernel of a limiter that has but one. */
  readonly #only: Kernel | undefined;
  readonly #table: KeyTable;
  readonly #slots: ReadonlyMap<string, number>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #isDenying: boolean;
  readonly #isShadow: boolean;
  readonly #onDecision: RateLimiterOptions['onDecision'];
  /** The last reading of the clock, and the time that went by since the first. */
  #readingMs = Infinity;
  #nowMs = 0;

  constructor(policies: readonly RateLimitPolicy[], options: RateLimiterOptions) {
    const {
      clock,
      maxKeys = 100_000,
      overflow = 'sketch',
      shadow = false,
      onDecision,
      random = systemRandom,
    } = options;
    this.policies = policies;
    this.#kernels = policies.map((policy) => kernelOf(policy)!(clock));
    this.#names = policies.map(({ name }) => Object.freeze([name]));
    this.#only = policies[1] ? undefined : this.#kernels[0];
    this.#table = new KeyTable(this.#kernels, integer('maxKeys', maxKeys, 1, 2 ** 23), random);
    this.#slots = this.#table.slots;
    this.#clock = clock ?? systemTime;
    this.#isDenying = oneOf('overflow', overflow, ['sketch', 'deny']) === 'deny';
    if (typeof shadow !== 'boolean') refuse('shadow', 'true or false', shadow);
    this.#isShadow = shadow;
    this.#onDecision = optionalFunction('onDecision', onDecision);
  }

  get size(): number {
    return this.#slots.size;
  }

  tryAcquire(key = '', cost = 1): boolean {
    if (this.#isShadow || this.#onDecision) return this.consume(key, cost).allowed;
    if (cost !== 1) integer('cost', cost, 0);
    const nowMs = this.#tick();
    const slot = this.#slots.get(key);
    if (slot === undefined || cost === 0) {
      return this.#take(key, slot ?? this.#table.unknown(key, nowMs), nowMs, cost) >= 0;
    }
    if (this.#only) return this.#only.tryCharge(slot, nowMs, cost);
    const kernels = this.#kernels;
    for (let at = 0; at < kernels.length; at++) if (!kernels[at]!.fits(slot, nowMs, cost)) return false;
    for (let at = 0; at < kernels.length; at++) kernels[at]!.tryCharge(slot, nowMs, cost);
    return true;
  }

  consume(key = '', cost = 1): RateLimitDecision {
    return this.#decide(key, cost);
  }

  peek(key = '', cost = 1): RateLimitDecision {
    return this.#decide(key, cost, true);
  }

  reserve(key = '', cost = 1): Reservation | undefined {
    const hold: Hold = { slot: REFUSED, tenant: undefined, marks: [] };
    const decision = this.#decide(key, cost, false, hold);
    let isOpen = true;
    const settle = (actual: number): void => {
      integer('actual', actual, 0);
      if (isOpen) this.#settle(key, hold, cost - actual);
      isOpen = false;
    };
    return decision.allowed
      ? { cost, decision, settle, cancel: () => settle(0), [Symbol.dispose]: () => settle(cost) }
      : undefined;
  }

  reset(key = ''): void {
    const slot = this.#slots.get(key);
    if (slot !== undefined) this.#table.drop(key, slot);
  }

  /** The time that has gone by. */
  #tick(): number {
    const readingMs = Math.floor(this.#clock.now());
    const passedMs = readingMs - this.#readingMs;
    if (passedMs > 0 && passedMs < Infinity) this.#nowMs += passedMs;
    this.#readingMs = readingMs;
    return this.#nowMs;
  }

  #decide(key: string, cost: number, isTrial?: boolean, hold?: Hold): RateLimitDecision {
    if (cost !== 1) integer('cost', cost, 0);
    const nowMs = this.#tick();
    const found = this.#slots.get(key) ?? this.#table.unknown(key, nowMs);
    const slot = this.#take(key, found, nowMs, cost, isTrial, hold);
    const decision = this.#report(slot < 0 ? found : slot, nowMs, cost, slot);
    if (!isTrial && this.#onDecision) guarded(undefined, this.#onDecision, key, decision);
    return this.#isShadow ? { ...decision, allowed: true } : decision;
  }

  /** Charges the key if every policy lets it; answers the slot that shows it, or why not. */
  #take(key: string, found: number, nowMs: number, cost: number, isTrial?: boolean, hold?: Hold): number {
    if (cost === 0) return found;
    for (const kernel of this.#kernels) if (!kernel.fits(found, nowMs, cost)) return REFUSED;
    const hasSlot = found >= FIRST || this.#table.hasRoom(nowMs);
    if (!hasSlot && this.#isDenying) return FULL;
    if (!hasSlot && !isTrial) {
      this.#table.share(key, nowMs, cost, false);
      return this.#table.unknown(key, nowMs);
    }
    const slot = isTrial ? TRIAL : found < FIRST ? this.#table.place(key, found) : found;
    // What the sketch knows of a key may be of others, whose windows began before its own.
    const isShared = found < FIRST;
    for (const kernel of this.#kernels) {
      if (isTrial) kernel.copy(found, slot);
      if (hold) hold.marks.push(kernel.reserve(slot, nowMs, cost, isShared));
      else kernel.charge(slot, nowMs, cost, isShared);
    }
    if (hold) hold.tenant = this.#table.tenant((hold.slot = slot));
    return slot;
  }

  /** Ends a reservation that used `rest` units less than it took, or, below 0, more. */
  #settle(key: string, hold: Hold, rest: number): void {
    const nowMs = this.#tick();
    const table = this.#table;
    if (table.isOf(hold.slot, hold.tenant)) {
      this.#kernels.forEach((kernel, at) => kernel.release(hold.slot, nowMs, hold.marks[at]!, Math.max(0, rest)));
    }
    if (rest >= 0) return;
    const own = this.#slots.get(key);
    const slot = own ?? (table.hasRoom(nowMs) ? table.place(key, table.unknown(key, nowMs)) : FULL);
    if (slot === FULL) return table.share(key, nowMs, -rest, true);
    for (const kernel of this.#kernels) {
      if (own === undefined) holdOn(kernel, slot, nowMs);
      kernel.charge(slot, nowMs, -rest);
    }
  }

  #report(slot: number, nowMs: number, cost: number, outcome: number): RateLimitDecision {
    const kernels = this.#kernels;
    const wanted = outcome === REFUSED ? cost : 0;
    let violated = NONE;
    let worst = 0;
    let remaining = Infinity;
    let retryAfterMs = 0;
    let resetAfterMs = 0;
    for (let at = 0; at < kernels.length; at++) {
      const look = kernels[at]!.look(slot, nowMs, wanted);
      const free = look.free > 0 ? look.free : 0;
      const waitMs = wanted > 0 ? look.waitMs : 0;
      if (waitMs > 0) violated = violated === NONE ? this.#names[at]! : [...violated, ...this.#names[at]!];
      if (waitMs > retryAfterMs || (waitMs === retryAfterMs && free < remaining)) {
        worst = at;
        remaining = free;
        retryAfterMs = waitMs;
      }
      if (look.resetMs > resetAfterMs) resetAfterMs = look.resetMs;
    }
    const { name, limit } = this.policies[worst]!;
    return {
      allowed: outcome >= 0,
      policy: name,
      limit,
      remaining,
      retryAfterMs: outcome === FULL ? this.#table.waitMs(nowMs) : retryAfterMs,
      resetAfterMs,
      violated,
    };
  }
}
