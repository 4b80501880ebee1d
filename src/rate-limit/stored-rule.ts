import { integer, refuse } from '../core/check.ts';
import type { RateLimitPolicy } from './rate-limit-policy.ts';

/** A policy as stores reckon with it. */
export interface StoredRule {
  readonly kind: 'bucket' | 'epoch' | 'first' | 'sliding' | 'log';
  /**
   * Parts to full, parts of a unit, parts that come back in a millisecond: all whole, so that nothing is ever
   * rounded. Otherwise limit, window, and of a log the time whose units share an entry.
   */
  readonly numbers: readonly [number, number, number];
  /** Most units at once. */
  readonly capacity: number;
}

const MOST = Number.MAX_SAFE_INTEGER;

function gcd(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}

/** The policies as a list, if they can be told apart. */
export function storedPolicies(policy: RateLimitPolicy | readonly RateLimitPolicy[]): readonly RateLimitPolicy[] {
  const policies = [policy].flat() as readonly RateLimitPolicy[];
  if (policies.length === 0) refuse('policies', 'one at least', policies);
  const { size } = new Set(policies.map((one) => one?.name));
  integer('number of policies with different names', size, policies.length);
  return policies;
}

/** What becomes of a policy in a store. Throws for what no store can keep. */
export function ruleOf(policy: RateLimitPolicy): StoredRule {
  const limit = integer('limit', policy.limit, 1);
  const windowMs = integer('windowMs', policy.windowMs, 1);
  switch (policy.kind) {
    case 'token-bucket': {
      const { burst, initial } = policy;
      const divisor = gcd(limit, windowMs);
      const parts = windowMs / divisor;
      integer('burst', burst, 1, Math.floor(MOST / parts));
      if (initial !== burst) refuse('initial', 'burst in a store, which forgets who is idle', initial);
      return { kind: 'bucket', numbers: [burst * parts, parts, limit / divisor], capacity: burst };
    }
    case 'fixed-window':
      return { kind: policy.align, numbers: [limit, windowMs, 0], capacity: limit };
    case 'sliding-window':
      integer('limit', limit, 1, Math.floor(MOST / windowMs));
      return { kind: 'sliding', numbers: [limit, windowMs, 0], capacity: limit };
    case 'sliding-log': {
      const { maxEntries } = policy;
      const cell = maxEntries < limit ? Math.ceil(windowMs / (maxEntries - 1)) : 1;
      return { kind: 'log', numbers: [limit, windowMs, Math.min(cell, MOST)], capacity: limit };
    }
    default:
      return refuse('policy', 'one that a factory of holdfast/rate-limit made', policy);
  }
}

/** Makes texts apart: two never become one, not even where a store knows no lone surrogates, zeros and braces. */
export function escapeKey(text: string): string {
  return text.replaceAll(/[%{}\0\ud800-\udfff]/gu, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** What the keys of these policies begin with: other numbers, other keys. */
export function signatureOf(policies: readonly RateLimitPolicy[], rules: readonly StoredRule[]): string {
  const each = rules.map(
    ({ kind, numbers }, at) => `${escapeKey(policies[at]!.name).replaceAll(':', '%3a')}=${kind[0]}${numbers.join('-')}`,
  );
  return `${each.join(',')}:`;
}
