export {
  observeBulkhead,
  observeCache,
  observeCircuitBreaker,
  observeConcurrencyLimiter,
  observeRateLimiter,
  observeRateQueue,
  observeSingleflight,
  observeThrottle,
} from './observe.ts';
export { observePool } from './observe-pool.ts';
export type { ObservePoolOptions } from './observe-pool.ts';
export type { NamedOptions, Observation, ObserveOptions } from './observation.ts';
export { countDecisions, countEvents } from './count-events.ts';
export type { CountedDecision, CountedKind, CountingListener } from './count-events.ts';
export { tracePolicy } from './trace-policy.ts';
export type { ContextManager, Span, SpanOptions, TracePolicyOptions, Tracer } from './trace-policy.ts';
export { promMeter } from './prom-meter.ts';
export type { PromClient, PromHistogram, PromNumber, PromRegistry } from './prom-meter.ts';
export type { Attributes, Histogram, InstrumentOptions, Meter, Observable, ObservableResult } from './meter.ts';
