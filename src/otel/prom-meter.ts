import { refuse } from '../core/check.ts';
import type { Attributes, Histogram, InstrumentOptions, Meter, Observable } from './meter.ts';

/** A registry of prom-client. */
export interface PromRegistry {
  removeSingleMetric(name: string): void;
}

/** What is used of a counter or gauge of prom-client. */
export interface PromNumber {
  reset(): void;
  inc(labels: never, value: number): void;
}

/** What is used of a histogram of prom-client. */
export interface PromHistogram {
  observe(labels: never, value: number): void;
  remove(labels: never): void;
}

/** What is used of prom-client, as `import client from 'prom-client'` gives it. */
export interface PromClient {
  readonly Counter: new (configuration: never) => PromNumber;
  readonly Gauge: new (configuration: never) => PromNumber;
  readonly Histogram: new (configuration: never) => PromHistogram;
  /** The registry that is used when none is given. */
  readonly register: PromRegistry;
}

/** A second meter would make metrics of the same names, which a registry refuses. */
const meters: WeakMap<PromRegistry, Meter> = /* @__PURE__ */ new WeakMap();

/**
 * Makes a meter of prom-client, for all functions here that take one. A registry has one: further calls answer the same.
 *
 * Metrics and labels are called as OpenTelemetry's rules for Prometheus have it: `_` for what is no letter or digit,
 * then the unit, then `_total`: `db_client_connection_wait_time_seconds`. Values are read when the registry is scraped;
 * a series ends with the last observation that shows it, a metric with its last series. Where prom-client brings the
 * workers of a cluster together, levels and totals add up, and of shares the highest is shown.
 *
 * @example
 * ```ts
 * import client from 'prom-client';
 * import { observeBulkhead, promMeter } from 'holdfast/otel';
 * import { createBulkhead } from 'holdfast/policy';
 *
 * const meter = promMeter(client);
 * observeBulkhead(meter, createBulkhead({ maxConcurrent: 4 }), { name: 'reports' });
 * console.log(await client.register.metrics());
 * ```
 *
 * @throws TypeError when `client` is not prom-client.
 */
export function promMeter(client: PromClient, registry: PromRegistry = client?.register): Meter {
  if (typeof client?.Gauge !== 'function') refuse('client', 'prom-client', client);
  if (typeof registry?.removeSingleMetric !== 'function') refuse('registry', 'a registry of prom-client', registry);
  const known = meters.get(registry);
  if (known) return known;

  const configured = (name: string, { unit, description, attributeNames }: InstrumentOptions, isTotal = false) => ({
    name: `${plain(name)}${UNITS[unit] ?? ''}${isTotal ? '_total' : ''}`,
    help: description,
    labelNames: attributeNames.map(plain),
    registers: [registry],
  });

  const observable =
    (Metric: PromClient['Gauge'], isTotal: boolean, aggregator: 'sum' | 'max' = 'sum') =>
    (name: string, options: InstrumentOptions): Observable => {
      const configuration = { ...configured(name, options, isTotal), aggregator };
      return {
        addCallback(callback): void {
          const collect = function (this: PromNumber): void {
            this.reset();
            callback({ observe: (value, attributes) => this.inc(labels(attributes), value) });
          };
          void new Metric({ ...configuration, collect } as never);
        },
        removeCallback: () => registry.removeSingleMetric(configuration.name),
      };
    };

  const createHistogram = (name: string, options: InstrumentOptions): Histogram => {
    const configuration = { ...configured(name, options), buckets: options.advice?.explicitBucketBoundaries };
    const make = (): PromHistogram => new client.Histogram(configuration as never);
    const series = new Set<string>();
    let metric: PromHistogram | undefined = make();
    return {
      record(value, attributes) {
        series.add(Object.values(attributes).join('\0'));
        metric ??= make();
        metric.observe(labels(attributes), value);
      },
      remove(attributes) {
        metric?.remove(labels(attributes));
        series.delete(Object.values(attributes).join('\0'));
        if (series.size || !metric) return;
        metric = undefined;
        registry.removeSingleMetric(configuration.name);
      },
    };
  };

  const meter: Meter = {
    createObservableCounter: observable(client.Counter, true),
    createObservableUpDownCounter: observable(client.Gauge, false),
    createObservableGauge: observable(client.Gauge, false, 'max'),
    createHistogram,
    endsSeries: true,
  };
  meters.set(registry, meter);
  return meter;
}

/** What OpenTelemetry's rules put at the end for a unit; what is counted is left out. */
const UNITS: Readonly<Record<string, string>> = { s: '_seconds', '1': '_ratio' };

function plain(name: string): string {
  return name.replaceAll(/\W/g, '_');
}

function labels(attributes: Attributes): never {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [plain(name), value])) as never;
}
