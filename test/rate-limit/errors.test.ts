import { describe, expect, it } from 'vitest';
import type { LimitAlgorithm, RateLimiter, RateLimitPolicy } from '../../src/rate-limit/index.ts';
import {
  aimdLimit,
  asPolicy,
  createAdaptiveThrottle,
  createConcurrencyLimiter,
  createRateLimiter,
  RateLimitError,
  tokenBucket,
} from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

const orders = tokenBucket({ limit: 2, periodMs: 1000, name: 'orders' });

/** What `call` rejects with. */
async function failure(call: Promise<unknown>): Promise<RateLimitError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RateLimitError);
  return error as RateLimitError;
}

describe('a refusal', () => {
  it('is a RateLimitError by name, and says in words what the matter is', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter(orders, { clock });
    const throttle = createAdaptiveThrottle({ clock, random: () => 0 });
    throttle.tryStart();
    const permits = createConcurrencyLimiter({ limit: 1, maxQueue: 1, clock });
    permits.tryAcquire();
    const late = failure(permits.acquire({ maxWaitMs: 10 }));
    const errors = [
      await failure(asPolicy(limiter, { cost: 3 }).run(() => 1)),
      await failure(asPolicy(throttle).run(() => 1)),
      await failure(permits.acquire()),
      await failure(permits.run(() => 1)),
      (await clock.advance(10), await late),
    ];
    limiter.tryAcquire('', 2);
    errors.push(await failure(asPolicy(limiter).run(() => 1)));
    expect(errors.map(String)).toEqual(
      [
        'costs more than rate limit orders ever allows',
        'held back: the dependency is overloaded',
        'every permit and every queue place is taken',
        'every permit and every queue place is taken',
        'no permit became free in time',
        'rate limit orders reached',
      ].map((message) => `RateLimitError: ${message}`),
    );
  });
});

it.each<readonly [() => unknown, string]>([
  [() => createConcurrencyLimiter({ limit: 'ten' as never }), 'limit must be a number or a limit algorithm, got "ten"'],
  [
    () => createConcurrencyLimiter({ limit: {} as LimitAlgorithm }),
    'limit must be a number or a limit algorithm, got ',
  ],
  [() => aimdLimit({ backoffRatio: 1 }), 'backoffRatio must be a share below 1, got 1'],
  [() => asPolicy(1 as never), 'limiter must be a rate limiter or a throttle, got 1'],
  [() => asPolicy({} as RateLimiter), 'limiter must be a rate limiter or a throttle, got '],
  [() => asPolicy(createAdaptiveThrottle(), { isAccepted: 1 as never }), 'isAccepted must be a function, got 1'],
  [
    () => createRateLimiter({ kind: 'token-bucket' } as RateLimitPolicy),
    'policies must be made by tokenBucket, fixedWindow, slidingWindow or slidingLog, got ',
  ],
])('a bad option is refused with its name, the rule and the value: %#', (make, message) => {
  expect(make).toThrow(message);
});

it('every method without a key means the key of no characters', () => {
  const limiter = createRateLimiter(orders, { clock: createVirtualClock() });
  const reservation = limiter.reserve()!;
  limiter.consume();
  expect([limiter.tryAcquire(), limiter.tryAcquire(''), limiter.peek('', 0).remaining]).toEqual([false, false, 0]);
  reservation.cancel();
  expect([limiter.peek().allowed, limiter.peek('').allowed, limiter.size]).toEqual([true, true, 1]);
  limiter.reset();
  expect(limiter.size).toBe(0);
});
