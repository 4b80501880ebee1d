import type * as CacheModule from '../src/cache/index.ts';
import type * as CircuitModule from '../src/circuit-breaker/index.ts';
import type * as DiagnosticsModule from '../src/diagnostics/index.ts';
import type * as OtelModule from '../src/otel/index.ts';
import type { Meter } from '../src/otel/index.ts';
import type * as PolicyModule from '../src/policy/index.ts';
import type * as PoolModule from '../src/pool/index.ts';
import type * as RateLimitModule from '../src/rate-limit/index.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { awaited, direct, time } from './support/case.ts';
import { bundled } from './support/size.ts';

/*
 * What it costs to be observed, per call: without, with channels that nobody subscribes to, and with the SDK of
 * OpenTelemetry. Reading at collections is not part of it: that is done every few seconds, not for each call.
 */

async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

const diagnostics = (): Promise<typeof DiagnosticsModule> => load('holdfast/diagnostics');
const otel = (): Promise<typeof OtelModule> => load('holdfast/otel');

/** A meter of the SDK, with a reader that never reads. */
async function sdkMeter(): Promise<Meter> {
  interface Sdk {
    readonly MeterProvider: new (options: object) => { getMeter(name: string): Meter };
    readonly PeriodicExportingMetricReader: new (options: object) => object;
    readonly InMemoryMetricExporter: new (temporality: number) => object;
  }
  const { MeterProvider, PeriodicExportingMetricReader, InMemoryMetricExporter } =
    await load<Sdk>('@opentelemetry/sdk-metrics');
  const exporter = new InMemoryMetricExporter(1);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 31 - 1 });
  return new MeterProvider({ readers: [reader] }).getMeter('bench');
}

const PLAIN = 'not observed';
const CHANNEL = 'diagnostics, no subscriber';
const SDK = 'otel, the SDK';

function subjects(
  plain: Subject<Loop>['prepare'],
  channel: Subject<Loop>['prepare'],
  sdk: Subject<Loop>['prepare'],
): Subject<Loop>[] {
  return [
    { name: PLAIN, prepare: plain },
    { name: CHANNEL, prepare: channel },
    { name: SDK, prepare: sdk },
  ];
}

/** At most so much slower than what is not observed. */
function within(channel: number, sdk: number): Case['measures'] {
  return [time({ subject: CHANNEL, against: PLAIN, ratio: channel }, { subject: SDK, against: PLAIN, ratio: sdk })];
}

const answer = { ok: true };
const succeed = async (): Promise<typeof answer> => answer;

async function circuit(
  onEvent?: CircuitModule.CircuitBreakerOptions['onEvent'],
): Promise<CircuitModule.CircuitBreaker> {
  const { consecutiveFailures, createCircuitBreaker } = await load<typeof CircuitModule>('holdfast/circuit-breaker');
  const trip = consecutiveFailures(5);
  return createCircuitBreaker({ name: 'one', trip, openDurationMs: 1e9, ...(onEvent && { onEvent }) });
}

const circuits: Case = {
  kind: 'loop',
  name: 'circuit breaker',
  about: 'a call that succeeds through a closed circuit',
  isHot: true,
  expected: answer,
  subjects: subjects(
    async () => {
      const one = await circuit();
      return awaited(() => one.run(succeed));
    },
    async () => {
      const one = await circuit((await diagnostics()).publishEvents('circuit-breaker', { name: 'one' }));
      return awaited(() => one.run(succeed));
    },
    async () => {
      const one = await circuit();
      (await otel()).observeCircuitBreaker(await sdkMeter(), one);
      return awaited(() => one.run(succeed));
    },
  ),
  measures: within(1.05, 1.05),
};

type OnDecision = RateLimitModule.RateLimiterOptions['onDecision'];

async function asked(onDecision?: OnDecision): Promise<Loop> {
  const { createRateLimiter, tokenBucket } = await load<typeof RateLimitModule>('holdfast/rate-limit');
  const policy = tokenBucket({ limit: 1e9, periodMs: 1_000 });
  const limiter = createRateLimiter(policy, onDecision ? { onDecision } : {});
  return direct(() => limiter.tryAcquire('key'));
}

const limiters: Case = {
  kind: 'loop',
  name: 'rate limiter',
  about: 'tryAcquire of one key, allowed; with `onDecision` it makes a decision each time',
  isHot: true,
  expected: true,
  subjects: subjects(
    () => asked(),
    async () => asked((await diagnostics()).publishDecisions({ name: 'one' })),
    async () => asked((await otel()).countDecisions(await sdkMeter(), { name: 'one' })),
  ),
  measures: within(3, 5),
};

async function pool(): Promise<PoolModule.Pool<object>> {
  const { createPool } = await load<typeof PoolModule>('holdfast/pool');
  return createPool({ create: async () => ({}), max: 10, name: 'one' });
}

