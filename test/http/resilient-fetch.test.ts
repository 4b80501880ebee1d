import { describe, expect, it } from 'vitest';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import type { FetchLike } from '../../src/http/index.ts';
import { FetchFailedError, resilientFetch } from '../../src/http/index.ts';
import type { Policy, RetryEvent } from '../../src/policy/index.ts';
import { fallback, isRejection, pipeline, retry } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { collectReports } from '../policy/kit.ts';
import { answer, atOnce, serverOf, URL_ } from './fetch-kit.ts';

describe('answers', () => {
  it('that are no failure come through as they are', async () => {
    for (const status of [200, 204, 301, 400, 404, 409, 425, 499]) {
      const response = answer(status);
      const server = serverOf(response);
      expect(await resilientFetch(atOnce(), server.fetch)(URL_)).toBe(response);
      expect(server.requests).toHaveLength(1);
    }
  });

  it.each([408, 429, 500, 502, 503, 504, 599])('of status %d are failures, which a retry repeats', async (status) => {
    const server = serverOf(answer(status), answer(status), answer(200));
    const response = await resilientFetch(atOnce(), server.fetch)(URL_);
    expect(await response.text()).toBe('status 200');
    expect(server.requests).toHaveLength(3);
  });

  it('the last answer goes to the caller when the policy gives up on it, its body unread', async () => {
    const server = serverOf(answer(503), answer(503), answer(500));
    const response = await resilientFetch(atOnce(), server.fetch)(URL_);
    expect([response.status, response.bodyUsed, await response.text()]).toEqual([500, false, 'status 500']);
  });

  it('are failures when isFailure says so', async () => {
    const isFailure = ({ status }: Response): boolean => status === 404;
    const server = serverOf(answer(404), answer(500));
    expect((await resilientFetch(atOnce(), server.fetch, { isFailure })(URL_)).status).toBe(500);
    expect(server.requests).toHaveLength(2);
  });

  it('are seen by policies as errors with the answer, a code and a hint', async () => {
    const events: RetryEvent[] = [];
    const busy = answer(503, { 'Retry-After': '0' });
    const server = serverOf(busy, answer(200));
    await resilientFetch(
      atOnce(3, (event) => events.push(event)),
      server.fetch,
    )(URL_);
    const { error } = events[0] as { error: FetchFailedError };
    expect(error).toBeInstanceOf(FetchFailedError);
    expect(error).toMatchObject({ code: 'ERR_FETCH_FAILED', name: 'FetchFailedError', retryAfterMs: 0 });
    expect(error.message).toBe('the server answered with status 503');
    expect(error.stack ?? '').not.toContain('\n    at '); // it costs more than the rest of the error
    expect(error.response).toBe(busy);
    expect(isRejection(error)).toBe(false);
  });

  it('failed answers open a circuit, which then turns requests away', async () => {
    const breaker = createCircuitBreaker({ trip: consecutiveFailures(2), openDurationMs: 1_000 });
    const server = serverOf(answer(500));
    const get = resilientFetch(breaker, server.fetch);
    expect([(await get(URL_)).status, (await get(URL_)).status]).toEqual([500, 500]);
    await expect(get(URL_)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    expect(server.requests).toHaveLength(2);
  });

  it('of a fallback come through, and the failed ones are let go', async () => {
    const stored = answer(200);
    const failed = answer(500);
    const get = resilientFetch(
      pipeline(
        fallback(() => stored),
        atOnce(1),
      ),
      serverOf(failed).fetch,
    );
    expect(await get(URL_)).toBe(stored);
    await expect(failed.body!.getReader().read()).resolves.toMatchObject({ done: true });
  });
});

describe('errors', () => {
  it('an error of fetch comes through unchanged', async () => {
    const failure = new TypeError('fetch failed');
    const server = serverOf(failure);
    await expect(resilientFetch(atOnce(), server.fetch)(URL_)).rejects.toBe(failure);
    expect(server.requests).toHaveLength(3);
  });

  it('of fetch come through unchanged when the request must not be repeated', async () => {
    const failure = new TypeError('fetch failed');
    const server = serverOf(failure);
    const events: RetryEvent[] = [];
    const get = resilientFetch(
      atOnce(3, (event) => events.push(event)),
      server.fetch,
    );
    await expect(get(URL_, { method: 'POST' })).rejects.toBe(failure);
    expect(server.requests).toHaveLength(1);
    expect(events).toMatchObject([
      {
        type: 'give-up',
        reason: 'retry-after',
        error: { message: 'the request must not be repeated', retryAfterMs: Infinity, cause: failure },
      },
    ]);
  });
});

describe('hints of the server', () => {
  const NOW = Date.UTC(1994, 10, 6, 8, 49, 0);

  it.each([
    [{ 'Retry-After': '7' }, 7_000],
    [{ 'Retry-After': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 37_000],
    [{ 'Retry-After': '7', RateLimit: '"a";r=0;t=9' }, 7_000],
    [{ 'Retry-After': 'soon', RateLimit: '"a";r=0;t=9' }, 9_000],
    [{ RateLimit: '"a";r=0;t=9' }, 9_000],
    [{ RateLimit: '"a";t=9;r=0' }, 9_000],
    [{ RateLimit: '"a"; r=0; t=9 ' }, 9_000],
    [{ RateLimit: '"a";r=0;t=0' }, 0],
    [{ RateLimit: '"a";r=5;r=0;t=9' }, 9_000],
    [{ RateLimit: '"a";r=0;t=9;xt=5;xr=1' }, 9_000],
    [{ RateLimit: '"a";r=0;t=9;t' }, undefined],
    [{ RateLimit: '"a";r=0;t=9;r' }, undefined],
    [{ RateLimit: '"a";r=5;t=90, "b";r=0;t=9, "c";r=0;t=8;pk=:MTI7cj0x:' }, 9_000],
    [{ RateLimit: String.raw`"a,\";r=0;t=99";r=0;t=9` }, 9_000],
    [{ RateLimit: '"a";pk=:cj0w:;r=0;acme-x=1;t=9' }, 9_000],
    [{ RateLimit: '"a";r=1;t=9' }, undefined],
    [{ RateLimit: '"a";r=0' }, undefined],
    [{ RateLimit: '"a";r=0;t=-9' }, undefined],
    [{ RateLimit: '"a";r=0;t=9.5' }, undefined],
    [{ RateLimit: '"a";r=0.0;t=9' }, undefined],
    [{ RateLimit: '"a";r=0;t="9"' }, undefined],
    [{ RateLimit: '"a;r=0;t=9' }, undefined],
    [{ RateLimit: '' }, undefined],
    [{ RateLimit: 'limit=10, remaining=0, reset=9' }, undefined],
    [{}, undefined],
  ])('of %j are %s ms', async (headers, expected) => {
    const failures: unknown[] = [];
    const policy = {
      run: (op: never) =>
        atOnce(1)
          .run(op)
          .catch((error: unknown) => Promise.reject((failures.push(error), error))),
    };
    const clock = { epochMs: () => NOW };
    await resilientFetch(policy as Policy, serverOf(answer(429, headers as Record<string, string>)).fetch, { clock })(
      URL_,
    );
    expect(failures).toMatchObject([{ retryAfterMs: expected }]);
  });

  it('a wait that the server asks for is kept to the millisecond', async () => {
    const clock = createVirtualClock();
    const startsMs: number[] = [];
    const server = serverOf(
      answer(429, { 'Retry-After': '3' }),
      answer(503, { RateLimit: '"a";r=0;t=2' }),
      answer(200),
    );
    const timed: FetchLike = (input, init) => {
      startsMs.push(clock.now());
      return server.fetch(input, init);
    };
    const call = resilientFetch(retry({ clock }), timed)(URL_);
    await clock.advance(10_000);
    expect((await call).status).toBe(200);
    expect(startsMs).toEqual([0, 3_000, 5_000]);
  });

  it('an answer that asks for too long a wait goes to the caller at once', async () => {
    const clock = createVirtualClock();
    const server = serverOf(answer(429, { 'Retry-After': '61' }));
    expect((await resilientFetch(retry({ clock }), server.fetch)(URL_)).status).toBe(429);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('callbacks and options', () => {
  it.each([
    ['policy', () => resilientFetch({} as Policy, serverOf(answer(200)).fetch), 'policy must be a policy'],
    ['policy', () => resilientFetch(undefined as never, serverOf(answer(200)).fetch), 'policy must be a policy'],
    ['fetch', () => resilientFetch(atOnce(), undefined as never), 'fetch must be a function, got undefined'],
    [
      'isFailure',
      () => resilientFetch(atOnce(), fetch, { isFailure: null as never }),
      'isFailure must be a function, got null',
    ],
    [
      'isRepeatable',
      () => resilientFetch(atOnce(), fetch, { isRepeatable: [] as never }),
      'isRepeatable must be a function',
    ],
  ])('refuse a bad %s', (_, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it('that throw are reported, and take no answer for a failure and no request for repeatable', async () => {
    const reports = collectReports();
    const fail = (): never => {
      throw new Error('broken');
    };
    const server = serverOf(answer(500), answer(200));
    expect((await resilientFetch(atOnce(), server.fetch, { isFailure: fail })(URL_)).status).toBe(500);
    const other = serverOf(answer(500), answer(200));
    expect((await resilientFetch(atOnce(), other.fetch, { isRepeatable: fail })(URL_)).status).toBe(500);
    expect([server.requests.length, other.requests.length]).toEqual([1, 1]);
    expect(reports).toEqual([new Error('broken'), new Error('broken')]);
  });

  it('reject, as fetch does, what is no request', async () => {
    const get = resilientFetch(atOnce(), serverOf(answer(200)).fetch);
    await expect(get(URL_, { headers: { 'bad name': 'x' } })).rejects.toThrow(TypeError);
  });
});
