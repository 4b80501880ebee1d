// Compiled by `npm run check`, never run: what must compile does, what must not is expected to fail.
import {
  createRateLimiter,
  fixedWindow,
  gcra,
  leakyBucket,
  slidingLog,
  slidingWindow,
  tokenBucket,
} from '../../src/rate-limit/index.ts';
import type {
  FixedWindowPolicy,
  RateLimitDecision,
  RateLimiter,
  RateLimitPolicy,
  Reservation,
  SlidingLogPolicy,
  SlidingWindowPolicy,
  TokenBucketPolicy,
} from '../../src/rate-limit/index.ts';

/** Compiles only where the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? A : never;
declare function expectType<T>(): { is<V>(value: Same<V, T>): void };

const policy = tokenBucket({ limit: 1, periodMs: 1 });
const limiter = createRateLimiter(policy);

expectType<TokenBucketPolicy>().is(policy);
expectType<TokenBucketPolicy>().is(gcra({ limit: 1, periodMs: 1, burst: 2, initial: 0, name: 'a' }));
expectType<TokenBucketPolicy>().is(leakyBucket({ limit: 1, periodMs: 1 }));
expectType<FixedWindowPolicy>().is(fixedWindow({ limit: 1, windowMs: 1, align: 'epoch' }));
expectType<SlidingWindowPolicy>().is(slidingWindow({ limit: 1, windowMs: 1 }));
expectType<SlidingLogPolicy>().is(slidingLog({ limit: 1, windowMs: 1, maxEntries: 1 }));
expectType<RateLimiter>().is(createRateLimiter([policy, slidingLog({ limit: 1, windowMs: 1 })] as const));
expectType<boolean>().is(limiter.tryAcquire());
expectType<RateLimitDecision>().is(limiter.consume('key', 2));
expectType<RateLimitDecision>().is(limiter.peek('key', 2));
expectType<Reservation | undefined>().is(limiter.reserve('key', 2));
expectType<readonly RateLimitPolicy[]>().is(limiter.policies);
createRateLimiter(policy, { maxKeys: 1, overflow: 'deny', shadow: true, random: Math.random });
createRateLimiter(policy, { clock: performance as never, onDecision: (_key: string, { allowed }) => allowed });
expectType<'token-bucket' | 'fixed-window' | 'sliding-window' | 'sliding-log'>().is(limiter.policies[0]!.kind);

// @ts-expect-error A bucket has a period, not a window.
tokenBucket({ limit: 1, windowMs: 1 });
// @ts-expect-error A limit has no default.
fixedWindow({ windowMs: 1 });
// @ts-expect-error There is no such alignment.
fixedWindow({ limit: 1, windowMs: 1, align: 'last' });
// @ts-expect-error Only a log has entries.
slidingWindow({ limit: 1, windowMs: 1, maxEntries: 1 });
// @ts-expect-error A limiter has a policy.
createRateLimiter();
// @ts-expect-error There is no such overflow.
createRateLimiter(policy, { overflow: 'evict' });
// @ts-expect-error A clock has two readings.
createRateLimiter(policy, { clock: { now: () => 0 } });
// @ts-expect-error Keys are text.
limiter.tryAcquire(1);
// @ts-expect-error A reservation may have been refused.
limiter.reserve('key').settle(1);
// @ts-expect-error Policies are not to be changed.
policy.limit = 2;
// @ts-expect-error Nor is the list of them.
limiter.policies.push(policy);
