import { describe, expect, it } from 'vitest';
import type { FetchPolicy, ResilientFetchOptions } from '../../src/http/index.ts';
import { resilientFetch } from '../../src/http/index.ts';
import { hedge, pipeline, retry, timeout } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, gate } from '../support/gate.ts';
import { answer, atOnce, never, serverOf, URL_ } from './fetch-kit.ts';

describe('requests', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'get', 'delete'])(
    'with %s are repeated',
    async (method) => {
      const server = serverOf(answer(500), answer(200));
      expect((await resilientFetch(atOnce(), server.fetch)(URL_, { method })).status).toBe(200);
      expect(server.requests[1]).toMatchObject({ input: URL_, init: { method } });
    },
  );

  it.each(['POST', 'PATCH', 'post', 'LOCK'])(
    'a request with a method that is not idempotent is sent once',
    async (method) => {
      const server = serverOf(answer(500), answer(200));
      expect((await resilientFetch(atOnce(), server.fetch)(URL_, { method })).status).toBe(500);
      const input = { method, url: URL_, headers: new Headers(), body: null, signal: new AbortController().signal };
      const request = input as unknown as Request;
      const again = serverOf(answer(500), answer(200));
      expect((await resilientFetch(atOnce(), again.fetch)(request)).status).toBe(500);
      expect([server.requests.length, again.requests.length]).toEqual([1, 1]);
    },
  );

  it('that must not be repeated are given up at once, whatever wait the server asks for', async () => {
    const clock = createVirtualClock();
    const server = serverOf(answer(503, { 'Retry-After': '1' }), answer(200));
    const response = await resilientFetch(retry({ clock }), server.fetch)(URL_, { method: 'POST' });
    expect([response.status, clock.pendingTimers]).toEqual([503, 0]);
  });

  it('are repeated when isRepeatable says so, by method and headers', async () => {
    const asked: unknown[] = [];
    const isRepeatable: ResilientFetchOptions['isRepeatable'] = (method, headers) => {
      asked.push(method);
      return headers.has('idempotency-key');
    };
    const server = serverOf(answer(500), answer(200));
    const send = resilientFetch(atOnce(), server.fetch, { isRepeatable });
    const headers = { 'Idempotency-Key': '8e03978e' };
    expect((await send(URL_, { method: 'post', body: 'x', headers })).status).toBe(200);
    expect((await send(new Request(URL_, { method: 'POST', headers }))).status).toBe(200);
    const other = serverOf(answer(500), answer(200));
    expect((await resilientFetch(atOnce(), other.fetch, { isRepeatable })(URL_)).status).toBe(500);
    expect(asked).toEqual(['POST', 'POST', 'GET']);
  });

  it.each([
    ['text', 'x'],
    ['bytes', Uint8Array.of(1)],
    ['a form', new URLSearchParams({ a: '1' })],
    ['a multipart form', new FormData()],
    ['a blob', new Blob(['x'])],
    ['an empty text', ''],
    ['null', null],
  ])('whose body is %s are repeated with it', async (_, body) => {
    const server = serverOf(answer(500), answer(200));
    expect((await resilientFetch(atOnce(), server.fetch)(URL_, { method: 'PUT', body })).status).toBe(200);
    expect(server.requests.map(({ init }) => init.body)).toEqual([body, body]);
  });

  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(1);
  }

  it.each([
    ['a stream', () => new ReadableStream()],
    ['an async iterable', () => chunks()],
    ['an old stream of Node', () => ({ pipe: () => {} })],
  ])('whose body is %s are sent once', async (_, make) => {
    const server = serverOf(answer(500), answer(200));
    const init = { method: 'PUT', body: make() as BodyInit, duplex: 'half' };
    expect((await resilientFetch(atOnce(), server.fetch)(URL_, init)).status).toBe(500);
    expect(server.requests).toHaveLength(1);
  });

  it('that are a Request with a body are sent once, without one repeated', async () => {
    const once = serverOf(answer(500), answer(200));
    const withBody = new Request(URL_, { method: 'PUT', body: 'x' });
    expect((await resilientFetch(atOnce(), once.fetch)(withBody)).status).toBe(500);
    const twice = serverOf(answer(500), answer(200));
    const withoutBody = new Request(URL_, { method: 'DELETE' });
    expect((await resilientFetch(atOnce(), twice.fetch)(withoutBody)).status).toBe(200);
    expect(twice.requests.map(({ input }) => input)).toEqual([withoutBody, withoutBody]);
  });

  it('take a URL, and leave the options they are given alone', async () => {
    const init = { headers: { a: 'b' } };
    const server = serverOf(answer(500), answer(200));
    await resilientFetch(atOnce(), server.fetch)(new URL(URL_), init);
    expect(server.requests.map(({ input }) => String(input))).toEqual([URL_, URL_]);
    expect(server.requests[1]!.init.headers).toBe(init.headers);
    expect(init).toEqual({ headers: { a: 'b' } });
  });

  it('a request that must not be repeated is sent once by a hedge and by a retry around a timeout', async () => {
    const clock = createVirtualClock();
    const slow = gate<Response>();
    const server = serverOf(() => slow.promise);
    const hedged = resilientFetch(hedge({ delayMs: 10, clock }), server.fetch)(URL_, { method: 'POST' });
    await clock.advance(50);
    const response = answer(201);
    slow.open(response);
    expect(await hedged).toBe(response);
    expect([server.requests.length, await response.text()]).toEqual([1, 'status 201']);

    const stuck = serverOf(never);
    const policy = pipeline(retry({ backoff: () => 0, clock }), timeout({ ms: 100, clock }));
    const call = resilientFetch(policy, stuck.fetch)(URL_, { method: 'POST' });
    const outcome = expect(call).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await clock.advance(1_000);
    await outcome;
    expect(stuck.requests).toHaveLength(1);
  });
});

