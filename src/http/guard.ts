import { optionalFunction, refuse } from '../core/check.ts';
import { guarded, reportError } from '../core/errors.ts';
import type {
  RateLimitDecision,
  RateLimiter,
  Reservation,
  StoredRateLimiter,
  StoredReservation,
} from '../rate-limit/rate-limit-policy.ts';
import { PROBLEM_TYPE, rateLimitProblem } from './problem.ts';
import type { RateLimitHeaderItem, RateLimitHeaderOptions } from './rate-limit-headers.ts';
import { checkHeaderOptions, rateLimitHeaders } from './rate-limit-headers.ts';
import { isPrintableAscii, stringField } from './structured-field.ts';

/** A limiter that can guard a handler: of this process, or over a store. */
export type GuardLimiter = RateLimiter | StoredRateLimiter;

/** Options of the guards; `R` is what the framework calls a request. */
export interface RateLimitGuardOptions<in R> extends RateLimitHeaderOptions {
  /**
   * Whom the request is counted against. Put a separator between the parts of a made-up key, or `ab` + `c` and
   * `a` + `bc` are the same client. Requests of whom nothing is known (`undefined`) share one key: a caller
   * cannot get around the limit by hiding.
   */
  readonly key: (request: R) => string | undefined | PromiseLike<string | undefined>;
  /**
   * Units that the request takes.
   *
   * @defaultValue 1
   */
  readonly cost?: ((request: R) => number | PromiseLike<number>) | undefined;
  /** Requests that are not limited at all, and told nothing. */
  readonly skip?: ((request: R) => boolean | PromiseLike<boolean>) | undefined;
  /**
   * Statuses of answers whose cost is given back, as if the request had never been made, however late the answer:
   * it does not end up in a later window. An answer that the client did not wait for is not given back.
   *
   * @defaultValue nothing is given back
   */
  readonly refund?: ((status: number) => boolean) | undefined;
  /** Sends what this answers as the partition key of the RateLimit fields. Not a place for secrets. */
  readonly partitionKey?: ((key: string | undefined) => string | Uint8Array | undefined) | undefined;
}

/** What becomes of one request. */
export interface Admission {
  /** For every answer to the request. */
  readonly headers: Readonly<Record<string, string>>;
  /** The answer, when the request is refused. */
  readonly refusal?: { readonly status: 429 | 503; readonly body: string };
  /** To be told of the status of the answer, once it is sent. Does not throw. */
  readonly settle: (status: number) => void;
}

/** Decides about requests. Rejects when the limiter or a callback does. */
export type Guard<R> = (request: R) => Promise<Admission>;

const NOTHING: Admission = { headers: {}, settle: () => {} };

/** Gives the cost back where the answer says so. */
function settlement(
  reservation: Reservation | StoredReservation,
  refund: (status: number) => boolean,
): Admission['settle'] {
  const cancel = async (): Promise<void> => reservation.cancel();
  return (status) => {
    if (guarded(false, refund, status)) void cancel().catch(reportError);
  };
}

/** What everything that guards has in common: who, how much, and what to say. */
export function createGuard<R>(limiter: GuardLimiter, options: RateLimitGuardOptions<R>): Guard<R> {
  const { key: keyOf, cost: costOf, skip, refund, partitionKey: partitionKeyOf } = options;
  if (typeof keyOf !== 'function') refuse('key', 'a function', keyOf);
  for (const name of ['cost', 'skip', 'refund', 'partitionKey'] as const) optionalFunction(name, options[name]);
  checkHeaderOptions(options);
  const policies = limiter.policies.map(({ name, limit, windowMs }) => {
    stringField('name of a policy', name);
    return { name, quota: limit, windowMs };
  });

  const itemsOf = (decision: RateLimitDecision, key: string | undefined): RateLimitHeaderItem[] => {
    const partitionKey = partitionKeyOf?.(key);
    const items: RateLimitHeaderItem[] = policies.map((policy) => ({
      ...policy,
      partitionKey,
      decision: policy.name === decision.policy ? decision : undefined,
    }));
    // A limiter that stands in for a store that is down may have policies of its own.
    const isKnown = items.some((item) => item.decision) || !isPrintableAscii(decision.policy);
    return isKnown ? items : [...items, { name: decision.policy, decision, partitionKey }];
  };

  const reserve = async (
    key: string | undefined,
    cost: number,
  ): Promise<readonly [RateLimitDecision, Admission['settle']]> => {
    if (!refund) return [await limiter.consume(key, cost), NOTHING.settle];
    const reservation = await limiter.reserve(key, cost);
    if (reservation) return [reservation.decision, settlement(reservation, refund)];
    const decision = await limiter.peek(key, cost);
    // Units may have come back between the two questions; the request was refused all the same.
    const isLate = decision.allowed;
    return [isLate ? { ...decision, allowed: false, violated: [decision.policy] } : decision, NOTHING.settle];
  };

  return async (request) => {
    if (await skip?.(request)) return NOTHING;
    const [key, cost = 1] = await Promise.all([keyOf(request), costOf?.(request)]);
    const [decision, settle] = await reserve(key, cost);
    const headers = rateLimitHeaders(itemsOf(decision, key), options);
    if (decision.allowed) return { headers, settle };
    const problem = rateLimitProblem(decision);
    const refusal = { status: problem.status, body: JSON.stringify(problem) };
    return { headers: { ...headers, 'Content-Type': PROBLEM_TYPE }, refusal, settle };
  };
}
