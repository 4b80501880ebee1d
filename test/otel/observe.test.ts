import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import {
  observeBulkhead,
  observeCache,
  observeCircuitBreaker,
  observeConcurrencyLimiter,
  observePool,
  observeRateLimiter,
  observeRateQueue,
  observeSingleflight,
  observeThrottle,
} from '../../src/otel/index.ts';
import { createBulkhead } from '../../src/policy/index.ts';
import { createKeyedPool, createPool, poolMetrics } from '../../src/pool/index.ts';
import {
  createAdaptiveThrottle,
  createConcurrencyLimiter,
  createRateLimiter,
  createRateQueue,
  tokenBucket,
} from '../../src/rate-limit/index.ts';
import { createSingleflight } from '../../src/singleflight/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush, gate } from '../support/gate.ts';
import { fakeMeter, only } from './kit.ts';

const fail = (): never => {
  throw new Error('down');
};

describe('pools', () => {
  it('a pool is shown under the names, units and attributes of the conventions, and the rest under names of our own', async () => {
    const { meter, made, collect, records } = fakeMeter();
    const clock = createVirtualClock();
    const pool = createPool({ create: () => ({}), max: 1, minIdle: 1, name: 'orders', clock });
    using _observation = observePool(meter, pool);
    const lease = await pool.acquire();
    const late = pool.acquire({ timeoutMs: 100 }).catch(() => {});
    const next = pool.acquire();
    expect(only(collect(), 'db.client.connection.count')).toEqual({ 'orders,idle': 0, 'orders,used': 1 });
    await clock.advance(250);
    await late;
    expect(collect()).toEqual({
      'db.client.connection.count{orders,idle}': 0,
      'db.client.connection.count{orders,used}': 1,
      'db.client.connection.max{orders}': 1,
      'db.client.connection.idle.min{orders}': 1,
      'db.client.connection.pending_requests{orders}': 1,
      'db.client.connection.timeouts{orders}': 1,
      'holdfast.pool.created{orders}': 1,
      'holdfast.pool.create_failures{orders}': 0,
      'holdfast.pool.destroyed{orders}': 0,
      'holdfast.pool.rejected{orders}': 0,
      'holdfast.pool.aborted{orders}': 0,
      'holdfast.pool.invalid{orders}': 0,
      'holdfast.pool.leaked{orders}': 0,
    });
    lease.release();
    (await next).release();
    expect(records).toEqual([
      'db.client.connection.create_time{orders} 0',
      'db.client.connection.wait_time{orders} 0',
      'db.client.connection.use_time{orders} 0.25',
      'db.client.connection.wait_time{orders} 0.25',
      'db.client.connection.use_time{orders} 0',
    ]);
    const units = [...made].map(([name, { kind, unit }]) => `${name} ${kind} ${unit}`);
    expect(units.filter((line) => line.startsWith('db.'))).toEqual([
      'db.client.connection.count up-down {connection}',
      'db.client.connection.max up-down {connection}',
      'db.client.connection.idle.min up-down {connection}',
      'db.client.connection.pending_requests up-down {request}',
      'db.client.connection.timeouts counter {timeout}',
      'db.client.connection.create_time histogram s',
      'db.client.connection.wait_time histogram s',
      'db.client.connection.use_time histogram s',
    ]);
    expect(made.get('db.client.connection.count')!.attributeNames).toEqual([
      'db.client.connection.pool.name',
      'db.client.connection.state',
    ]);
  });

  it('a pool has the names that poolMetrics reports', async () => {
    const { meter, made } = fakeMeter();
    const names = new Set<string>();
    const note = (name: string): void => void names.add(name);
    const clock = createVirtualClock();
    const pool = createPool({ create: () => ({}), max: 1, name: 'orders', clock });
    poolMetrics(pool, { gauge: (name) => (note(name), () => {}), add: note, record: note });
    observePool(meter, pool);
    const lease = await pool.acquire();
    const late = pool.acquire({ timeoutMs: 10 }).catch(() => {});
    await clock.advance(20);
    await late;
    lease.release();
    expect([...made.keys()].filter((name) => name.startsWith('db.')).sort()).toEqual([...names].sort());
    expect(names.size).toBe(8);
  });

  it('a pool without times is shown without a listener', async () => {
    const { meter, collect, records } = fakeMeter();
    const pool = createPool({ create: () => ({}), name: 'orders' });
    const onEvent = (): never => {
      throw new Error('listened to');
    };
    using _observation = observePool(meter, { name: pool.name, stats: () => pool.stats(), onEvent }, { times: false });
    await pool.use(() => {});
    expect(collect()).toMatchObject({ 'db.client.connection.count{orders,idle}': 1 });
    expect(records).toEqual([]);
  });

  it('a keyed pool is shown as one pool', async () => {
    const { meter, collect, made } = fakeMeter();
    const pool = createKeyedPool({ create: (key: string) => ({ key }), max: 3 });
    using _observation = observePool(meter, pool, { name: 'hosts' });
    await pool.acquire('a');
    (await pool.acquire('b')).release();
    expect(only(collect(), 'db.client.connection.count')).toEqual({ 'hosts,idle': 1, 'hosts,used': 1 });
    expect(only(collect(), 'holdfast.pool.keys')).toEqual({ hosts: 2 });
    expect([...made.values()].map(({ kind }) => kind)).not.toContain('histogram');
  });
});

