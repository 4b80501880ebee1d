import { integer, refuse } from '../core/check.ts';
import { withDeadline } from '../core/deadline.ts';
import { RateLimitError } from './errors.ts';
import type {
  RateLimiter,
  RateLimitPolicy,
  StoredRateLimitDecision,
  StoredRateLimiter,
  StoredReservation,
} from './rate-limit-policy.ts';
import { decisionOf, decisionWithout } from './stored-decision.ts';
import { Leases } from './stored-leases.ts';
import type { StoredSettings } from './stored-options.ts';
import type { StoredRule } from './stored-rule.ts';
import type { Row, StoreRun } from './stored-trips.ts';
import { BOOK, FORGET, GIVE_BACK, HOLD, LOOK, TAKE, Trips } from './stored-trips.ts';

/** What was refused: this cost, until when. */
interface Refusal {
  readonly cost: number;
  /** When the store was asked. It decided later, so that what it said of waiting ends no earlier than counted from here. */
  readonly sentMs: number;
  readonly decision: StoredRateLimitDecision;
}

/** A limiter whose decisions a store makes. */
export class StoreLimiter implements StoredRateLimiter {
  readonly policies: readonly RateLimitPolicy[];
  readonly #rules: readonly StoredRule[];
  readonly #settings: StoredSettings;
  readonly #trips: Trips;
  readonly #leases: Leases;
  readonly #refusals = new Map<string, Refusal>();
  /** More than any policy ever gives; what costs even more is refused as this is. */
  readonly #tooMuch: number;
  #closing: Promise<void> | undefined;
  #readingMs = Infinity;
  #nowMs = 0;

  constructor(
    run: StoreRun,
    policies: readonly RateLimitPolicy[],
    rules: readonly StoredRule[],
    settings: StoredSettings,
  ) {
    const now = (): number => this.#now();
    this.policies = policies;
    this.#rules = rules;
    this.#settings = settings;
    this.#tooMuch = Math.max(...rules.map(({ capacity }) => capacity)) + 1;
    this.#trips = new Trips(run, rules.length, settings, now);
    this.#leases = new Leases(this.#trips, settings.lease, now);
  }

