import type * as Holdfast from '../../src/index.ts';
import type * as Testing from '../../src/testing/index.ts';

type Library = typeof Holdfast & typeof Testing;

/**
 * How to make one of everything that keeps state or settings. Runs at the module scope of workerd
 * too, where timers and random bytes throw and clocks stand at 0: it imports nothing at run time.
 */
export const constructions: Readonly<Record<string, (lib: Library) => unknown>> = {
  consecutiveFailures: (lib) => lib.consecutiveFailures(5),
  countWindow: (lib) => lib.countWindow({ size: 10, failureRateThreshold: 0.5 }),
  timeWindow: (lib) => lib.timeWindow({ durationMs: 1_000, failureRateThreshold: 0.5 }),
  createCircuitBreaker: (lib) =>
    lib.createCircuitBreaker({
      trip: lib.timeWindow({ durationMs: 1_000, failureRateThreshold: 0.5 }),
      openDurationMs: 1_000,
    }),
  createBreakerRegistry: (lib) =>
    lib
      .createBreakerRegistry({
        create: () => ({ trip: lib.consecutiveFailures(5), openDurationMs: 1_000 }),
        maxKeys: 10,
      })
      .get('key'),
  retry: (lib) => lib.retry({ budget: lib.createRetryBudget({ ratio: 0.1 }) }),
  createRetryBudget: (lib) => lib.createRetryBudget({ ratio: 0.1 }),
  createTokenThrottle: (lib) => lib.createTokenThrottle({ maxTokens: 10, tokenRatio: 0.1 }),
  exponentialBackoff: (lib) => lib.exponentialBackoff({ baseMs: 10 }),
  constantBackoff: (lib) => lib.constantBackoff(10),
  timeout: (lib) => lib.timeout({ ms: 1_000 }),
  createBulkhead: (lib) => lib.createBulkhead({ maxConcurrent: 4, maxQueue: 4, queueTimeoutMs: 100 }),
  hedge: (lib) => lib.hedge({ delayMs: 10 }),
  fallback: (lib) => lib.fallback(() => null),
  chaos: (lib) => lib.chaos({ fault: { rate: 0.5 } }),
  pipeline: (lib) => lib.pipeline(lib.retry(), lib.timeout({ ms: 1_000 })),
  tokenBucket: (lib) => lib.tokenBucket({ limit: 10, periodMs: 1_000 }),
  gcra: (lib) => lib.gcra({ limit: 10, periodMs: 1_000 }),
  leakyBucket: (lib) => lib.leakyBucket({ limit: 10, periodMs: 1_000 }),
  fixedWindow: (lib) => lib.fixedWindow({ limit: 10, windowMs: 1_000 }),
  slidingWindow: (lib) => lib.slidingWindow({ limit: 10, windowMs: 1_000 }),
  slidingLog: (lib) => lib.slidingLog({ limit: 10, windowMs: 1_000 }),
  createRateLimiter: (lib) =>
    lib.createRateLimiter([
      lib.tokenBucket({ limit: 10, periodMs: 1_000 }),
      lib.fixedWindow({ limit: 100, windowMs: 60_000, align: 'epoch' }),
      lib.slidingWindow({ limit: 100, windowMs: 60_000, name: 'sliding' }),
      lib.slidingLog({ limit: 100, windowMs: 60_000, name: 'log' }),
    ]),
  createRateQueue: (lib) => lib.createRateQueue(lib.tokenBucket({ limit: 10, periodMs: 1_000 })),
  createConcurrencyLimiter: (lib) => lib.createConcurrencyLimiter({ limit: lib.bbrLimit() }),
  bbrLimit: (lib) => lib.bbrLimit(),
  aimdLimit: (lib) => lib.aimdLimit(),
  vegasLimit: (lib) => lib.vegasLimit(),
  gradientLimit: (lib) => lib.gradientLimit(),
  createAdaptiveThrottle: (lib) => lib.createAdaptiveThrottle(),
  asPolicy: (lib) => lib.asPolicy(lib.createRateLimiter(lib.tokenBucket({ limit: 10, periodMs: 1_000 }))),
  createPool: (lib) => lib.createPool({ create: () => ({}), min: 0 }),
  createKeyedPool: (lib) => lib.createKeyedPool({ create: (key: string) => ({ key }) }),
  poolMetrics: (lib) =>
    lib.poolMetrics(lib.createPool({ create: () => ({}) }), {
      gauge: () => {},
      count: () => {},
      record: () => {},
    } as never),
  createRoundRobin: (lib) => lib.createRoundRobin([{ id: 'a' }]),
  createWeightedRoundRobin: (lib) => lib.createWeightedRoundRobin([{ id: 'a', weight: 2 }]),
  createLeastConnections: (lib) => lib.createLeastConnections([{ id: 'a' }], { slowStartMs: 1_000 }),
  createP2cEwma: (lib) => lib.createP2cEwma([{ id: 'a' }], { outliers: lib.createOutlierDetector() }),
  createOutlierDetector: (lib) => lib.createOutlierDetector(),
  createSingleflight: (lib) => lib.createSingleflight(),
  createCache: (lib) => lib.createCache({ maxEntries: 10, ttlMs: 1_000 }),
  createCachedStore: (lib) =>
    lib.createCachedStore({ load: () => 1 }, { cache: lib.createCache({ maxEntries: 10 }), write: 'behind' }),
  createTieredCache: (lib) =>
    lib.createTieredCache({
      l1: lib.createCache({ maxEntries: 10 }),
      tier: { partitions: [{} as never] },
      ttlMs: 1_000,
    }),
  memoize: (lib) => lib.memoize(() => 1, { key: () => 'key', maxEntries: 10 }),
  lru: (lib) => lib.createCache({ maxEntries: 10, policy: lib.lru() }),
  tinyLfu: (lib) => lib.createCache({ maxWeight: 10, policy: lib.tinyLfu() }),
  saga: (lib) => lib.saga('order').step('charge', { run: () => 1 }),
  createSagaRunner: (lib) => lib.createSagaRunner({ store: lib.memorySagaStore(), sagas: [lib.saga('order')] }),
  guard: (lib) => lib.guard(async () => []),
  semanticLock: (lib) => lib.semanticLock(async () => []),
  createOutboxRelay: (lib) => lib.createOutboxRelay({ store: lib.memorySagaStore() as never, publish: async () => {} }),
  memorySagaStore: (lib) => lib.memorySagaStore(),
  createBloomFilter: (lib) => lib.createBloomFilter({ capacity: 100, falsePositiveRate: 0.01 }),
  createScalableBloom: (lib) => lib.createScalableBloom({ initialCapacity: 100, falsePositiveRate: 0.01 }),
  createRotatingBloom: (lib) => lib.createRotatingBloom({ capacity: 100, falsePositiveRate: 0.01, windowMs: 60_000 }),
  createBinaryFuse: (lib) => lib.createBinaryFuse(['a', 'b']),
  createRing: (lib) => lib.createRing({ nodes: ['a', 'b'] }),
  createBoundedLoads: (lib) => lib.createBoundedLoads(lib.createRing({ nodes: ['a', 'b'] }), { factor: 1.25 }),
  createRendezvous: (lib) => lib.createRendezvous({ nodes: ['a', 'b'] }),
  createMaglev: (lib) => lib.createMaglev({ nodes: ['a', 'b'] }),
  createKetamaRing: (lib) => lib.createKetamaRing(['a:1', 'b:1']),
  createSnowflake: (lib) => lib.createSnowflake({ worker: 1 }),
  createSharedSnowflake: (lib) => lib.createSharedSnowflake(new SharedArrayBuffer(64), { worker: 1 }),
  snowflakeCodec: (lib) => lib.snowflakeCodec(),
  createVirtualClock: (lib) => lib.createVirtualClock(),
  createSeededRandom: (lib) => lib.createSeededRandom(1),
};

/** Functions that only calculate: there is nothing to make. */
export const calculations: readonly string[] = [
  'isHoldfastError',
  'isRejection',
  'parseRetryAfter',
  'recommendPoolSize',
  'timeline',
  'toMermaid',
  'attachBloomFilter',
  'bloomSize',
  'hashKey',
  'loadBinaryFuse',
  'loadBloomFilter',
  'unionBloom',
  'diffRings',
  'hashPosition',
  'jumpHash',
  'redisSlot',
  'renderRing',
  'workerIdFromEnv',
  'workerIdFromHostname',
  'toBase62',
  'fromBase62',
  'toCrockford',
  'fromCrockford',
  'toHex',
  'fromHex',
];

/** Functions that ask a store at once: making one is using it. */
export const acquisitions: readonly string[] = ['acquireWorkerLease', 'createLeasedSnowflake', 'shareCircuit'];
