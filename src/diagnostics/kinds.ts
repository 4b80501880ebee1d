import type { OutlierEvent } from '../balance/outlier-detector.ts';
import type { RemovalCause } from '../cache/cache-options.ts';
import type { CircuitBreakerEvent } from '../circuit-breaker/circuit-breaker.ts';
import type { SharedCircuitEvent } from '../circuit-breaker/shared.ts';
import type { BulkheadEvent } from '../policy/bulkhead.ts';
import type { ChaosEvent } from '../policy/chaos.ts';
import type { FallbackEvent } from '../policy/fallback.ts';
import type { HedgeEvent } from '../policy/hedge.ts';
import type { RetryEvent } from '../policy/retry.ts';
import type { TimeoutEvent } from '../policy/timeout.ts';
import type { PoolEvent } from '../pool/pool-types.ts';
import type { RateLimitDecision } from '../rate-limit/rate-limit-policy.ts';
import type { StoredRateLimitEvent } from '../rate-limit/stored-options.ts';
import type { OutboxRelayEvent } from '../saga/outbox-relay.ts';
import type { SagaEvent } from '../saga/saga-runner.ts';
import type { WorkerLeaseEvent } from '../snowflake/lease.ts';

/** A limiter has decided about a key. */
export interface RateLimitEvent {
  readonly type: 'decision';
  readonly key: string;
  readonly decision: RateLimitDecision;
}

/** A value has left a cache, or a load that nobody waited for has failed. Values are not passed on, keys are. */
export type CacheEvent =
  | { readonly type: 'removed'; readonly key: unknown; readonly cause: RemovalCause }
  | { readonly type: 'load-failed'; readonly key: unknown; readonly error: unknown };

/** The events of each kind of primitive. The channel of a kind is called `holdfast:` and the kind. */
export interface DiagnosticEvents {
  readonly 'circuit-breaker': CircuitBreakerEvent;
  readonly 'shared-circuit': SharedCircuitEvent;
  readonly bulkhead: BulkheadEvent;
  readonly chaos: ChaosEvent;
  readonly fallback: FallbackEvent;
  readonly hedge: HedgeEvent;
  readonly retry: RetryEvent;
  readonly timeout: TimeoutEvent;
  readonly 'rate-limit': RateLimitEvent;
  /** Limits over Redis or PostgreSQL: how the store does. */
  readonly 'rate-limit-store': StoredRateLimitEvent;
  readonly pool: PoolEvent<unknown>;
  readonly outlier: OutlierEvent;
  readonly cache: CacheEvent;
  readonly saga: SagaEvent;
  readonly outbox: OutboxRelayEvent;
  readonly 'worker-lease': WorkerLeaseEvent;
}

/** A kind of primitive that has events. */
export type DiagnosticKind = keyof DiagnosticEvents;

/** What is published on the channel of a kind. */
export interface DiagnosticMessage<K extends DiagnosticKind = DiagnosticKind> {
  /** Which of the primitives of its kind it was: the option `name` of {@link publishEvents}. */
  readonly name: string;
  /** The event, the very object that a listener is given. */
  readonly event: DiagnosticEvents[K];
}

/** All kinds, for the check of a kind. The type makes a missing one an error. */
export function isKind(kind: unknown): boolean {
  const kinds: Readonly<Record<DiagnosticKind, 1>> = {
    'circuit-breaker': 1,
    'shared-circuit': 1,
    bulkhead: 1,
    chaos: 1,
    fallback: 1,
    hedge: 1,
    retry: 1,
    timeout: 1,
    'rate-limit': 1,
    'rate-limit-store': 1,
    pool: 1,
    outlier: 1,
    cache: 1,
    saga: 1,
    outbox: 1,
    'worker-lease': 1,
  };
  return Object.hasOwn(kinds, kind as string);
}
