import type { Plan } from './entry.ts';
import { Entry, TestedEntry } from './entry.ts';
import type { DestroyReason } from './pool-types.ts';
import type { PoolSettings } from './settings.ts';

/** What may happen to an idle resource: it is lent, tested first, or destroyed. */
export type Verdict = 'fit' | 'test' | DestroyReason;

type Rules = Pick<
  PoolSettings<never>,
  'idleTimeoutMs' | 'maxLifetimeMs' | 'maxUses' | 'validateAfterIdleMs' | 'keepaliveMs' | 'maxLifetimeJitter'
>;

/** Whether, when and why resources are tested and retired. Timestamps decide, timers only remind. */
export class Health {
  readonly #rules: Rules;
  readonly #isTested: boolean;
  /** Whether any rule needs the time. */
  readonly isTimed: boolean;
  /** Whether there is any rule for what is idle. */
  readonly hasRules: boolean;
  /** Whether every reuse is tested, one by somebody who waited included. */
  readonly isAlwaysTested: boolean;
  /** Failures so far that may have broken idle resources too. */
  breakages: number = 0;

  constructor(rules: Rules, isTested: boolean) {
    this.#rules = rules;
    this.#isTested = isTested;
    const { idleTimeoutMs, maxLifetimeMs, keepaliveMs, validateAfterIdleMs } = rules;
    this.isAlwaysTested = isTested && validateAfterIdleMs === 0;
    const isBypassed = isTested && validateAfterIdleMs > 0 && validateAfterIdleMs < Infinity;
    this.isTimed = isBypassed || Math.min(idleTimeoutMs, maxLifetimeMs, keepaliveMs) < Infinity;
    this.hasRules = this.isTimed || isTested;
  }

  /** What is kept of a resource. */
  get kind(): typeof Entry {
    return this.#isTested ? TestedEntry : Entry;
  }

  /** It is good now, as far as is known after so many breakages. */
  prove(entry: Entry<unknown>, nowMs: number, breakages: number): void {
    if (!this.#isTested) return;
    entry.provenAtMs = nowMs;
    entry.trust = breakages;
  }

  /** The plan of a resource made now, if any option limits it; `chance` is its one draw. */
  planOf(nowMs: number, chance: number): Plan | undefined {
    const { maxLifetimeMs, maxLifetimeJitter, keepaliveMs, maxUses } = this.#rules;
    if (Math.min(maxLifetimeMs, keepaliveMs, maxUses) === Infinity) return undefined;
    return {
      expiresAtMs: nowMs + maxLifetimeMs * (1 - maxLifetimeJitter * chance),
      keepaliveMs: keepaliveMs * (1 - 0.1 * chance),
      usesLeft: maxUses,
    };
  }

  /** Why a resource must not be lent again, wherever it is. */
  retirement({ plan }: Entry<unknown>, nowMs: number): DestroyReason | undefined {
    if (!plan) return undefined;
    if (plan.usesLeft <= 0) return 'uses';
    return nowMs >= plan.expiresAtMs ? 'lifetime' : undefined;
  }

  /** What to do with an idle resource that somebody wants; `isKept` when it is one of those that are kept however idle. */
  verdict(entry: Entry<unknown>, nowMs: number, isKept: boolean): Verdict {
    const { idleTimeoutMs, validateAfterIdleMs } = this.#rules;
    const retirement = this.retirement(entry, nowMs);
    if (retirement) return retirement;
    if (!isKept && nowMs - entry.sinceMs >= idleTimeoutMs) return 'idle';
    if (!this.#isTested) return 'fit';
    return this.isSuspect(entry) || nowMs - entry.provenAtMs! >= validateAfterIdleMs ? 'test' : 'fit';
  }

  /** Whether something has broken since it was last known to be good. */
  isSuspect(entry: Entry<unknown>): boolean {
    return entry.trust !== this.breakages;
  }

  /** Whether an idle resource is tested without anybody wanting it. */
  isKeepaliveDue({ plan, provenAtMs = 0 }: Entry<unknown>, nowMs: number): boolean {
    return plan !== undefined && nowMs - provenAtMs >= plan.keepaliveMs;
  }

  /** When to look at an idle resource again. `isKept` takes no notice of how long it is idle. */
  dueMs({ plan, sinceMs, provenAtMs = 0 }: Entry<unknown>, isKept: boolean): number {
    const idleDueMs = isKept ? Infinity : sinceMs + this.#rules.idleTimeoutMs;
    return plan ? Math.min(idleDueMs, plan.expiresAtMs, provenAtMs + plan.keepaliveMs) : idleDueMs;
  }
}
