export { rateLimitHeaders } from './rate-limit-headers.ts';
export type { RateLimitHeaderFormat, RateLimitHeaderItem, RateLimitHeaderOptions } from './rate-limit-headers.ts';
export { rateLimitProblem } from './problem.ts';
export type { RateLimitProblem } from './problem.ts';
export { ipKey } from './ip-key.ts';
export type { IpKeyOptions } from './ip-key.ts';
export { clientIp } from './client-ip.ts';
export type { ClientIpOptions, ClientIpRequest, HeadersLike } from './client-ip.ts';
export { withRateLimit } from './with-rate-limit.ts';
export type { FetchHandler } from './with-rate-limit.ts';
export type { GuardLimiter, RateLimitGuardOptions } from './guard.ts';
export { expressRateLimit, fastifyRateLimit, honoRateLimit, koaRateLimit, nodeRateLimit } from './framework-guards.ts';
export type {
  FastifyReplyLike,
  FastifyRequestLike,
  HonoContextLike,
  KoaContextLike,
  NodeRequestLike,
  NodeResponseLike,
} from './framework-guards.ts';
export { resilientFetch } from './resilient-fetch.ts';
export type { FetchLike, FetchPolicy, ResilientFetchOptions } from './resilient-fetch.ts';
export { FetchFailedError } from './fetch-failure.ts';
