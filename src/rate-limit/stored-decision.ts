import type { RateLimitPolicy, StoredRateLimitDecision } from './rate-limit-policy.ts';
import type { StoredRule } from './stored-rule.ts';
import type { Row } from './stored-trips.ts';

/** Makes a decision on `cost` of what the store has answered. */
export function decisionOf(
  policies: readonly RateLimitPolicy[],
  rules: readonly StoredRule[],
  row: Row,
  cost: number,
): StoredRateLimitDecision {
  const allowed = Number(row[0]) >= 0;
  const violated: string[] = [];
  let [binding, remaining, retryAfterMs, resetAfterMs] = [0, Infinity, 0, 0];
  for (let at = 0; at < rules.length; at++) {
    const free = Number(row[3 * at + 2]);
    const isRefusing = !allowed && cost > free;
    const waitMs = isRefusing && cost > rules[at]!.capacity ? Infinity : Number(row[3 * at + 3]);
    const left = Math.max(0, free);
    if (isRefusing) violated.push(policies[at]!.name);
    // The one that refuses longest, else the one that leaves least.
    if (waitMs > retryAfterMs || (waitMs === retryAfterMs && left < remaining)) {
      [binding, remaining, retryAfterMs] = [at, left, waitMs];
    }
    resetAfterMs = Math.max(resetAfterMs, Number(row[3 * at + 4]));
  }
  const { name: policy, limit } = policies[binding]!;
  return { allowed, policy, limit, remaining, retryAfterMs, resetAfterMs, violated, source: 'store' };
}

/** A decision that no store has made. */
export function decisionWithout(
  { name: policy, limit }: RateLimitPolicy,
  allowed: boolean,
  retryAfterMs: number,
): StoredRateLimitDecision {
  return {
    allowed,
    policy,
    limit,
    remaining: 0,
    retryAfterMs,
    resetAfterMs: retryAfterMs,
    violated: [],
    source: 'fallback',
  };
}
