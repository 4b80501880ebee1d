import { describe, expect, it } from 'vitest';
import { withRateLimit } from '../../src/http/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimiter } from '../../src/rate-limit/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { byUser, request } from './guard-kit.ts';

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
