/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request as ExpressRequest } from 'express';
import express from 'express';
import type { FastifyRequest } from 'fastify';
import { fastify } from 'fastify';
import type { Context } from 'hono';
import { Hono } from 'hono';
import type { Context as KoaContext } from 'koa';
import Koa from 'koa';
import type { FetchLike, RateLimitProblem } from '../../src/http/index.ts';
import {
  clientIp,
  expressRateLimit,
  fastifyRateLimit,
  honoRateLimit,
  ipKey,
  koaRateLimit,
  nodeRateLimit,
  rateLimitHeaders,
  rateLimitProblem,
  resilientFetch,
  withRateLimit,
} from '../../src/http/index.ts';
import { fallback, pipeline, retry } from '../../src/policy/index.ts';
import type { RateLimiter, StoredRateLimiter } from '../../src/rate-limit/index.ts';

declare const limiter: RateLimiter;
declare const stored: StoredRateLimiter;
declare const incoming: IncomingMessage;
declare const outgoing: ServerResponse;
declare const fetchRequest: Request;

// Frameworks take the guards as they are, and keys know what a request is.
express().use(expressRateLimit(limiter, { key: (request) => ipKey(clientIp(request)) }));
express().get('/', expressRateLimit(stored, { key: (request: ExpressRequest) => request.ip }));
fastify().addHook('onRequest', fastifyRateLimit(limiter, { key: (request) => request.ip }));
fastify().addHook('preHandler', fastifyRateLimit(stored, { key: async (request: FastifyRequest) => request.id }));
fastify().get('/', { onRequest: fastifyRateLimit(limiter, { key: (request) => clientIp(request) }) }, () => 'hello');
new Koa().use(koaRateLimit(limiter, { key: (context) => clientIp(context.req) }));
new Koa().use(koaRateLimit(stored, { key: (context: KoaContext) => context.ip, cost: async () => 2 }));
new Hono().use(honoRateLimit(limiter, { key: (context) => context.req.header('x-api-key') }));
new Hono().use(
  honoRateLimit(stored, { key: (context: Context) => context.req.path, refund: (status) => status > 499 }),
);
export const passed: Promise<boolean> = nodeRateLimit(limiter, { key: clientIp })(incoming, outgoing);

// Handlers keep what their runtime passes.
const limited = withRateLimit(stored, { key: (request) => request.headers.get('x-user') ?? undefined });
export const handled: Promise<Response> = limited((_request: Request, n: number) => new Response(String(n)))(
  fetchRequest,
  1,
);
// @ts-expect-error: the handler wants a number
void limited((_request: Request, n: number) => new Response(String(n)))(fetchRequest, 'one');
// @ts-expect-error: a handler answers with a Response
limited(() => 'hello');
// @ts-expect-error: whom to count against is not guessed
withRateLimit(limiter, {});
// @ts-expect-error: a key is text
withRateLimit(limiter, { key: () => 7 });
// @ts-expect-error: a cost is a number
withRateLimit(limiter, { key: () => 'a', cost: () => '2' });
// @ts-expect-error: there is no such format
withRateLimit(limiter, { key: () => 'a', format: 'draft-7' });
// @ts-expect-error: not a limiter
withRateLimit({ tryAcquire: () => true }, { key: () => 'a' });

export const headers: Record<string, string> = rateLimitHeaders([{ name: 'a', decision: limiter.peek('a') }]);
// @ts-expect-error: a policy has a name
rateLimitHeaders([{ decision: limiter.peek('a') }]);
export const problem: RateLimitProblem = rateLimitProblem(limiter.peek('a'));
export const key: string | undefined = ipKey(clientIp(fetchRequest, { trustedProxies: ['10.0.0.0/8'] }));
// @ts-expect-error: one range is a list of one
clientIp(incoming, { trustedProxies: '10.0.0.0/8' });
// @ts-expect-error: trust has to be told to whom
clientIp(incoming, { trustedProxies: true });

// What comes out is a fetch, and takes the place of one.
export const get: FetchLike = resilientFetch(retry(), fetch);
export const same: typeof fetch = resilientFetch(
  pipeline(
    retry(),
    fallback(() => Response.json({})),
  ),
  fetch,
);
// @ts-expect-error: a fallback must answer with a Response
resilientFetch(pipeline(fallback(() => 'instead')), fetch);
// @ts-expect-error: which fetch is not guessed
resilientFetch(retry());
// @ts-expect-error: isFailure is told the answer
resilientFetch(retry(), fetch, { isFailure: (status: number) => status > 499 });
