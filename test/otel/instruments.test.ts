import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { consecutiveFailures, createCircuitBreaker } from '../../src/circuit-breaker/index.ts';
import {
  countDecisions,
  countEvents,
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
import type { Meter } from '../../src/otel/index.ts';
import { createBulkhead } from '../../src/policy/index.ts';
import { createKeyedPool, createPool } from '../../src/pool/index.ts';
import {
  createAdaptiveThrottle,
  createConcurrencyLimiter,
  createRateLimiter,
  createRateQueue,
  tokenBucket,
} from '../../src/rate-limit/index.ts';
import { createSingleflight } from '../../src/singleflight/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { fakeMeter } from './kit.ts';

const rate = { limit: 10, periodMs: 1_000 };

/** Has `meter` shown one of everything. */
function observeAll(meter: Meter): void {
  const circuit = createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 1_000, name: 'circuit' });
  observeCircuitBreaker(meter, circuit);
  observePool(meter, createPool({ create: () => ({}), max: 1, name: 'pool' }));
  observePool(meter, createKeyedPool({ create: (key: string) => key }), { name: 'keyed' });
  observeCache(meter, createCache({ maxEntries: 1 }), { name: 'cache' });
  observeBulkhead(meter, createBulkhead({ maxConcurrent: 1 }), { name: 'bulkhead' });
  observeConcurrencyLimiter(meter, createConcurrencyLimiter({ limit: 1 }), { name: 'limiter' });
  observeRateLimiter(meter, createRateLimiter(tokenBucket(rate)), { name: 'rate' });
  observeRateQueue(meter, createRateQueue(tokenBucket(rate)), { name: 'queue' });
  observeThrottle(meter, createAdaptiveThrottle(), { name: 'throttle' });
  observeSingleflight(meter, createSingleflight(), { name: 'flights' });
  countEvents(meter, 'retry', { name: 'events' })({ type: 'retry' });
  countDecisions(meter, { name: 'decisions' })('key', { allowed: true, policy: 'burst' });
  void circuit.run(() => Promise.reject(new Error('down'))).catch(() => {});
}

describe('an instrument', () => {
  it('says in a sentence what it shows, and has a unit of the conventions', async () => {
    const { meter, made } = fakeMeter();
    observeAll(meter);
    await Promise.resolve();
    expect(made.size).toBeGreaterThan(40);
    for (const [name, { description, unit }] of made) {
      expect([name, description]).toEqual([name, expect.stringMatching(/^[A-Z][^.]{8,}\.$/)]);
      expect([name, unit]).toEqual([name, expect.stringMatching(/^(?:\{[a-z]+\}|s|1)$/)]);
    }
    const sentences = [...made.values()].map(({ kind, description }) => `${kind} ${description}`);
    expect(sentences.length - new Set(sentences).size).toBeLessThan(5); // `queued` and `in_flight` of several kinds
  });
});

describe('times of a pool', () => {
  it('are in seconds, in buckets from a millisecond to ten seconds', async () => {
    const { meter, made, records } = fakeMeter();
    const clock = createVirtualClock();
    const create = (): Promise<object> => new Promise((resolve) => clock.setTimeout(() => resolve({}), 1_500));
    const pool = createPool({ create, max: 1, name: 'orders', clock });
    using _observation = observePool(meter, pool);
    const lease = pool.acquire();
    await clock.advance(1_500);
    (await lease).release();
    expect(records).toEqual([
      'db.client.connection.create_time{orders} 1.5',
      'db.client.connection.wait_time{orders} 1.5',
      'db.client.connection.use_time{orders} 0',
    ]);
    for (const time of ['create_time', 'wait_time', 'use_time']) {
      const { advice, attributeNames } = made.get(`db.client.connection.${time}`)!;
      const bounds = advice?.explicitBucketBoundaries ?? [];
      expect([bounds[0], bounds.at(-1), [...bounds].sort((a, b) => a - b)]).toEqual([0.001, 10, bounds]);
      expect(attributeNames).toEqual(['db.client.connection.pool.name']);
    }
  });
});

describe('events', () => {
  it('are told apart by type and reason, where both together read the same, and a reason that is no word is none', () => {
    const { meter, collect } = fakeMeter();
    const count = countEvents(meter, 'bulkhead', { name: 'a' }) as (event: { type: string; reason: unknown }) => void;
    count({ type: 'rejected', reason: 'queue' });
    count({ type: 'reject', reason: 'edqueue' });
    count({ type: 'rejected', reason: 5 });
    count({ type: 'rejected', reason: 'queue' });
    expect(collect()).toEqual({
      'holdfast.bulkhead.events{a,rejected,queue}': 2,
      'holdfast.bulkhead.events{a,reject,edqueue}': 1,
      'holdfast.bulkhead.events{a,rejected}': 1,
    });
  });
});
