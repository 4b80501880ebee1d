export { createRateLimiter } from './rate-limiter.ts';
export type { RateLimiterOptions } from './rate-limiter.ts';
export { tokenBucket, tokenBucket as gcra, tokenBucket as leakyBucket } from './token-bucket.ts';
export type { TokenBucketOptions } from './token-bucket.ts';
export { fixedWindow } from './fixed-window.ts';
export type { FixedWindowOptions } from './fixed-window.ts';
export { slidingWindow } from './sliding-window.ts';
export type { SlidingWindowOptions } from './sliding-window.ts';
export { slidingLog } from './sliding-log.ts';
export type { SlidingLogOptions } from './sliding-log.ts';
export type {
  FixedWindowPolicy,
  RateLimitDecision,
  RateLimiter,
  RateLimitPolicy,
  Reservation,
  SlidingLogPolicy,
  SlidingWindowPolicy,
  StoredRateLimitDecision,
  StoredRateLimiter,
  StoredReservation,
  TokenBucketPolicy,
} from './rate-limit-policy.ts';
export { RateLimitError } from './errors.ts';
export type { RateLimitErrorCode } from './errors.ts';
export type { Clock, TimerHandle } from '../core/clock.ts';
