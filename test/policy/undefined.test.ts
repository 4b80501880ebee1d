import { expect, it } from 'vitest';
import {
  consecutiveFailures,
  createBulkhead,
  createCache,
  createCircuitBreaker,
  createPool,
  createRateLimiter,
  createRing,
  createSingleflight,
  fallback,
  hedge,
  pipeline,
  retry,
  saga,
  timeout,
  tokenBucket,
} from '../../src/index.ts';

it('takes undefined for the default of an option, in types as at run time', async () => {
  const policy = pipeline(
    fallback(() => 0, { when: undefined, onEvent: undefined }),
    retry({ maxAttempts: undefined, backoff: undefined, budget: undefined, clock: undefined }),
    hedge({ delayMs: 1000, maxHedges: undefined, isFatal: undefined }),
    createCircuitBreaker({
      trip: consecutiveFailures(2),
      openDurationMs: 5,
      halfOpen: { maxConcurrent: undefined, trialTimeoutMs: undefined },
      rampUp: undefined,
      isFailure: undefined,
    }),
    createBulkhead({ maxConcurrent: 1, maxQueue: undefined, queueTimeoutMs: undefined }),
    timeout({ ms: 1000, strategy: undefined, lagGrace: undefined }),
  );
  expect(await policy.run(() => 1, { signal: undefined })).toBe(1);
  await using pool = createPool({ create: () => 7, max: undefined, validate: undefined, createBackoff: undefined });
  expect(await pool.use((resource) => resource, { priority: undefined, timeoutMs: undefined })).toBe(7);
  const limiter = createRateLimiter(tokenBucket({ limit: 1, periodMs: 1000, burst: undefined, name: undefined }), {
    maxKeys: undefined,
    overflow: undefined,
    shadow: undefined,
  });
  expect([limiter.tryAcquire('k'), limiter.tryAcquire('k')]).toEqual([true, false]);
  const ring = createRing({ nodes: [{ id: 'a', weight: undefined, zone: undefined }], vnodes: undefined });
  expect(ring.getN('k', 1, { spread: undefined })).toHaveLength(1);
  const step = saga('s', { version: undefined }).step('a', { run: () => 3, retry: { maxAttempts: undefined } });
  expect(await step.run(undefined, { abandonMs: undefined })).toEqual({ a: 3 });
});

it('rejects a call whose signal is none, such as the controller of one, and starts and leaves nothing', async () => {
  const signal = new AbortController() as unknown as AbortSignal;
  const started: string[] = [];
  const policies = {
    retry: retry({ backoff: () => 0 }),
    timeout: timeout({ ms: 1000 }),
    hedge: hedge({ delayMs: 1 }),
    fallback: fallback(() => 0),
    bulkhead: createBulkhead({ maxConcurrent: 1 }),
    circuit: createCircuitBreaker({ trip: consecutiveFailures(1), openDurationMs: 5 }),
  };
  for (const [name, policy] of Object.entries(policies)) {
    await expect(policy.run(() => started.push(name), { signal })).rejects.toThrow('signal must be an AbortSignal');
  }
  const cache = createCache<string, number>({ maxEntries: 2 });
  await expect(cache.getOrLoad('k', () => started.push('cache'), { signal })).rejects.toThrow(TypeError);
  expect(await cache.getOrLoad('k', () => 1)).toBe(1);
  const flights = createSingleflight<string, number>();
  await expect(flights.run('k', () => started.push('flight'), { signal })).rejects.toThrow(TypeError);
  await expect(flights.runShared('k', () => started.push('flight'), { signal })).rejects.toThrow(TypeError);
  expect([flights.size, await flights.run('k', () => 2)]).toEqual([0, 2]);
  expect(started).toEqual([]);
});