describe('circuit breakers', () => {
  it('a circuit is shown by state, with its transitions and what it turned away', async () => {
    const { meter, collect } = fakeMeter();
    const clock = createVirtualClock();
    const circuit = createCircuitBreaker({
      name: 'payments',
      trip: consecutiveFailures(2),
      openDurationMs: 1_000,
      clock,
    });
    using _observation = observeCircuitBreaker(meter, circuit);
    await circuit.runOutcome(fail);
    expect(only(collect(), 'holdfast.circuit_breaker.circuits')).toMatchObject({ 'payments,closed': 1 });
    await circuit.runOutcome(fail);
    for (let k = 0; k < 3; k++) await circuit.runOutcome(fail);
    expect(collect()).toEqual({
      'holdfast.circuit_breaker.circuits{payments,closed}': 0,
      'holdfast.circuit_breaker.circuits{payments,open}': 1,
      'holdfast.circuit_breaker.circuits{payments,half-open}': 0,
      'holdfast.circuit_breaker.circuits{payments,forced-open}': 0,
      'holdfast.circuit_breaker.circuits{payments,disabled}': 0,
      'holdfast.circuit_breaker.circuits{payments,metrics-only}': 0,
      'holdfast.circuit_breaker.not_permitted{payments}': 3,
      'holdfast.circuit_breaker.late{payments}': 0,
      'holdfast.circuit_breaker.in_flight{payments}': 0,
      'holdfast.circuit_breaker.failure_rate{payments}': 1,
      'holdfast.circuit_breaker.slow_call_rate{payments}': 0,
      'holdfast.circuit_breaker.transitions{payments,open}': 1,
    });
    await clock.advance(1_000);
    await circuit.run(() => 'back');
    expect(only(collect(), 'holdfast.circuit_breaker.transitions')).toEqual({
      'payments,open': 1,
      'payments,half-open': 1,
      'payments,closed': 1,
    });
  });
});

describe('caches', () => {
  it('a cache is shown with what reads found, and with its loads', async () => {
    const { meter, collect, made } = fakeMeter();
    const clock = createVirtualClock();
    const cache = createCache<string, number>({ maxEntries: 2, ttlMs: 1_000, staleIfErrorMs: 1_000, clock });
    using _observation = observeCache(meter, cache, { name: 'users' });
    await cache.getOrLoad('a', () => 1);
    cache.get('a');
    cache.get('b');
    await clock.advance(1_500);
    await cache.getOrLoad('a', fail);
    const { hits, misses, staleHits, loads, loadFailures } = cache.stats();
    expect([hits, staleHits, loads, loadFailures]).toEqual([1, 1, 2, 1]);
    expect(collect()).toEqual({
      'holdfast.cache.requests{users,hit}': hits,
      'holdfast.cache.requests{users,miss}': misses,
      'holdfast.cache.requests{users,stale}': staleHits,
      'holdfast.cache.entries{users}': 1,
      'holdfast.cache.weight{users}': 1,
      'holdfast.cache.loads{users}': 2,
      'holdfast.cache.load_failures{users}': 1,
      'holdfast.cache.loading{users}': 0,
      'holdfast.cache.evictions{users}': 0,
      'holdfast.cache.expirations{users}': 0,
    });
    expect(made.get('holdfast.cache.requests')).toMatchObject({ kind: 'counter', unit: '{request}' });
  });
});

