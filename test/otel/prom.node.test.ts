import client from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import {
  countEvents,
  observeBulkhead,
  observeCache,
  observeCircuitBreaker,
  observePool,
  observeThrottle,
  promMeter,
} from '../../src/otel/index.ts';
import { createBulkhead } from '../../src/policy/index.ts';
import { createPool } from '../../src/pool/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';

/** The samples of a scrape, without comments. */
async function samples(registry: client.Registry): Promise<string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('prom-client', () => {
  it('prom-client shows the same numbers under the names that Prometheus has for them', async () => {
    const registry = new client.Registry();
    const meter = promMeter(client, registry);
    const clock = createVirtualClock();
    const pool = createPool({ create: () => ({}), max: 2, name: 'orders', clock });
    observePool(meter, pool);
    const lease = await pool.acquire();
    await clock.advance(200);
    lease.release();
    const circuit = createCircuitBreaker({
      name: 'payments',
      trip: consecutiveFailures(1),
      openDurationMs: 1_000,
      clock,
    });
    observeCircuitBreaker(meter, circuit);
    circuit.trip();
    countEvents(meter, 'retry', { name: 'x' })({ type: 'retry' });
    const lines = await samples(registry);
    expect(lines).toEqual(
      expect.arrayContaining([
        'db_client_connection_count{db_client_connection_pool_name="orders",db_client_connection_state="idle"} 1',
        'db_client_connection_count{db_client_connection_pool_name="orders",db_client_connection_state="used"} 0',
        'db_client_connection_timeouts_total{db_client_connection_pool_name="orders"} 0',
        'db_client_connection_use_time_seconds_bucket{le="0.1",db_client_connection_pool_name="orders"} 0',
        'db_client_connection_use_time_seconds_bucket{le="0.5",db_client_connection_pool_name="orders"} 1',
        'db_client_connection_use_time_seconds_sum{db_client_connection_pool_name="orders"} 0.2',
        'holdfast_circuit_breaker_circuits{holdfast_circuit_breaker_name="payments",holdfast_circuit_breaker_state="open"} 1',
        'holdfast_circuit_breaker_transitions_total{holdfast_circuit_breaker_name="payments",holdfast_circuit_breaker_state="open"} 1',
        'holdfast_circuit_breaker_failure_rate_ratio{holdfast_circuit_breaker_name="payments"} 0',
        'holdfast_retry_events_total{holdfast_retry_name="x",holdfast_retry_event="retry"} 1',
      ]),
    );
    // A second scrape shows the same: totals are set, not added up.
    expect(await samples(registry)).toEqual(lines);
  });

  it('prom-client has no series of what is closed, and no metric without a series', async () => {
    const registry = new client.Registry();
    const meter = promMeter(client, registry);
    const bulkheads = ['a', 'b'].map((name) => observeBulkhead(meter, createBulkhead({ maxConcurrent: 1 }), { name }));
    const pool = createPool({ create: () => ({}), name: 'orders' });
    const observation = observePool(meter, pool);
    await pool.use(() => {});
    bulkheads[0]!.close();
    observation.close();
    const text = await registry.metrics();
    expect(text).not.toContain('orders');
    expect(text).not.toContain('"a"');
    expect(text).toContain('holdfast_bulkhead_in_flight{holdfast_bulkhead_name="b"} 0');
    bulkheads[1]!.close();
    expect((await registry.metrics()).trim()).toBe('');
    // What comes back under a name starts anew.
    observeBulkhead(meter, createBulkhead({ maxConcurrent: 1 }), { name: 'a' });
    expect(await samples(registry)).toHaveLength(3);
  });

  it('a histogram comes back with its name, and stays as long as another name has values', async () => {
    const registry = new client.Registry();
    const meter = promMeter(client, registry);
    const lend = async (name: string): Promise<Disposable> => {
      const pool = createPool({ create: () => ({}), name });
      const observation = observePool(meter, pool);
      await pool.use(() => {});
      return observation;
    };
    const count = async (name: string): Promise<string | undefined> =>
      new RegExp(`use_time_seconds_count{.*"${name}"} (.*)`).exec(await registry.metrics())?.[1];
    const one = await lend('one');
    const two = await lend('two');
    one[Symbol.dispose]();
    expect([await count('one'), await count('two')]).toEqual([undefined, '1']);
    two[Symbol.dispose]();
    expect((await registry.metrics()).trim()).toBe('');
    await lend('one');
    expect(await count('one')).toBe('1');
  });

  it('the workers of a cluster add up, and the highest of their shares is shown', async () => {
    const registries = [0.2, 0.7].map((rejectProbability) => {
      const registry = new client.Registry();
      const meter = promMeter(client, registry);
      observeThrottle(meter, { rejectProbability }, { name: 'search' });
      observeBulkhead(meter, { stats: () => ({ inFlight: 2, queued: 1, rejected: 3 }) }, { name: 'reports' });
      return registry;
    });
    const workers = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
    const text = await client.AggregatorRegistry.aggregate(workers).metrics();
    expect(text.match(/^\w+(?=\{)|(?<=\} ).+$/gm)?.join(' ')).toBe(
      'holdfast_throttle_reject_probability_ratio 0.7 holdfast_bulkhead_in_flight 4 holdfast_bulkhead_queued 2 holdfast_bulkhead_rejected_total 6',
    );
  });

  it('a registry has one meter, whoever asks for it', async () => {
    const registry = new client.Registry();
    for (const name of ['a', 'b'])
      observeCache(promMeter(client, registry), createCache<string, number>({ maxEntries: 1 }), { name });
    const text = await registry.metrics();
    expect(text.match(/holdfast_cache_weight{.*/g)).toEqual([
      'holdfast_cache_weight{holdfast_cache_name="a"} 0',
      'holdfast_cache_weight{holdfast_cache_name="b"} 0',
    ]);
    expect(promMeter(client, new client.Registry())).not.toBe(promMeter(client, registry));
  });

  it('prom-client does not grow with 10 000 instances made and closed', async () => {
    const registry = new client.Registry();
    const meter = promMeter(client, registry);
    for (let k = 0; k < 10_000; k++) {
      const cache = observeCache(meter, createCache<string, number>({ maxEntries: 1 }), { name: `cache ${k}` });
      const pool = createPool({ create: () => ({}), name: `pool ${k}` });
      const observation = observePool(meter, pool);
      if (k % 1_000 === 0) {
        await pool.use(() => {});
        expect((await samples(registry)).length).toBeGreaterThan(20);
      }
      cache.close();
      observation.close();
    }
    expect(await samples(registry)).toEqual([]);
    expect(registry.getMetricsAsArray().length).toBeLessThanOrEqual(3);
  }, 60_000);

  it('prom-client has its default registry where none is given, and anything else is refused', () => {
    const observation = observeBulkhead(promMeter(client), createBulkhead({ maxConcurrent: 1 }), { name: 'reports' });
    expect(client.register.getSingleMetric('holdfast_bulkhead_queued')).toBeDefined();
    observation.close();
    expect(client.register.getSingleMetric('holdfast_bulkhead_queued')).toBeUndefined();
    expect(() => promMeter({} as never)).toThrow(TypeError);
    expect(() => promMeter(undefined as never)).toThrow(TypeError);
    expect(() => promMeter(client, {} as never)).toThrow(TypeError);
  });
});
