import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { serve } from '@hono/node-server';
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { describe, expect, it } from 'vitest';
import {
  clientIp,
  expressRateLimit,
  fastifyRateLimit,
  honoRateLimit,
  ipKey,
  koaRateLimit,
  nodeRateLimit,
  withRateLimit,
} from '../../src/http/index.ts';
import type { GuardLimiter } from '../../src/http/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimiter } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { kinds, limitsOf, PROBLEM, remote } from './guard-kit.ts';

interface Settings {
  readonly limiter: GuardLimiter;
  readonly refund?: ((status: number) => boolean) | undefined;
  readonly cost?: () => number;
  /** Told of each call of the handler. */
  readonly onCall?: () => void;
}

interface Running extends AsyncDisposable {
  readonly url: string;
}

/**
 * What every app below does: `/` says hello, `/fail` answers 503, `/throw` throws, `/hang` never answers, or fails once
 * it is told that the client is gone.
 */
type Start = (settings: Settings) => Promise<Running>;

const options = { trustedProxies: 1 };

async function listening(server: Server, close?: () => PromiseLike<unknown>): Promise<Running> {
  if (!server.listening) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      if (close) await close();
      else await new Promise((resolve) => server.close(resolve));
    },
  };
}

const startNode: Start = ({ limiter, refund, cost, onCall }) => {
  const mayPass = nodeRateLimit(limiter, { key: (request) => ipKey(clientIp(request, options)), refund, cost });
  const listener: RequestListener = (request, response) => {
    mayPass(request, response)
      .then((isAllowed) => {
        if (!isAllowed) return;
        onCall?.();
        if (request.url === '/hang') return;
        if (request.url === '/throw') throw new Error('thrown');
        response.statusCode = request.url === '/fail' ? 503 : 200;
        response.end('hello');
      })
      .catch(() => {
        response.statusCode = 500;
        response.end();
      });
  };
  return listening(createServer(listener));
};

const startExpress: Start = ({ limiter, refund, cost, onCall }) => {
  const app = express();
  app.set('env', 'test');
  app.use(expressRateLimit(limiter, { key: (request) => ipKey(clientIp(request, options)), refund, cost }));
  app.get('/', (_request, response) => {
    onCall?.();
    response.send('hello');
  });
  app.get('/fail', (_request, response) => void response.status(503).send('busy'));
  app.get('/throw', () => {
    throw new Error('thrown');
  });
  app.get('/hang', () => {});
  return listening(createServer(app));
};

const startFastify: Start = async ({ limiter, refund, cost, onCall }) => {
  const app = fastify();
  const guard = fastifyRateLimit(limiter, { key: (request) => ipKey(clientIp(request, options)), refund, cost });
  app.addHook('onRequest', guard);
  app.get('/', async () => {
    onCall?.();
    return 'hello';
  });
  app.get('/fail', async (_request, reply) => reply.code(503).send('busy'));
  app.get('/throw', async () => {
    throw new Error('thrown');
  });
  app.get('/hang', () => new Promise(() => {}));
  await app.listen({ port: 0, host: '127.0.0.1' });
  return listening(app.server, () => app.close());
};

const startKoa: Start = ({ limiter, refund, cost, onCall }) => {
  const app = new Koa();
  app.silent = true;
  app.use(koaRateLimit(limiter, { key: (context) => ipKey(clientIp(context.req, options)), refund, cost }));
  app.use(async (context) => {
    onCall?.();
    if (context.path === '/throw') throw new Error('thrown');
    if (context.path === '/hang') await new Promise(() => {});
    context.status = context.path === '/fail' ? 503 : 200;
    context.body = 'hello';
  });
  return listening(createServer(app.callback()));
};

const startHono: Start = ({ limiter, refund, cost, onCall }) => {
  const app = new Hono();
  const key = (context: { req: { header(name: string): string | undefined } }): string | undefined =>
    ipKey(context.req.header('x-forwarded-for'));
  app.onError((_error, context) => context.text('broken', 500));
  app.use(honoRateLimit(limiter, { key, refund, cost }));
  // A Response of its own, and not one that hono makes.
  app.get('/', () => {
    onCall?.();
    return new Response('hello', { headers: { 'Content-Type': 'text/plain' } });
  });
  app.get('/fail', (context) => context.text('busy', 503));
  app.get('/throw', () => {
    throw new Error('thrown');
  });
  app.get('/hang', (context) => untilGone(context.req.raw));
  return listening(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server);
};

/** Rejects when the client has hung up. */
function untilGone({ signal }: Request): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('gone')));
  });
}

const startFetch: Start = ({ limiter, refund, cost, onCall }) => {
  const key = (request: Request): string | undefined => ipKey(request.headers.get('x-forwarded-for') ?? undefined);
  const handle = withRateLimit(limiter, { key, refund, cost })(async (request) => {
    onCall?.();
    const { pathname } = new URL(request.url);
    if (pathname === '/throw') throw new Error('thrown');
    if (pathname === '/hang') await untilGone(request);
    return new Response('hello', { status: pathname === '/fail' ? 503 : 200 });
  });
  return listening(serve({ fetch: handle, port: 0, hostname: '127.0.0.1' }) as Server);
};

