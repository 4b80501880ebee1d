import type { Admission, GuardLimiter, RateLimitGuardOptions } from './guard.ts';
import { createGuard } from './guard.ts';

/** A fetch handler, with whatever its runtime passes after the request. */
export type FetchHandler<A extends readonly unknown[]> = (
  request: Request,
  ...rest: A
) => Response | PromiseLike<Response>;

/** The refusal as a `Response`. */
export function responseOf({ status, body }: NonNullable<Admission['refusal']>, headers: HeadersInit): Response {
  return new Response(body, { status, headers });
}

function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  const set = (target: Response): Response => {
    for (const [name, value] of Object.entries(headers)) target.headers.set(name, value);
    return target;
  };
  try {
    return set(response);
  } catch {
    // Headers of what `fetch` or `Response.redirect` made are immutable. An upgrade (101) or an error has no copy.
    const hasCopy = response.status >= 200;
    return hasCopy ? set(new Response(response.body, response)) : response;
  }
}

/**
 * Guards a fetch handler (`(request) => Response`) with a limiter.
 *
 * A refused request is answered with 429, `Retry-After` and problem details, and the handler is not called; see
 * {@link rateLimitProblem} for 503. Every answer carries the fields of {@link rateLimitHeaders}. Rejects with
 * what a callback or the limiter throws, before the handler is called, and with what the handler throws, which
 * `refund` is told of as a 500. It is told of nothing where the signal of the request has aborted.
 *
 * @example
 * ```ts no-run
 * import { withRateLimit } from 'holdfast/http';
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000, burst: 20 }));
 * const limited = withRateLimit(limiter, { key: (request) => request.headers.get('x-api-key') ?? undefined });
 * export default { fetch: limited(() => new Response('hello')) };
 * ```
 *
 * @throws RangeError or TypeError when an option or the name of a policy cannot be used.
 */
export function withRateLimit(
  limiter: GuardLimiter,
  options: RateLimitGuardOptions<Request>,
): <A extends readonly unknown[]>(handler: FetchHandler<A>) => (request: Request, ...rest: A) => Promise<Response> {
  const guard = createGuard(limiter, options);
  return (handler) =>
    async (request, ...rest) => {
      const { headers, refusal, settle } = await guard(request);
      if (refusal) return responseOf(refusal, headers);
      const signal = options.refund && request.signal;
      let status = 500;
      try {
        const response = await handler(request, ...rest);
        status = response.status;
        return withHeaders(response, headers);
      } finally {
        // Who is gone has not waited: else to hang up would make a costly request free.
        if (!signal?.aborted) settle(status);
      }
    };
}
