import { context, metrics, trace } from '@opentelemetry/api';
import client from 'prom-client';
import { createCache } from '../../src/cache/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import {
  countDecisions,
  countEvents,
  observeBulkhead,
  observeCache,
  observeCircuitBreaker,
  observePool,
  observeSingleflight,
  promMeter,
  tracePolicy,
} from '../../src/otel/index.ts';
import type { Meter, Observation, Tracer } from '../../src/otel/index.ts';
import { pipeline, retry } from '../../src/policy/index.ts';
import type { Policy } from '../../src/policy/index.ts';
import { createKeyedPool, createPool } from '../../src/pool/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import type { StoredRateLimitDecision } from '../../src/rate-limit/index.ts';
import { createSagaRunner, memorySagaStore, saga } from '../../src/saga/index.ts';
import { createSingleflight } from '../../src/singleflight/index.ts';

const name = 'one';
const meter = metrics.getMeter('test');
const tracer = trace.getTracer('test');
meter satisfies Meter;
tracer satisfies Tracer;
promMeter(client, new client.Registry()) satisfies Meter;

const circuit = createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 1 });
observeCircuitBreaker(meter, circuit) satisfies Observation;
observeCircuitBreaker(promMeter(client), circuit, { name }) satisfies Disposable;
observePool(meter, createPool({ create: () => ({ query: '' }) }));
observePool(meter, createKeyedPool({ create: (key: string) => ({ key }) }), { name });
observeCache(meter, createCache<{ id: number }, Date>({ maxEntries: 1 }), { name });
observeSingleflight(meter, createSingleflight<number, string>(), { name });
retry({ onEvent: countEvents(meter, 'retry', { name }) });
createSagaRunner({ store: memorySagaStore(), sagas: [saga('a')], onEvent: countEvents(meter, 'saga', { name }) });
const onDecision = countDecisions(meter, { name });
createRateLimiter(tokenBucket({ limit: 1, periodMs: 1 }), { onDecision });
declare const decision: StoredRateLimitDecision;
onDecision('key', decision);
onDecision satisfies Disposable;
pipeline(tracePolicy(tracer, { name, context }), retry()) satisfies Policy;

// @ts-expect-error a tracer is no meter
observeCircuitBreaker(tracer, circuit);
// @ts-expect-error a cache has no name of its own
observeCache(meter, createCache({ maxEntries: 1 }));
// @ts-expect-error no such kind
countEvents(meter, 'cache', { name });
// @ts-expect-error a pool is no bulkhead
observeBulkhead(meter, createPool({ create: () => 1 }), { name });
// @ts-expect-error the name is required
tracePolicy(tracer, {});
// @ts-expect-error a meter is no tracer
tracePolicy(meter, { name });
// @ts-expect-error a registry is not prom-client
promMeter(new client.Registry());
