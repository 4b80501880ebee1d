export {
  consecutiveFailures,
  countWindow,
  createBreakerRegistry,
  createCircuitBreaker,
  CircuitOpenError,
  timeWindow,
} from './circuit-breaker/index.ts';
export type * from './circuit-breaker/index.ts';
export {
  BulkheadRejectedError,
  chaos,
  constantBackoff,
  createBulkhead,
  createRetryBudget,
  createTokenThrottle,
  exponentialBackoff,
  fallback,
  hedge,
  isRejection,
  parseRetryAfter,
  pipeline,
  retry,
  timeout,
  TimeoutError,
} from './policy/index.ts';
export type * from './policy/index.ts';
export { systemClock } from './core/clock.ts';
export type { Clock, TimerHandle } from './core/clock.ts';
export { HoldfastError, isHoldfastError } from './core/errors.ts';
export type { ErrorCode, HoldfastErrorOptions } from './core/errors.ts';
export type { Random } from './core/random.ts';
