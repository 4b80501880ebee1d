import { AggregationTemporality, DataPointType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import type { MetricData } from '@opentelemetry/sdk-metrics';
import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import {
  countDecisions,
  countEvents,
  observeBulkhead,
  observeCache,
  observeCircuitBreaker,
  observePool,
} from '../../src/otel/index.ts';
import type { Meter } from '../../src/otel/index.ts';
import { createBulkhead } from '../../src/policy/index.ts';
import { createPool } from '../../src/pool/index.ts';
import { createRateLimiter, tokenBucket } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { gate } from '../support/gate.ts';

/** A reader that collects when it is asked to. */
class HandReader extends MetricReader {
  constructor(temporality: AggregationTemporality) {
    super({ aggregationTemporalitySelector: () => temporality });
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}

interface Sdk extends AsyncDisposable {
  readonly meter: Meter;
  readonly provider: MeterProvider;
  /** Metrics by name, from the reader of this temporality. */
  collect(temporality?: AggregationTemporality): Promise<Map<string, MetricData>>;
}

function sdk(): Sdk {
  const readers = new Map(
    [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA].map((one) => [one, new HandReader(one)]),
  );
  const provider = new MeterProvider({ readers: [...readers.values()] });
  return {
    provider,
    meter: provider.getMeter('test'),
    async collect(temporality = AggregationTemporality.CUMULATIVE) {
      const { resourceMetrics, errors } = await readers.get(temporality)!.collect();
      expect(errors).toEqual([]);
      const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
      return new Map(all.map((metric) => [metric.descriptor.name, metric]));
    },
    [Symbol.asyncDispose]: () => provider.shutdown(),
  };
}

/** Values of a metric by the values of its attributes. */
function pointsOf(metrics: Map<string, MetricData>, name: string): Record<string, unknown> {
  const points = metrics.get(name)?.dataPoints ?? [];
  return Object.fromEntries(points.map(({ attributes, value }) => [Object.values(attributes).join(','), value]));
}

const fail = (): never => {
  throw new Error('down');
};

describe('metrics of the OpenTelemetry SDK', () => {
  it('the SDK says of names, units, attributes and values what the conventions and stats() do', async () => {
    await using otel = sdk();
    const clock = createVirtualClock();
    const pool = createPool({ create: () => ({}), max: 2, name: 'orders', clock });
    observePool(otel.meter, pool);
    const lease = await pool.acquire();
    await clock.advance(200);
    lease.release();
    await pool.acquire();
    const metrics = await otel.collect();
    const described = [...metrics].map(([name, { descriptor, dataPointType }]) => [
      name,
      descriptor.unit,
      dataPointType,
    ]);
    expect(described.filter(([name]) => String(name).startsWith('db.'))).toEqual([
      ['db.client.connection.count', '{connection}', DataPointType.SUM],
      ['db.client.connection.max', '{connection}', DataPointType.SUM],
      ['db.client.connection.idle.min', '{connection}', DataPointType.SUM],
      ['db.client.connection.pending_requests', '{request}', DataPointType.SUM],
      ['db.client.connection.timeouts', '{timeout}', DataPointType.SUM],
      ['db.client.connection.create_time', 's', DataPointType.HISTOGRAM],
      ['db.client.connection.wait_time', 's', DataPointType.HISTOGRAM],
      ['db.client.connection.use_time', 's', DataPointType.HISTOGRAM],
    ]);
    expect(
      metrics.get('db.client.connection.count')!.dataPoints.map(({ attributes, value }) => [attributes, value]),
    ).toEqual([
      [{ 'db.client.connection.pool.name': 'orders', 'db.client.connection.state': 'idle' }, 0],
      [{ 'db.client.connection.pool.name': 'orders', 'db.client.connection.state': 'used' }, 1],
    ]);
    expect(metrics.get('db.client.connection.timeouts')).toMatchObject({ isMonotonic: true });
    expect(metrics.get('db.client.connection.count')).toMatchObject({ isMonotonic: false });
    expect(pointsOf(metrics, 'db.client.connection.use_time')).toMatchObject({
      orders: { count: 1, sum: 0.2, buckets: { boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] } },
    });
    expect(pointsOf(metrics, 'holdfast.pool.created')).toEqual({ orders: pool.stats().created });
  });

  it('the SDK shows circuits, caches, bulkheads and decisions', async () => {
    await using otel = sdk();
    const circuit = createCircuitBreaker({ name: 'payments', trip: consecutiveFailures(1), openDurationMs: 1e6 });
    observeCircuitBreaker(otel.meter, circuit);
    await circuit.runOutcome(fail);
    await circuit.runOutcome(fail);
    const cache = createCache<string, number>({ maxEntries: 10 });
    observeCache(otel.meter, cache, { name: 'users' });
    cache.set('a', 1);
    for (const key of ['a', 'a', 'b']) cache.get(key);
    const bulkhead = createBulkhead({ maxConcurrent: 1 });
    observeBulkhead(otel.meter, bulkhead, { name: 'reports' });
    await Promise.allSettled([1, 2, 3].map(() => bulkhead.run(async () => {})));
    const onDecision = countDecisions(otel.meter, { name: 'api' });
    const limiter = createRateLimiter(tokenBucket({ limit: 1, periodMs: 1e6, name: 'day' }), { onDecision });
    for (let k = 0; k < 3; k++) limiter.tryAcquire('user:1');
    const metrics = await otel.collect();
    expect(pointsOf(metrics, 'holdfast.circuit_breaker.circuits')).toMatchObject({
      'payments,open': 1,
      'payments,closed': 0,
    });
    expect(pointsOf(metrics, 'holdfast.circuit_breaker.transitions')).toEqual({ 'payments,open': 1 });
    expect(pointsOf(metrics, 'holdfast.circuit_breaker.not_permitted')).toEqual({ payments: 1 });
    expect(pointsOf(metrics, 'holdfast.circuit_breaker.failure_rate')).toEqual({ payments: 1 });
    expect(pointsOf(metrics, 'holdfast.cache.requests')).toEqual({ 'users,hit': 2, 'users,miss': 1, 'users,stale': 0 });
    expect(pointsOf(metrics, 'holdfast.bulkhead.rejected')).toEqual({ reports: 2 });
    expect(pointsOf(metrics, 'holdfast.rate_limit.decisions')).toEqual({ 'api,day,allowed': 1, 'api,day,refused': 2 });
  });

  it('the SDK shows levels as 0 once what they show is closed, and nothing more under delta temporality', async () => {
    await using otel = sdk();
    const open = gate();
    const bulkhead = createBulkhead({ maxConcurrent: 1 });
    const observation = observeBulkhead(otel.meter, bulkhead, { name: 'reports' });
    const running = bulkhead.run(() => open.promise);
    const { CUMULATIVE, DELTA } = AggregationTemporality;
    expect(pointsOf(await otel.collect(CUMULATIVE), 'holdfast.bulkhead.in_flight')).toEqual({ reports: 1 });
    await otel.collect(DELTA);
    observation.close();
    for (let k = 0; k < 3; k++) {
      expect(pointsOf(await otel.collect(CUMULATIVE), 'holdfast.bulkhead.in_flight')).toEqual({ reports: 0 });
    }
    await otel.collect(DELTA);
    expect(await otel.collect(DELTA)).toEqual(new Map());
    open.open();
    await running;
  });

  it('the SDK loses no value of others when one is closed', async () => {
    await using otel = sdk();
    const first = observeBulkhead(otel.meter, createBulkhead({ maxConcurrent: 1 }), { name: 'first' });
    const cache = createCache<string, number>({ maxEntries: 10 });
    observeCache(otel.meter, cache, { name: 'users' });
    await otel.collect();
    first.close();
    for (let size = 1; size < 5; size++) {
      cache.set(`key ${size}`, 1);
      cache.get(`key ${size}`);
      const metrics = await otel.collect();
      expect(pointsOf(metrics, 'holdfast.cache.requests')).toMatchObject({ 'users,hit': size });
      expect(pointsOf(metrics, 'holdfast.cache.entries')).toEqual({ users: size });
    }
  });

  it('the SDK exports what was counted between its last collection and the close', async () => {
    await using otel = sdk();
    const onEvent = countEvents(otel.meter, 'timeout', { name: 'job' });
    onEvent({ type: 'timeout' });
    onEvent[Symbol.dispose]();
    for (let k = 0; k < 2; k++)
      expect(pointsOf(await otel.collect(), 'holdfast.timeout.events')).toEqual({ 'job,timeout': 1 });
  });

  it('the SDK does not grow with 10 000 instances made and closed, nor reaches its limit', async () => {
    await using otel = sdk();
    const sizes: number[] = [];
    for (let k = 0; k < 10_000; k++) {
      const circuit = createCircuitBreaker({ name: `circuit ${k}`, trip: consecutiveFailures(1), openDurationMs: 1e6 });
      const observation = observeCircuitBreaker(otel.meter, circuit);
      circuit.trip();
      if (k % 1_000 === 999) {
        const metrics = await otel.collect();
        const series = [...metrics.keys()].flatMap((name) => Object.keys(pointsOf(metrics, name)));
        sizes.push(series.length);
        for (const { dataPoints } of metrics.values()) {
          for (const { attributes } of dataPoints) expect(attributes).not.toHaveProperty(['otel.metric.overflow']);
        }
      }
      observation.close();
    }
    expect(sizes.at(-1)).toBe(sizes[1]);
    expect(sizes.at(-1)).toBeLessThanOrEqual(201 * 12);
    const rest = pointsOf(await otel.collect(), 'holdfast.circuit_breaker.circuits');
    expect(new Set(Object.values(rest))).toEqual(new Set([0]));
  }, 60_000);
});
