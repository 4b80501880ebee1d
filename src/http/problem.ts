import type { RateLimitDecision } from '../rate-limit/rate-limit-policy.ts';

/** The media type of a {@link RateLimitProblem}. */
export const PROBLEM_TYPE = 'application/problem+json';

/** The body of a refusal: problem details of RFC 9457, of a type that draft-ietf-httpapi-ratelimit-headers registers. */
export interface RateLimitProblem {
  readonly type: string;
  readonly title: string;
  readonly status: 429 | 503;
  readonly 'violated-policies': readonly string[];
}

/**
 * The problem details of a refusal, to be sent as `application/problem+json`.
 *
 * Status 429 and `quota-exceeded` with the names of the policies that refuse. When no policy does, as when a
 * limiter denies because its store is down, the client is not at fault: 503 and `temporary-reduced-capacity`.
 */
export function rateLimitProblem({ violated }: Pick<RateLimitDecision, 'violated'>): RateLimitProblem {
  const isQuota = violated.length > 0;
  return {
    type: `https://iana.org/assignments/http-problem-types#${isQuota ? 'quota-exceeded' : 'temporary-reduced-capacity'}`,
    title: isQuota ? 'Quota Exceeded' : 'Temporary Reduced Capacity',
    status: isQuota ? 429 : 503,
    'violated-policies': violated,
  };
}