function loans(lent: PoolModule.Pool<object>, record: () => void = () => {}): Loop {
  const once = async (): Promise<string> => {
    (await lent.acquire()).release();
    return 'done';
  };
  return {
    once,
    many: async (n) => {
      for (let k = 0; k < n; k++) {
        const lease = await lent.acquire();
        record();
        lease.release();
        record();
      }
    },
  };
}

const RECORDS = 'limit: not observed, two records by hand';

const pools: Case = {
  kind: 'loop',
  name: 'pool',
  about: 'acquire and release of an idle resource; two events, two clock reads, and two histograms with the SDK',
  isHot: true,
  expected: 'done',
  subjects: [
    ...subjects(
      async () => loans(await pool()),
      async () => {
        const one = await pool();
        one.onEvent((await diagnostics()).publishEvents('pool', { name: 'one' }));
        return loans(one);
      },
      async () => {
        const one = await pool();
        (await otel()).observePool(await sdkMeter(), one);
        return loans(one);
      },
    ),
    {
      name: 'otel, the SDK, without times',
      prepare: async () => {
        const one = await pool();
        (await otel()).observePool(await sdkMeter(), one, { times: false });
        return loans(one);
      },
    },
    {
      name: RECORDS,
      prepare: async () => {
        const histogram = (await sdkMeter()).createHistogram('time', {
          unit: 's',
          description: 'x',
          attributeNames: [],
        });
        const attributes = { 'db.client.connection.pool.name': 'one' };
        return loans(await pool(), () => histogram.record(0.001, attributes));
      },
    },
  ],
  measures: [
    time(
      { subject: CHANNEL, against: PLAIN, ratio: 3 },
      { subject: 'otel, the SDK, without times', against: PLAIN, ratio: 1.05 },
      { subject: SDK, against: RECORDS, ratio: 1.3 },
    ),
  ],
};

async function hits(listeners: object = {}): Promise<CacheModule.Cache<string, number>> {
  const { createCache } = await load<typeof CacheModule>('holdfast/cache');
  const cache = createCache<string, number>({ maxEntries: 1_000, ...listeners });
  cache.set('key', 1);
  return cache;
}

const caches: Case = {
  kind: 'loop',
  name: 'cache',
  about: 'a read that hits',
  isHot: true,
  expected: 1,
  subjects: subjects(
    async () => {
      const cache = await hits();
      return direct(() => cache.get('key'));
    },
    async () => {
      const cache = await hits((await diagnostics()).publishCache({ name: 'one' }));
      return direct(() => cache.get('key'));
    },
    async () => {
      const cache = await hits();
      (await otel()).observeCache(await sdkMeter(), cache, { name: 'one' });
      return direct(() => cache.get('key'));
    },
  ),
  measures: within(1.05, 1.05),
};

interface Tracing {
  readonly TracerProvider: new () => { getTracer(name: string): OtelModule.Tracer };
}

const spans: Case = {
  kind: 'loop',
  name: 'span',
  about: 'a call through a retry that is not needed; with a span, of the SDK, that nobody exports',
  expected: answer,
  subjects: [
    {
      name: PLAIN,
      prepare: async () => {
        const policy = (await load<typeof PolicyModule>('holdfast/policy')).retry();
        return awaited(() => policy.run(succeed));
      },
    },
    {
      name: 'tracePolicy, the SDK',
      prepare: async () => {
        const { pipeline, retry } = await load<typeof PolicyModule>('holdfast/policy');
        const { TracerProvider } = await load<Tracing>('@opentelemetry/sdk-trace');
        const tracer = new TracerProvider().getTracer('bench');
        const policy = pipeline((await otel()).tracePolicy(tracer, { name: 'one' }), retry());
        return awaited(() => policy.run(succeed));
      },
    },
    {
      name: 'limit: startActiveSpan, end',
      prepare: async () => {
        const { TracerProvider } = await load<Tracing>('@opentelemetry/sdk-trace');
        const policy = (await load<typeof PolicyModule>('holdfast/policy')).retry();
        const tracer = new TracerProvider().getTracer('bench');
        const traced = (): Promise<typeof answer> =>
          tracer.startActiveSpan('one', {}, (span) => policy.run(succeed).finally(() => span.end()));
        return awaited(traced);
      },
    },
  ],
  measures: [time({ subject: 'tracePolicy, the SDK', against: 'limit: startActiveSpan, end', ratio: 1.3 })],
};

const sizes: Case = {
  kind: 'observed',
  name: 'size of observing',
  about: 'minified and compressed with brotli',
  rounds: 1,
  subjects: [
    bundled('publishEvents', "export { publishEvents } from 'holdfast/diagnostics';"),
    bundled('observeCircuitBreaker', "export { observeCircuitBreaker } from 'holdfast/otel';"),
    bundled('observePool', "export { observePool } from 'holdfast/otel';"),
    bundled('promMeter', "export { promMeter } from 'holdfast/otel';"),
    bundled('tracePolicy', "export { tracePolicy } from 'holdfast/otel';"),
    bundled('all of holdfast/otel', "export * from 'holdfast/otel';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [] }],
};

export const cases: readonly Case[] = [circuits, limiters, pools, caches, spans, sizes];
