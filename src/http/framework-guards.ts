import type { Admission, GuardLimiter, RateLimitGuardOptions } from './guard.ts';
import { createGuard } from './guard.ts';
import { responseOf } from './with-rate-limit.ts';

/** What a guard needs of the request of Node's `http`, and express's. */
export interface NodeRequestLike {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** What a guard needs of the response of Node's `http`, and express's. */
export interface NodeResponseLike {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
  once(event: string, listener: () => void): unknown;
}

/** Tells a guard of the answer when it is sent. One that is not has nothing to tell. */
function whenAnswered(response: NodeResponseLike, settle: Admission['settle']): void {
  response.once('finish', () => settle(response.statusCode));
}

/**
 * Guards a server of Node's `http`: resolves with true when the request may go on, with false when it has been
 * refused and answered. Rejects when the limiter or a callback does; nothing has been answered then.
 *
 * @example
 * ```ts no-run
 * import { createServer } from 'node:http';
 * import { clientIp, ipKey, nodeRateLimit } from 'holdfast/http';
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000, burst: 20 }));
 * const mayPass = nodeRateLimit(limiter, { key: (request) => ipKey(clientIp(request)) });
 * createServer(async (request, response) => {
 *   if (await mayPass(request, response)) response.end('hello');
 * }).listen(8080);
 * ```
 */
export function nodeRateLimit<R extends NodeRequestLike = NodeRequestLike>(
  limiter: GuardLimiter,
  options: RateLimitGuardOptions<R>,
): (request: R, response: NodeResponseLike) => Promise<boolean> {
  const guard = createGuard(limiter, options);
  return async (request, response) => {
    const { headers, refusal, settle } = await guard(request);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (refusal) {
      response.statusCode = refusal.status;
      response.end(refusal.body);
      return false;
    }
    if (options.refund) whenAnswered(response, settle);
    return true;
  };
}

/**
 * Middleware for express 5, and whatever else calls `(request, response, next)`. What the limiter or a callback
 * throws goes to `next`.
 *
 * @example
 * ```ts no-run
 * import express from 'express';
 * import { clientIp, expressRateLimit, ipKey } from 'holdfast/http';
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000, burst: 20 }));
 * const app = express();
 * app.use(expressRateLimit(limiter, { key: (request) => ipKey(clientIp(request, { trustedProxies: 1 })) }));
 * ```
 */
export function expressRateLimit<R extends NodeRequestLike = NodeRequestLike>(
  limiter: GuardLimiter,
  options: RateLimitGuardOptions<R>,
): (request: R, response: NodeResponseLike, next: (error?: unknown) => void) => void {
  const mayPass = nodeRateLimit(limiter, options);
  return (request, response, next) => {
    mayPass(request, response).then((isAllowed) => {
      if (isAllowed) next();
    }, next);
  };
}

/** What a guard needs of fastify's request. */
export interface FastifyRequestLike extends NodeRequestLike {
  readonly ip: string;
}

/** What a guard needs of fastify's reply. */
export interface FastifyReplyLike {
  readonly raw: NodeResponseLike;
  headers(values: Record<string, string>): unknown;
  code(status: number): unknown;
  send(body: string): unknown;
}

/**
 * A hook for fastify 5, best at `onRequest`, before bodies are read.
 *
 * @example
 * ```ts no-run
 * import { fastify } from 'fastify';
 * import { clientIp, fastifyRateLimit, ipKey } from 'holdfast/http';
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000, burst: 20 }));
 * const app = fastify();
 * app.addHook('onRequest', fastifyRateLimit(limiter, { key: (request) => ipKey(clientIp(request)) }));
 * ```
 */
export function fastifyRateLimit<R extends FastifyRequestLike = FastifyRequestLike>(
  limiter: GuardLimiter,
  options: RateLimitGuardOptions<R>,
): (request: NoInfer<R>, reply: FastifyReplyLike) => Promise<unknown> {
  const guard = createGuard(limiter, options);
  return async (request, reply) => {
    const { headers, refusal, settle } = await guard(request);
    reply.headers(headers);
    if (!refusal) {
      if (options.refund) whenAnswered(reply.raw, settle);
      return undefined;
    }
    reply.code(refusal.status);
    reply.send(refusal.body);
    // To return the reply tells fastify that it has been answered.
    return reply;
  };
}

/** What a guard needs of koa's context. */
export interface KoaContextLike {
  readonly req: NodeRequestLike;
  readonly res: NodeResponseLike;
  status: number;
  body: unknown;
  set(headers: Record<string, string>): unknown;
}

/**
 * Middleware for koa 3. Koa takes all headers off an answer to a thrown error, these included.
 *
 * @example
 * ```ts no-run
 * import Koa from 'koa';
 * import { clientIp, ipKey, koaRateLimit } from 'holdfast/http';
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000, burst: 20 }));
 * const app = new Koa();
 * app.use(koaRateLimit(limiter, { key: (context) => ipKey(clientIp(context.req)) }));
 * ```
 */
export function koaRateLimit<C extends KoaContextLike = KoaContextLike>(
  limiter: GuardLimiter,
  options: RateLimitGuardOptions<C>,
): (context: C, next: () => Promise<unknown>) => Promise<void> {
  const guard = createGuard(limiter, options);
  return async (context, next) => {
    const { headers, refusal, settle } = await guard(context);
    if (refusal) {
      context.status = refusal.status;
      context.body = refusal.body;
    } else if (options.refund) whenAnswered(context.res, settle);
    context.set(headers);
    if (!refusal) await next();
  };
}

/** What a guard needs of hono's context. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request; header(name: string): string | undefined };
  readonly res: { readonly status: number };
  header(name: string, value: string): unknown;
}

/**
 * Middleware for hono 4.
 *
 * @example
 * ```ts no-run
 * import { Hono } from 'hono';
 * import { honoRateLimit } from 'holdfast/http';
 * import { createRateLimiter, tokenBucket } from 'holdfast/rate-limit';
 *
 * const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1_000, burst: 20 }));
 * const app = new Hono();
 * app.use(honoRateLimit(limiter, { key: (context) => context.req.header('x-api-key') }));
 * ```
 */
export function honoRateLimit<C extends HonoContextLike = HonoContextLike>(
  limiter: GuardLimiter,
  options: RateLimitGuardOptions<C>,
): (context: C, next: () => Promise<void>) => Promise<Response | undefined> {
  const guard = createGuard(limiter, options);
  return async (context, next) => {
    const { headers, refusal, settle } = await guard(context);
    if (refusal) return responseOf(refusal, headers);
    // Read before: the server makes it when it is asked for, and aborts no other.
    const signal = options.refund && context.req.raw.signal;
    let status = 500;
    try {
      await next();
      ({ status } = context.res);
    } finally {
      if (!signal?.aborted) settle(status);
    }
    // Only now: a handler's own Response would not carry what was set before it.
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    return undefined;
  };
}