describe('everything else', () => {
  it('a bulkhead, limiter, queue, throttle or flight is shown by what it says of itself', async () => {
    const { meter, collect } = fakeMeter();
    const clock = createVirtualClock();
    const open = gate();
    const bulkhead = createBulkhead({ maxConcurrent: 1, maxQueue: 1 });
    observeBulkhead(meter, bulkhead, { name: 'reports' });
    for (let k = 0; k < 4; k++) bulkhead.run(() => open.promise).catch(() => {});
    const concurrency = createConcurrencyLimiter({ limit: 2, maxQueue: 5 });
    observeConcurrencyLimiter(meter, concurrency, { name: 'reads' });
    for (let k = 0; k < 5; k++) void concurrency.run(() => open.promise);
    const policy = tokenBucket({ limit: 1, periodMs: 1_000 });
    const limiter = createRateLimiter(policy, { clock });
    observeRateLimiter(meter, limiter, { name: 'api' });
    for (const key of ['a', 'b', 'c']) limiter.tryAcquire(key);
    using queue = createRateQueue(policy, { clock });
    observeRateQueue(meter, queue, { name: 'mails' });
    for (let k = 0; k < 3; k++) queue.acquire().catch(() => {});
    const throttle = createAdaptiveThrottle({ clock, random: () => 0.99 });
    observeThrottle(meter, throttle, { name: 'search' });
    for (let k = 0; k < 9; k++) throttle.tryStart();
    const flights = createSingleflight<string, void>();
    observeSingleflight(meter, flights, { name: 'loads' });
    for (const key of ['a', 'b', 'a']) void flights.run(key, () => open.promise);
    await flush();
    expect(collect()).toEqual({
      'holdfast.bulkhead.in_flight{reports}': 1,
      'holdfast.bulkhead.queued{reports}': 1,
      'holdfast.bulkhead.rejected{reports}': 2,
      'holdfast.concurrency_limit.limit{reads}': 2,
      'holdfast.concurrency_limit.in_flight{reads}': 2,
      'holdfast.concurrency_limit.queued{reads}': 3,
      'holdfast.rate_limit.keys{api}': 3,
      'holdfast.rate_queue.queued{mails}': 2,
      'holdfast.throttle.reject_probability{search}': 0.9,
      'holdfast.singleflight.in_flight{loads}': 2,
    });
    open.open();
  });
});

describe('options', () => {
  const { meter } = fakeMeter();
  const nameless = createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 1 });
  it.each([
    [
      'no meter',
      () => observeBulkhead(undefined as never, createBulkhead({ maxConcurrent: 1 }), { name: 'a' }),
      TypeError,
    ],
    ['what is no meter', () => observeCircuitBreaker({} as never, nameless, { name: 'a' }), TypeError],
    ['an empty name', () => observeBulkhead(meter, createBulkhead({ maxConcurrent: 1 }), { name: '' }), RangeError],
    ['a circuit without a name', () => observeCircuitBreaker(meter, nameless), RangeError],
    [
      'a keyed pool without a name',
      () => observePool(meter, createKeyedPool({ create: (key: string) => key })),
      TypeError,
    ],
    [
      'a name that is no text',
      () => observeBulkhead(meter, createBulkhead({ maxConcurrent: 1 }), { name: 5 as never }),
      RangeError,
    ],
  ])('refuse %s', (_, make, kind) => {
    expect(make).toThrow(kind);
  });

  it('are named where they are refused', () => {
    const bulkhead = createBulkhead({ maxConcurrent: 1 });
    expect(() => observeBulkhead({} as never, bulkhead, { name: 'a' })).toThrow(
      'meter must be a meter of OpenTelemetry, got object',
    );
    expect(() => observeBulkhead(meter, bulkhead, { name: '' })).toThrow(
      'name must be a text of at least one character, got ""',
    );
  });
});
