import type { RateLimitDecision, RateLimitPolicy } from '../../src/rate-limit/index.ts';

/*
 * The rules as they are written down, in exact fractions: every charge of a key is kept, and every answer is worked out
 * from all of them. Slow, and nothing in it is shared with what it checks.
 */

/** Units taken at a time. Taking a reservation back sets `units` to 0: as if it had never been there. */
export interface Charge {
  readonly atMs: number;
  units: number;
}

/** What is left, as a fraction; below 0 in debt. */
interface Level {
  readonly parts: bigint;
  /** Parts that make one unit. */
  readonly unit: bigint;
}

/** What `policy` leaves at `nowMs`, when windows of Unix time began `epochMs` before 0. */
export function levelOf(policy: RateLimitPolicy, charges: readonly Charge[], nowMs: number, epochMs: number): Level {
  const taken = charges.filter(({ units }) => units > 0);
  const { limit, windowMs } = policy;
  const sum = (isCounted: (atMs: number) => boolean): bigint =>
    BigInt(taken.reduce((total, { atMs, units }) => total + (isCounted(atMs) ? units : 0), 0));
  if (policy.kind === 'token-bucket') {
    const unit = BigInt(windowMs);
    const [full, flow] = [BigInt(policy.burst) * unit, BigInt(limit)];
    let [parts, lastMs] = [BigInt(policy.initial) * unit, 0];
    for (const { atMs, units } of [...taken, { atMs: nowMs, units: 0 }]) {
      parts += BigInt(atMs - lastMs) * flow;
      parts = (parts > full ? full : parts) - BigInt(units) * unit;
      lastMs = atMs;
    }
    return { parts, unit };
  }
  if (policy.kind === 'sliding-log') return { parts: BigInt(limit) - sum((atMs) => atMs > nowMs - windowMs), unit: 1n };
  if (policy.kind === 'sliding-window') {
    const window = Math.floor(nowMs / windowMs);
    const before = sum((atMs) => Math.floor(atMs / windowMs) === window - 1);
    const within = sum((atMs) => Math.floor(atMs / windowMs) === window);
    const unit = BigInt(windowMs);
    return { parts: (BigInt(limit) - within) * unit - before * BigInt((window + 1) * windowMs - nowMs), unit };
  }
  if (policy.align === 'epoch') {
    const windowOf = (atMs: number): number => Math.floor((epochMs + atMs) / windowMs);
    return { parts: BigInt(limit) - sum((atMs) => windowOf(atMs) === windowOf(nowMs)), unit: 1n };
  }
  let startMs = -Infinity;
  for (const { atMs } of taken) if (atMs >= startMs + windowMs) startMs = atMs;
  const used = nowMs < startMs + windowMs ? sum((atMs) => atMs >= startMs) : 0n;
  return { parts: BigInt(limit) - used, unit: 1n };
}

function wholeUnits({ parts, unit }: Level): bigint {
  const rest = ((parts % unit) + unit) % unit;
  return (parts - rest) / unit;
}

/** The least whole number for which `holds`, which does from there on. Near `guess`, if it is a good one. */
function least(guess: number, holds: (value: number) => boolean): number {
  if (Number.isSafeInteger(guess) && guess >= 0 && holds(guess) && (guess === 0 || !holds(guess - 1))) return guess;
  let [low, high] = [0, 2 ** 40];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A limiter without a limit on keys. Time is handed in, and never goes back. */
export class Reference {
  readonly #policies: readonly RateLimitPolicy[];
  readonly #epochMs: number;
  readonly #charges = new Map<string, Charge[]>();

  constructor(policies: readonly RateLimitPolicy[], epochMs = 0) {
    this.#policies = policies;
    this.#epochMs = epochMs;
  }

  /** Charges `cost` units if all policies let it; answers the charge, if so. */
  take(key: string, cost: number, nowMs: number): Charge | undefined {
    if (cost > 0 && this.#policies.some((policy) => this.#free(policy, key, nowMs) < BigInt(cost))) return undefined;
    return this.owe(key, cost, nowMs);
  }

  /** Charges `cost` units whatever is left. */
  owe(key: string, cost: number, nowMs: number): Charge {
    const charge = { atMs: nowMs, units: cost };
    this.#charges.set(key, [...(this.#charges.get(key) ?? []), charge]);
    return charge;
  }

  reset(key: string): void {
    this.#charges.delete(key);
  }

  /** The decision on a request of `cost` that was `isAllowed`, and charged if so. `got` is only where to look first. */
  decision(key: string, cost: number, nowMs: number, isAllowed: boolean, got: RateLimitDecision): RateLimitDecision {
    const rows = this.#policies.map((policy) => {
      const free = this.#free(policy, key, nowMs);
      const isRefused = !isAllowed && free < BigInt(cost);
      const most = policy.kind === 'token-bucket' ? policy.burst : policy.limit;
      const isFree = (ms: number): boolean => this.#free(policy, key, nowMs + ms) >= BigInt(cost);
      const waitMs = !isRefused ? 0 : cost > most ? Infinity : least(got.retryAfterMs, isFree);
      return { policy, isRefused, waitMs, remaining: Math.max(0, Number(free)) };
    });
    const [worst] = [...rows].sort((a, b) =>
      b.waitMs > a.waitMs ? 1 : b.waitMs < a.waitMs ? -1 : a.remaining - b.remaining,
    );
    const isNew = (ms: number): boolean =>
      this.#policies.every((policy) => {
        const parts = (charges: readonly Charge[]): bigint => levelOf(policy, charges, nowMs + ms, this.#epochMs).parts;
        return parts(this.#charges.get(key) ?? []) >= parts([]);
      });
    return {
      allowed: isAllowed,
      policy: worst!.policy.name,
      limit: worst!.policy.limit,
      remaining: worst!.remaining,
      retryAfterMs: worst!.waitMs,
      resetAfterMs: least(got.resetAfterMs, isNew),
      violated: rows.flatMap(({ isRefused, policy }) => (isRefused ? [policy.name] : [])),
    };
  }

  #free(policy: RateLimitPolicy, key: string, nowMs: number): bigint {
    return wholeUnits(levelOf(policy, this.#charges.get(key) ?? [], nowMs, this.#epochMs));
  }
}