  async consume(key: string = '', cost: number = 1): Promise<StoredRateLimitDecision> {
    this.#check(key, cost);
    const isLeasing = cost > 0 && this.#settings.lease.maxKeys > 0;
    const held = isLeasing && this.#takeHeld(key, cost);
    if (held) return held;
    try {
      if (isLeasing && this.#leases.coming(key)) return await this.#takeComing(key, cost);
      const refused = this.#refused(key, cost);
      if (refused) return refused;
      const sentMs = this.#now();
      return this.#learn(key, cost, await this.#take(key, cost, isLeasing), sentMs);
    } catch (error) {
      return this.#instead(error, (limiter) => limiter.consume(key, cost));
    }
  }

  async peek(key: string = '', cost: number = 1): Promise<StoredRateLimitDecision> {
    this.#check(key, cost);
    const lease = cost > 0 && this.#leases.find(key, cost);
    if (lease) return this.#leased(lease);
    try {
      const row = await this.#trips.send(key, [LOOK, Math.min(cost, this.#tooMuch), 0]);
      return decisionOf(this.policies, this.#rules, row, cost);
    } catch (error) {
      return this.#instead(error, (limiter) => limiter.peek(key, cost));
    }
  }

  async reserve(key: string = '', cost: number = 1): Promise<StoredReservation | undefined> {
    this.#check(key, cost);
    if (this.#refused(key, cost)) return undefined;
    let id: number | undefined;
    let decision: StoredRateLimitDecision;
    const sentMs = this.#now();
    try {
      const row = await this.#trips.send(key, [HOLD, Math.min(cost, this.#tooMuch), 0]);
      id = Number(row[1]);
      decision = this.#learn(key, cost, row, sentMs);
    } catch (error) {
      const { onStoreError } = this.#settings;
      if (typeof onStoreError === 'object') return reservedBy(onStoreError, key, cost);
      decision = this.#instead(error);
    }
    if (!decision.allowed) return undefined;
    return onceSettled(cost, decision, (actual) => this.#settle(key, cost, actual, id));
  }

  async reset(key: string = ''): Promise<void> {
    this.#check(key, 0);
    this.#leases.drop(key);
    this.#refusals.delete(key);
    const { onStoreError } = this.#settings;
    if (typeof onStoreError === 'object') onStoreError.reset(key);
    await this.#trips.send(key, [FORGET, 0, 0]);
    this.#refusals.delete(key);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#leases.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #check(key: string, cost: number): void {
    if (typeof key !== 'string') refuse('key', 'a text', key);
    integer('cost', cost, 0);
    if (this.#closing) throw new RateLimitError('ERR_RATE_LIMIT_CLOSED', 'the rate limiter is closed', 0);
  }

  /** Time that went by. A reading below the last one adds none. */
  #now(): number {
    const readingMs = this.#settings.clock.now();
    this.#nowMs += Math.max(0, readingMs - this.#readingMs);
    this.#readingMs = readingMs;
    return this.#nowMs;
  }

  /** What the store has decided; remembers a refusal. */
  #learn(key: string, cost: number, row: Row, sentMs: number): StoredRateLimitDecision {
    const decision = decisionOf(this.policies, this.#rules, row, cost);
    const { maxKeys } = this.#settings.denied;
    if (decision.allowed || maxKeys === 0) return decision;
    const refusals = this.#refusals;
    refusals.delete(key);
    if (refusals.size >= maxKeys) refusals.delete(refusals.keys().next().value!);
    refusals.set(key, { cost, sentMs, decision });
    return decision;
  }

  /** What the store would say to this cost, if it is known. */
  #refused(key: string, cost: number): StoredRateLimitDecision | undefined {
    const refusal = this.#refusals.get(key);
    if (refusal?.cost !== cost) return undefined;
    const { decision, sentMs } = refusal;
    const agoMs = this.#now() - sentMs;
    if (agoMs >= Math.min(decision.retryAfterMs, this.#settings.denied.maxMs)) {
      this.#refusals.delete(key);
      return undefined;
    }
    return {
      ...decision,
      retryAfterMs: Math.ceil(decision.retryAfterMs - agoMs),
      resetAfterMs: Math.ceil(decision.resetAfterMs - agoMs),
      source: 'deny-cache',
    };
  }

  /** Asks the store; for a lease as well where there may be one. */
  #take(key: string, cost: number, isLeasing: boolean): Promise<Row> {
    const atMost = Math.min(cost, this.#tooMuch);
    const isRenewing = isLeasing && this.#leases.hasRoom(key);
    return isRenewing ? this.#leases.renew(key, atMost) : this.#trips.send(key, [TAKE, atMost, 0]);
  }

  /** Takes units of a lease that is there. */
  #takeHeld(key: string, cost: number): StoredRateLimitDecision | undefined {
    const lease = this.#leases.find(key, cost);
    if (!lease) return undefined;
    lease.left -= cost;
    return this.#leased(lease);
  }

  /** Waits for the lease that is on its way, and if need be for others: no longer in all than for one trip. */
  async #takeComing(key: string, cost: number): Promise<StoredRateLimitDecision> {
    const { timeoutMs, clock } = this.#settings;
    const beganMs = this.#now();
    // Begun before this call, and so over in time. Where the store gave nothing, each asks for its own.
    let isLeasing = await this.#leases.coming(key)!;
    const restMs = Math.max(0, timeoutMs - (this.#now() - beganMs));
    const untilTaken = async (isOver: () => boolean): Promise<StoredRateLimitDecision> => {
      for (let coming; isLeasing && (coming = this.#leases.coming(key));) {
        isLeasing = await coming;
        const held = !isOver() && this.#takeHeld(key, cost);
        if (held) return held;
      }
      const refused = this.#refused(key, cost);
      if (refused || isOver()) return refused!;
      const sentMs = this.#now();
      return this.#learn(key, cost, await this.#take(key, cost, isLeasing), sentMs);
    };
    return this.#takeHeld(key, cost) ?? withDeadline('the store', { timeoutMs: restMs, clock }, untilTaken);
  }

  /** What a lease says: that it has units left. */
  #leased({ left, row, sentMs }: { left: number; row: Row; sentMs: number }): StoredRateLimitDecision {
    const decision = decisionOf(this.policies, this.#rules, row, 0);
    const resetAfterMs = Math.max(0, Math.ceil(decision.resetAfterMs - (this.#now() - sentMs)));
    return { ...decision, remaining: left, resetAfterMs, source: 'lease' };
  }

  /** What becomes of a call that the store did not decide. */
  #instead(
    error: unknown,
    ask?: (limiter: RateLimiter) => Omit<StoredRateLimitDecision, 'source'>,
  ): StoredRateLimitDecision {
    const { onStoreError } = this.#settings;
    if (onStoreError === 'throw') throw error;
    if (typeof onStoreError === 'object') return { ...ask!(onStoreError), source: 'fallback' };
    const isAllowed = onStoreError === 'allow';
    return decisionWithout(this.policies[0]!, isAllowed, isAllowed ? 0 : Math.max(1, Math.ceil(this.#trips.pauseMs)));
  }

  async #settle(key: string, cost: number, actual: number, id: number | undefined): Promise<void> {
    const over = actual - cost;
    // Also for calls of this tick, which are decided after this one.
    if (over < 0) this.#refusals.delete(key);
    // What nobody booked needs no settling, nor does what was right from the start. Without an id nothing can come back.
    if (id === undefined || over === 0 || (id === 0 && over < 0)) return;
    const end = [GIVE_BACK, Math.max(0, -over), id] as const;
    try {
      await this.#trips.send(key, ...(id > 0 ? [end] : []), ...(over > 0 ? [[BOOK, over, 0] as const] : []));
    } catch (error) {
      if (this.#settings.onStoreError === 'throw') throw error;
    } finally {
      if (over < 0) this.#refusals.delete(key);
    }
  }
}

/** A reservation that ends once; not ended, it has cost what was reserved. */
function onceSettled(
  cost: number,
  decision: StoredRateLimitDecision,
  settle: (actual: number) => Promise<void>,
): StoredReservation {
  let isOpen = true;
  const end = async (actual: number): Promise<void> => {
    integer('actual', actual, 0);
    if (!isOpen) return;
    isOpen = false;
    await settle(actual);
  };
  return { cost, decision, settle: end, cancel: () => end(0), [Symbol.asyncDispose]: () => end(cost) };
}

/** A reservation in this process. */
function reservedBy(limiter: RateLimiter, key: string, cost: number): StoredReservation | undefined {
  const reservation = limiter.reserve(key, cost);
  if (!reservation) return undefined;
  return onceSettled(cost, { ...reservation.decision, source: 'fallback' }, async (actual) =>
    reservation.settle(actual),
  );
}
