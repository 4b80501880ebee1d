import { describe, expect, it } from 'vitest';
import { withRateLimit } from '../../src/http/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimiter } from '../../src/rate-limit/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { collectReports } from '../policy/kit.ts';
import { flush } from '../support/gate.ts';
import { byUser, hello, PROBLEM, remote, request, threeAtOnce } from './guard-kit.ts';

const policy = tokenBucket({ limit: 1, periodMs: 1_000, burst: 3, name: 'api' });

interface Outcome {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly rateLimit: string | null;
  readonly violated: readonly string[] | undefined;
}

/** What a client is told while Redis rejects every command. */
async function answersWith(
  onStoreError: 'allow' | 'deny' | RateLimiter,
  refund?: (status: number) => boolean,
): Promise<Outcome[]> {
  const down = (): Promise<never> => Promise.reject(new Error('connect ECONNREFUSED'));
  await using limiter = redisRateLimiter(down, policy, { onStoreError, clock: createVirtualClock() });
  const handle = withRateLimit(limiter, byUser({ refund }))(() => new Response('hello'));
  const outcomes: Outcome[] = [];
  for (let k = 0; k < 3; k++) {
    const { status, headers, body } = await handle(request('a'));
    const problem = status === 200 ? undefined : ((await new Response(body).json()) as Record<string, unknown>);
    outcomes.push({
      status,
      retryAfter: headers.get('Retry-After'),
      rateLimit: headers.get('RateLimit'),
      violated: problem?.['violated-policies'] as readonly string[] | undefined,
    });
  }
  return outcomes;
}

describe.each([
  ['without refunds', undefined],
  ['with refunds', () => false],
] as const)('while Redis is down, a guard %s', (_, refund) => {
  it('lets everything pass where the limiter allows it', async () => {
    expect((await answersWith('allow', refund)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('answers 503, with a time, where the limiter denies', async () => {
    for (const { status, retryAfter, violated } of await answersWith('deny', refund)) {
      expect([status, violated]).toEqual([503, []]);
      expect(retryAfter).toMatch(/^[1-9]\d*$/);
    }
  });

  it('answers by a limiter of this process where there is one', async () => {
    const local = createRateLimiter(tokenBucket({ limit: 1, periodMs: 2_000, name: 'local' }), {
      clock: createVirtualClock(),
    });
    expect(await answersWith(local, refund)).toEqual([
      { status: 200, retryAfter: null, rateLimit: '"local";r=0;t=2', violated: undefined },
      { status: 429, retryAfter: '2', rateLimit: '"local";r=0;t=2', violated: ['local'] },
      { status: 429, retryAfter: '2', rateLimit: '"local";r=0;t=2', violated: ['local'] },
    ]);
  });
});

describe('a limiter that cannot ask its store', () => {
  it('a limiter that denies because it cannot ask its store is answered with 503', async () => {
    const { limiter } = threeAtOnce();
    const denied = { ...limiter.peek('a'), allowed: false, violated: [], remaining: 0, retryAfterMs: 1_500 };
    const broken = { ...remote(limiter), consume: async () => ({ ...denied, source: 'fallback' as const }) };
    const response = await withRateLimit(broken, byUser())(hello)(request('a'));
    expect([response.status, response.headers.get('Retry-After')]).toEqual([503, '2']);
    expect(await response.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      title: 'Temporary Reduced Capacity',
      status: 503,
      'violated-policies': [],
    });
  });

  it('may have policies of its own, which are told with their names', async () => {
    const { limiter } = threeAtOnce();
    const local = createRateLimiter(tokenBucket({ limit: 5, periodMs: 1_000, name: 'local' }), {
      clock: createVirtualClock(),
    });
    const standIn = { ...remote(local), policies: limiter.policies };
    const { headers } = await withRateLimit(standIn, byUser())(hello)(request('a'));
    expect(headers.get('RateLimit-Policy')).toBe('"api";q=1;w=1, "local";q=5');
    expect(headers.get('RateLimit')).toBe('"local";r=4;t=1');
    const foreign = createRateLimiter(tokenBucket({ limit: 5, periodMs: 1_000, name: 'örtlich' }));
    const unspeakable = { ...remote(foreign), policies: limiter.policies };
    const response = await withRateLimit(unspeakable, byUser())(hello)(request('a'));
    expect([response.status, response.headers.get('RateLimit-Policy')]).toEqual([200, '"api";q=1;w=1']);
    expect(response.headers.get('RateLimit')).toBeNull();
  });

  it('a limiter that throws rejects the request, and the handler is not called', async () => {
    const broken = { ...remote(threeAtOnce().limiter), consume: () => Promise.reject(new Error('store is down')) };
    const handle = withRateLimit(broken, byUser())(() => expect.unreachable('not called'));
    await expect(handle(request('a'))).rejects.toThrow('store is down');
  });

  it('refuses a request between a reservation that failed and units that came back since', async () => {
    const { limiter } = threeAtOnce();
    const racing = { ...remote(limiter), reserve: async () => undefined };
    const response = await withRateLimit(racing, byUser({ refund: () => false }))(hello)(request('a'));
    expect([response.status, response.headers.get('Retry-After')]).toEqual([429, '1']);
    expect(await response.json()).toEqual(PROBLEM);
  });

  it('a refund that the store does not take is reported and changes nothing', async () => {
    const reports = collectReports();
    const { limiter } = threeAtOnce();
    const failing = remote(limiter);
    const broken = {
      ...failing,
      reserve: async (key?: string) => ({
        ...(await failing.reserve(key))!,
        cancel: () => Promise.reject(new Error('store is down')),
      }),
    };
    const response = await withRateLimit(broken, byUser({ refund: () => true }))(hello)(request('a'));
    await flush();
    expect([response.status, reports]).toEqual([200, [new Error('store is down')]]);
  });
});
