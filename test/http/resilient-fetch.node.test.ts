import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { resilientFetch, withRateLimit } from '../../src/http/index.ts';
import type { RetryEvent } from '../../src/policy/index.ts';
import { hedge, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { abortListeners, heapGrowth } from '../support/leaks.ts';

interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: number;
  /** Connections that stand. */
  readonly open: number;
  /** Connections that were ever made. */
  readonly made: number;
}

type Handler = (request: IncomingMessage, response: ServerResponse, nth: number) => unknown;

async function serverWith(handler: Handler): Promise<TestServer> {
  const sockets = new Set<Socket>();
  let requests = 0;
  let made = 0;
  const server = createServer((request, response) => handler(request, response, ++requests));
  server.on('connection', (socket) => {
    made++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    get requests() {
      return requests;
    },
    get open() {
      return sockets.size;
    },
    get made() {
      return made;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function eventually(check: () => void): Promise<void> {
  for (let left = 400; ; left--) {
    try {
      return check();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Sends the start of a body that never ends. */
function endless(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Type': 'text/plain' });
  response.write('x'.repeat(1_000));
}

const quick = retry({ maxAttempts: 4, backoff: () => 1 });

describe('connections', () => {
  it('the connection of a failed answer whose body never ends is closed, so that no socket leaks', async () => {
    await using server = await serverWith((_, response, nth) => {
      if (nth % 4 === 0) response.end('done');
      else endless(response, 503);
    });
    const get = resilientFetch(quick, fetch);
    for (let k = 0; k < 5; k++) expect(await (await get(server.url)).text()).toBe('done');
    expect(server.requests).toBe(20);
    // What is left is what served the last answers, kept alive.
    await eventually(() => expect(server.open).toBeLessThanOrEqual(5));
    expect(server.made).toBeGreaterThanOrEqual(15);
  });

  it('the connection of a short failed answer is used again by the next attempt', async () => {
    await using server = await serverWith((_, response, nth) => {
      response.statusCode = nth % 4 === 0 ? 200 : 503;
      response.end('x'.repeat(5_000));
    });
    const get = resilientFetch(retry({ maxAttempts: 4, backoff: () => 20 }), fetch);
    for (let k = 0; k < 3; k++) expect((await (await get(server.url)).text()).length).toBe(5_000);
    expect(server.requests).toBe(12);
    // One, but for a busy machine on which an answer was not read before the next attempt.
    expect(server.made).toBeLessThanOrEqual(4);
  });

  it('the connection of a short failed answer that comes to no end is closed', async () => {
    await using server = await serverWith((_, response, nth) => {
      if (nth % 2 === 0) return response.end('done');
      response.writeHead(503, { 'Content-Length': '100' });
      return response.write('not a hundred');
    });
    const get = resilientFetch(quick, fetch);
    for (let k = 0; k < 3; k++) expect(await (await get(server.url)).text()).toBe('done');
    await eventually(() => expect(server.open).toBeLessThanOrEqual(3));
    expect(server.made).toBeGreaterThanOrEqual(4);
  });

  it('the connection of an attempt that timed out or lost against another is closed', async () => {
    await using server = await serverWith((_, response, nth) => {
      if (nth % 2 === 0) response.end('done');
    });
    const timed = resilientFetch(pipeline(quick, timeout({ ms: 250 })), fetch);
    expect(await (await timed(server.url)).text()).toBe('done');
    const hedged = resilientFetch(hedge({ delayMs: 100 }), fetch);
    expect(await (await hedged(server.url)).text()).toBe('done');
    expect(server.requests).toBe(4);
    await eventually(() => expect(server.open).toBeLessThanOrEqual(2));
  });

  it('of the last failed answer stay open until its body was read', async () => {
    await using server = await serverWith((_, response) => {
      response.writeHead(503);
      response.write('first ');
      setTimeout(() => response.end('last'), 30);
    });
    const response = await resilientFetch(quick, fetch)(server.url);
    expect([response.status, response.url, await response.text()]).toEqual([503, server.url, 'first last']);
  });
});

describe('a signal of the caller', () => {
  it('a signal of the caller ends the reading of a body when the policy is long over', async () => {
    await using server = await serverWith((_, response) => endless(response, 200));
    const controller = new AbortController();
    const get = resilientFetch(pipeline(quick, timeout({ ms: 5_000 })), fetch);
    const response = await get(server.url, { signal: controller.signal });
    const reading = response.text();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await eventually(() => expect(server.open).toBe(0));
  });

  it('a signal that outlives many calls collects no listener and no memory', { timeout: 60_000 }, async () => {
    const { signal } = new AbortController();
    const busy = async (): Promise<Response> => new Response('busy', { status: 503 });
    const get = resilientFetch(retry({ maxAttempts: 2, backoff: () => 0 }), busy);
    const growth = await heapGrowth(() => get('https://example.org/', { signal }), { operations: 3_000, rounds: 4 });
    expect(abortListeners(signal)).toBe(0);
    expect(growth).toBeLessThan(300_000);
  });
});

describe('client and server together', () => {
  it('a client that obeys Retry-After gets everything through a limit', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter(tokenBucket({ limit: 2, periodMs: 1_000, burst: 2 }), { clock });
    const handle = withRateLimit(limiter, { key: () => 'all' })(() => new Response('served'));
    const waits: number[] = [];
    const onEvent = (event: RetryEvent): void => void (event.type === 'retry' && waits.push(event.delayMs));
    const get = resilientFetch(retry({ maxAttempts: 3, clock, onEvent }), (input, init) =>
      handle(new Request(input, init)),
    );
    const calls = Array.from({ length: 6 }, () => get('https://example.org/'));
    await clock.advance(5_000);
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(waits).toEqual([1_000, 1_000, 1_000, 1_000, 1_000, 1_000]);
  });

  it('a stream that was sent once is not sent again', async () => {
    const bodies: string[] = [];
    await using server = await serverWith((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        response.writeHead(503).end();
      });
    });
    const stream = new Blob(['streamed']).stream();
    const init = { method: 'PUT', body: stream, duplex: 'half' };
    const response = await resilientFetch(quick, fetch)(server.url, init);
    expect([response.status, bodies]).toEqual([503, ['streamed']]);
    await resilientFetch(quick, fetch)(server.url, { method: 'PUT', body: 'text' });
    expect(bodies).toEqual(['streamed', 'text', 'text', 'text', 'text']);
  });
});