const frameworks: readonly (readonly [string, Start])[] = [
  ['http of Node', startNode],
  ['express 5', startExpress],
  ['fastify 5', startFastify],
  ['koa 3', startKoa],
  ['hono 4', startHono],
  ['a fetch handler', startFetch],
];

function threeAtOnce(): RateLimiter {
  const policy = tokenBucket({ limit: 1, periodMs: 1_000, burst: 3, name: 'api' });
  return createRateLimiter(policy, { clock: createVirtualClock() });
}

async function ask(
  url: string,
  ip = '192.0.2.7',
  init: RequestInit = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(url, { ...init, headers: { 'X-Forwarded-For': ip } });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Waits for something that happens after an answer was received. */
async function eventually(check: () => void): Promise<void> {
  for (let left = 200; ; left--) {
    try {
      return check();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

describe.each(frameworks)('%s', (name, start) => {
  it.each(kinds)('answers the burst, then refuses, with a limiter %s', async (_, over) => {
    let calls = 0;
    await using server = await start({ limiter: over(threeAtOnce()), onCall: () => void calls++ });
    const answers = [];
    for (let k = 0; k < 5; k++) answers.push(await ask(`${server.url}/`));
    expect(calls).toBe(3);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    expect(answers.map(({ headers }) => headers.get('RateLimit'))).toEqual([
      '"api";r=2;t=1',
      '"api";r=1;t=2',
      '"api";r=0;t=3',
      '"api";r=0;t=1',
      '"api";r=0;t=1',
    ]);
    expect(answers.map(({ headers }) => headers.get('Retry-After'))).toEqual([null, null, null, '1', '1']);
    for (const { headers } of answers) expect(headers.get('RateLimit-Policy')).toBe('"api";q=1;w=1');
    expect(answers[2]!.text).toBe('hello');
    expect(limitsOf(answers[3]!)['Content-Type']).toMatch(/^application\/problem\+json(?:$|;)/);
    expect(JSON.parse(answers[3]!.text)).toEqual(PROBLEM);
  });

  it('clients are counted by the bits of their address, whatever the notation', async () => {
    await using server = await start({ limiter: threeAtOnce() });
    const statuses = [];
    for (const ip of ['::ffff:192.0.2.7', '192.0.2.7', '::ffff:c000:207', '192.0.2.7', '192.0.2.8']) {
      statuses.push((await ask(`${server.url}/`, ip)).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 200]);
  });

  it('gives back the cost of answers that refund names', async () => {
    const limiter = threeAtOnce();
    await using server = await start({ limiter: remote(limiter), refund: (status) => status >= 500 });
    const left = (): number => limiter.peek('192.0.2.7', 0).remaining;
    expect((await ask(`${server.url}/fail`)).status).toBe(503);
    await eventually(() => expect(left()).toBe(3));
    expect((await ask(`${server.url}/throw`)).status).toBe(500);
    await eventually(() => expect(left()).toBe(3));
    expect((await ask(`${server.url}/`)).status).toBe(200);
    await eventually(() => expect(left()).toBe(2));
  });

  it('an answer that the client did not wait for keeps its cost', async () => {
    const limiter = threeAtOnce();
    const refunded: number[] = [];
    await using server = await start({ limiter, refund: (status) => refunded.push(status) > 0 });
    const controller = new AbortController();
    const hanging = ask(`${server.url}/hang`, '192.0.2.7', { signal: controller.signal });
    await eventually(() => expect(limiter.peek('192.0.2.7', 0).remaining).toBe(2));
    controller.abort();
    await expect(hanging).rejects.toThrow();
    await ask(`${server.url}/`);
    await eventually(() => expect(refunded).toEqual([200]));
    expect(limiter.peek('192.0.2.7', 0).remaining).toBe(2);
  });

  it('answers 500 when the limiter throws, and does not run the handler', async () => {
    const limiter = { ...remote(threeAtOnce()), consume: () => Promise.reject(new Error('store is down')) };
    await using server = await start({ limiter });
    const { status, text } = await ask(`${server.url}/`);
    expect(status).toBe(500);
    expect(text).not.toBe('hello');
  });

  it('keeps the fields on an answer of the handler that is an error', async () => {
    await using server = await start({ limiter: threeAtOnce() });
    expect((await ask(`${server.url}/fail`)).headers.get('RateLimit')).toBe('"api";r=2;t=1');
    const { status, headers } = await ask(`${server.url}/throw`);
    expect(status).toBe(500);
    // Koa takes every header off such an answer; a fetch handler that throws has made none.
    const isLost = name === 'koa 3' || name === 'a fetch handler';
    expect(headers.get('RateLimit')).toBe(isLost ? null : '"api";r=1;t=2');
  });

  it('refuses by cost, without a time where waiting cannot help', async () => {
    await using server = await start({ limiter: threeAtOnce(), cost: () => 4 });
    const { status, headers } = await ask(`${server.url}/`);
    expect([status, headers.get('Retry-After'), headers.get('RateLimit')]).toEqual([429, null, '"api";r=3']);
  });
});
