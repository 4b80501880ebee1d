import { createRateLimiter } from '../../src/rate-limit/index.ts';
import type { RateLimiter, RateLimiterOptions, RateLimitPolicy } from '../../src/rate-limit/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';

export interface Setup {
  readonly limiter: RateLimiter;
  readonly clock: VirtualClock;
}

/** A limiter on a clock that stands still, with a seed of its own. */
export function setup(policy: RateLimitPolicy | readonly RateLimitPolicy[], options: RateLimiterOptions = {}): Setup {
  const clock = createVirtualClock();
  return { clock, limiter: createRateLimiter(policy, { clock, random: createSeededRandom(1), ...options }) };
}

/** How many of `asked` single units are let through now. */
export function admitted(limiter: RateLimiter, asked: number, key = 'key'): number {
  let count = 0;
  for (let k = 0; k < asked; k++) if (limiter.tryAcquire(key)) count++;
  return count;
}
