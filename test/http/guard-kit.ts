import type { GuardLimiter, RateLimitGuardOptions } from '../../src/http/index.ts';
import type { RateLimiter, StoredRateLimiter } from '../../src/rate-limit/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

export interface Limited {
  readonly clock: VirtualClock;
  readonly limiter: RateLimiter;
}

/** A bucket of three that gains one a second. */
export function threeAtOnce(name = 'api'): Limited {
  const clock = createVirtualClock();
  return { clock, limiter: createRateLimiter(tokenBucket({ limit: 1, periodMs: 1_000, burst: 3, name }), { clock }) };
}

/** A limiter whose answers take a while, as those of one over a store do. */
export function remote(limiter: RateLimiter): StoredRateLimiter {
  const slowly = async <T>(fn: () => T): Promise<T> => {
    await Promise.resolve();
    return fn();
  };
  return {
    policies: limiter.policies,
    consume: (key, cost) => slowly(() => ({ ...limiter.consume(key, cost), source: 'store' })),
    peek: (key, cost) => slowly(() => ({ ...limiter.peek(key, cost), source: 'store' })),
    reserve: (key, cost) =>
      slowly(() => {
        const held = limiter.reserve(key, cost);
        return (
          held && {
            cost: held.cost,
            decision: { ...held.decision, source: 'store' },
            settle: async (actual) => held.settle(actual),
            cancel: async () => held.cancel(),
            [Symbol.asyncDispose]: async () => held.cancel(),
          }
        );
      }),
    reset: async (key) => limiter.reset(key),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Both kinds of limiters, each over a limiter of this process. */
export const kinds: readonly (readonly [string, (limiter: RateLimiter) => GuardLimiter])[] = [
  ['in this process', (limiter) => limiter],
  ['over a store', remote],
];

/** Options whose key is a header. */
export function byUser(options: Partial<RateLimitGuardOptions<Request>> = {}): RateLimitGuardOptions<Request> {
  return { key: (request) => request.headers.get('x-user') ?? undefined, ...options };
}

export function request(user?: string, headers: Record<string, string> = {}): Request {
  return new Request('https://example.org/', { headers: { ...headers, ...(user && { 'x-user': user }) } });
}

/** The fields of an answer that a limiter is the source of. */
export function limitsOf(response: { readonly headers: Headers }): Record<string, string | null> {
  const names = ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'Content-Type'];
  return Object.fromEntries(names.map((name) => [name, response.headers.get(name)]));
}

export const PROBLEM = {
  type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
  title: 'Quota Exceeded',
  status: 429,
  'violated-policies': ['api'],
};

/** A handler. */
export const hello = (): Response => new Response('hello', { headers: { 'Content-Type': 'text/plain' } });
