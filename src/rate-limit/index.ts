export { createRateLimiter } from './rate-limiter.ts';
export type { RateLimiterOptions } from './rate-limiter.ts';
export type { RateLimitPolicyOptions } from './define-policy.ts';
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
  PolicyFields,
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
export { createRateQueue } from './rate-queue.ts';
export type { RateQueue, RateQueueOptions, RateQueueWait } from './rate-queue.ts';
export { createConcurrencyLimiter } from './concurrency-limiter.ts';
export type {
  ConcurrencyLimiter,
  ConcurrencyLimiterOptions,
  Permit,
  PermitOptions,
  PermitOutcome,
} from './concurrency-limiter.ts';
export type { AdaptiveLimitOptions, LimitAlgorithm } from './limit-algorithm.ts';
export { bbrLimit } from './bbr-limit.ts';
export type { BbrLimitOptions } from './bbr-limit.ts';
export { aimdLimit } from './aimd-limit.ts';
export type { AimdLimitOptions } from './aimd-limit.ts';
export { vegasLimit } from './vegas-limit.ts';
export type { VegasLimitOptions } from './vegas-limit.ts';
export { gradientLimit } from './gradient-limit.ts';
export type { GradientLimitOptions } from './gradient-limit.ts';
export type { ProbingLimitOptions } from './probing-limit.ts';
export { createAdaptiveThrottle } from './adaptive-throttle.ts';
export type { AdaptiveThrottle, AdaptiveThrottleOptions } from './adaptive-throttle.ts';
export { asPolicy } from './as-policy.ts';
export type { LimiterPolicyOptions, ThrottlePolicyOptions } from './as-policy.ts';
export type { CallContext, Operation, Outcome, Policy, RunOptions } from '../core/policy.ts';
export { RateLimitError } from './errors.ts';
export type { RateLimitErrorCode } from './errors.ts';
export type { Clock, TimerHandle } from '../core/clock.ts';
export type { Random } from '../core/random.ts';