describe('signals', () => {
  it('of the caller end a call with their reason, while it is sent and while it waits', async () => {
    const clock = createVirtualClock();
    for (const first of [never, answer(500)]) {
      const controller = new AbortController();
      const server = serverOf(first);
      const call = resilientFetch(retry({ clock }), server.fetch)(URL_, { signal: controller.signal });
      await flush();
      const reason = new Error('enough');
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      expect([server.requests.length, clock.pendingTimers]).toEqual([1, 0]);
    }
  });

  it('of the caller that have aborted send nothing', async () => {
    const server = serverOf(answer(200));
    const signal = AbortSignal.abort('no');
    await expect(resilientFetch(atOnce(), server.fetch)(URL_, { signal })).rejects.toBe('no');
    await expect(resilientFetch(atOnce(), server.fetch)(new Request(URL_, { signal }))).rejects.toBe('no');
    expect(server.requests).toHaveLength(0);
    expect((await resilientFetch(atOnce(), server.fetch)(new Request(URL_, { signal }), { signal: null })).status).toBe(
      200,
    );
  });

  it('of the caller still count while the body is read, when the policy is long over', async () => {
    const controller = new AbortController();
    const server = serverOf(answer(200));
    const policy = pipeline(atOnce(), timeout({ ms: 1_000 }));
    await resilientFetch(policy, server.fetch)(URL_, { signal: controller.signal });
    const { signal } = server.requests[0]!.init;
    expect(signal!.aborted).toBe(false);
    controller.abort('later');
    expect([signal!.aborted, signal!.reason]).toEqual([true, 'later']);
  });

  it('of a policy end the attempt, and the next one has its own', async () => {
    const clock = createVirtualClock();
    const server = serverOf(never, answer(200));
    const policy = pipeline(retry({ backoff: () => 0, clock }), timeout({ ms: 100, clock }));
    const call = resilientFetch(policy, server.fetch)(URL_);
    await clock.advance(100);
    expect((await call).status).toBe(200);
    expect(server.requests.map(({ init }) => init.signal!.aborted)).toEqual([true, false]);
  });

  it('leave no listener and no timer behind', async () => {
    const signals = countingSignal();
    const clock = createVirtualClock();
    const server = serverOf(answer(500), answer(200));
    const policy = pipeline(retry({ backoff: () => 0, clock }), timeout({ ms: 1_000, clock }));
    await resilientFetch(policy, server.fetch)(URL_, { signal: signals.signal });
    expect([server.requests.length, signals.listeners]).toEqual([2, 0]);
    await clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('answers that nobody gets', () => {
  it('are cancelled when the next attempt starts', async () => {
    let cancelled = 0;
    const endless = (): Response =>
      new Response(new ReadableStream({ cancel: () => void cancelled++ }), { status: 500 });
    const clock = createVirtualClock();
    const server = serverOf(endless(), endless(), answer(200));
    const call = resilientFetch(retry({ backoff: () => 100, clock }), server.fetch)(URL_);
    await clock.advance(0);
    expect(cancelled).toBe(0);
    await clock.advance(100);
    expect(cancelled).toBe(1);
    await clock.advance(100);
    expect((await call).status).toBe(200);
    expect(cancelled).toBe(2);
  });

  it('are aborted when another attempt has won, or come when the call is over', async () => {
    const clock = createVirtualClock();
    const late = gate<Response>();
    const server = serverOf(() => late.promise, answer(200));
    const call = resilientFetch(hedge({ delayMs: 10, clock }), server.fetch)(URL_);
    await clock.advance(10);
    const winner = await call;
    expect(server.requests.map(({ init }) => init.signal!.aborted)).toEqual([true, false]);
    let isCancelled = false;
    late.open(new Response(new ReadableStream({ cancel: () => void (isCancelled = true) })));
    await flush();
    expect(isCancelled).toBe(true);
    expect(await winner.text()).toBe('status 200');
  });

  it('are read to their end at once when they are short, so that nothing waits with them', async () => {
    let isRead = false;
    const pull = (controller: ReadableStreamDefaultController): void => {
      controller.enqueue(new TextEncoder().encode('busy'));
      controller.close();
      isRead = true;
    };
    const body = new ReadableStream({ pull }, { highWaterMark: 0 });
    const busy = new Response(body, { status: 503, headers: { 'Content-Length': '16384' } });
    const clock = createVirtualClock();
    const server = serverOf(busy, answer(200));
    const call = resilientFetch(retry({ backoff: () => 1_000, clock }), server.fetch)(URL_);
    await flush();
    expect([isRead, server.requests.length]).toEqual([true, 1]);
    await clock.advance(1_000);
    expect((await call).status).toBe(200);
  });

  it('are aborted when the policy has another answer, and never said so', async () => {
    const server = serverOf(answer(200), never);
    const both: FetchPolicy = {
      run: async (op) => {
        const context = { signal: new AbortController().signal, attempt: 1 };
        const first = op(context);
        Promise.resolve(op(context)).catch(() => {});
        return first;
      },
    };
    expect((await resilientFetch(both, server.fetch)(URL_)).status).toBe(200);
    expect(server.requests.map(({ init }) => init.signal!.aborted)).toEqual([false, true]);
  });

  it('do not include those on their way when a hedge is sent after them', async () => {
    const clock = createVirtualClock();
    const slow = gate<Response>();
    const server = serverOf(() => slow.promise, never);
    const call = resilientFetch(hedge({ delayMs: 10, clock }), server.fetch)(URL_);
    await clock.advance(10);
    expect(server.requests.map(({ init }) => init.signal!.aborted)).toEqual([false, false]);
    const response = answer(200);
    slow.open(response);
    expect(await call).toBe(response);
    expect(server.requests.map(({ init }) => init.signal!.aborted)).toEqual([false, true]);
  });

  it('are complete for the caller also when they were read before', async () => {
    const busy = new Response('busy', { status: 503, headers: { 'Content-Length': '4' } });
    const response = await resilientFetch(atOnce(1), serverOf(busy).fetch)(URL_);
    await flush();
    expect([response.bodyUsed, await response.text()]).toEqual([false, 'busy']);
  });

  it.each([
    ['too long', { 'Content-Length': '16385' }],
    ['of no known length', {}],
    ['of no sensible length', { 'Content-Length': 'long' }],
    ['compressed', { 'Content-Length': '4', 'Content-Encoding': 'gzip' }],
  ])('are left unread until then when they are %s', async (_, headers) => {
    let pulls = 0;
    const body = new ReadableStream({ pull: () => void pulls++ }, { highWaterMark: 0 });
    const busy = new Response(body, { status: 503, headers: headers as Record<string, string> });
    const response = await resilientFetch(retry({ maxAttempts: 1 }), serverOf(busy).fetch)(URL_);
    await flush();
    expect([response.bodyUsed, pulls]).toEqual([false, 0]);
  });
});
