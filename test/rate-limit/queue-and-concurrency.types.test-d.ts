/*
 * Compiled by `tsc`, never run: what must compile does, and each line under an expectation of an
 * error is one that must not.
 */
import { pipeline } from '../../src/policy/index.ts';
import type { LimitAlgorithm, Permit, Policy, RateLimiter, StoredRateLimiter } from '../../src/rate-limit/index.ts';
import {
  aimdLimit,
  asPolicy,
  bbrLimit,
  createAdaptiveThrottle,
  createConcurrencyLimiter,
  createRateQueue,
  gradientLimit,
  tokenBucket,
  vegasLimit,
} from '../../src/rate-limit/index.ts';

declare const local: RateLimiter;
declare const stored: StoredRateLimiter;
declare const signal: AbortSignal | undefined;
const bucket = tokenBucket({ limit: 1, periodMs: 1 });

export const queue = createRateQueue([bucket, bucket], { maxQueue: Infinity, fair: true });
export const turn: Promise<void> = queue.acquire({ cost: 2, lane: 'a', signal, maxWaitMs: undefined });
export const answer: Promise<number> = queue.run(async () => 1, { signal });
export const limits: LimitAlgorithm[] = [
  bbrLimit(),
  aimdLimit(),
  vegasLimit({ max: 9 }),
  gradientLimit({ tolerance: 2 }),
];
export const shorter: LimitAlgorithm = { limit: 1, sample: (rttMs) => void rttMs };
export const limiter = createConcurrencyLimiter({ limit: bbrLimit() });
export const permit: Promise<Permit> = limiter.acquire({ signal });
export const composed: Policy = pipeline(limiter, asPolicy(local), asPolicy(stored, { key: 'a', cost: () => 2 }));
export const text: Promise<string> = composed.run(() => 'text');
export const held: Policy = asPolicy(createAdaptiveThrottle(), { isAccepted: (error) => error instanceof Error });

export async function using(): Promise<void> {
  using one = await limiter.acquire();
  one.release('dropped');
  using closing = createRateQueue(bucket);
  await closing.acquire();
}

export function misuse(): void {
  // @ts-expect-error a queue needs a policy
  createRateQueue();
  // @ts-expect-error which is made by a factory
  createRateQueue({ limit: 10, periodMs: 1000 });
  // @ts-expect-error a wait takes no priority
  void queue.acquire({ priority: 1 });
  // @ts-expect-error a limit is needed
  createConcurrencyLimiter({});
  // @ts-expect-error and is no text
  createConcurrencyLimiter({ limit: 'bbr' });
  // @ts-expect-error an outcome is one of three words
  limiter.tryAcquire()?.release('failed');
  // @ts-expect-error tryAcquire may answer nothing
  limiter.tryAcquire().release();
  // @ts-expect-error options of one algorithm are not those of another
  bbrLimit({ tolerance: 2 });
  // @ts-expect-error a throttle has no keys
  asPolicy(createAdaptiveThrottle(), { key: 'a' });
  // @ts-expect-error a limiter is told of no acceptance
  asPolicy(local, { isAccepted: () => true });
}
