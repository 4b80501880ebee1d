/*
 * The parts of @opentelemetry/api 1.10 that are used here, by their shape: a meter or tracer of that package fits, and
 * so does anything that has the same methods.
 */

/** Labels of a series. */
export type Attributes = Readonly<Record<string, string>>;

/** What an instrument is told when it is made. */
export interface InstrumentOptions {
  readonly description: string;
  /** In UCUM: `s`, `1`, or what is counted, in braces. */
  readonly unit: string;
  readonly advice?: { explicitBucketBoundaries?: number[] };
  /** The names of all attributes that come. OpenTelemetry has no use for them; prom-client wants them beforehand. */
  readonly attributeNames: readonly string[];
}

/** Takes the values of an instrument at one collection. */
export interface ObservableResult {
  observe(value: number, attributes: Attributes): void;
}

/** An instrument that asks for its values at each collection. */
export interface Observable {
  addCallback(callback: (result: ObservableResult) => void): void;
  removeCallback(callback: (result: ObservableResult) => void): void;
}

/** An instrument that takes single values. */
export interface Histogram {
  record(value: number, attributes: Attributes): void;
  /** Ends a series, where that can be done: OpenTelemetry has no such thing. */
  remove?(attributes: Attributes): void;
}

/** A meter: `metrics.getMeter('...')` of OpenTelemetry, or {@link promMeter}. */
export interface Meter {
  createObservableCounter(name: string, options: InstrumentOptions): Observable;
  createObservableUpDownCounter(name: string, options: InstrumentOptions): Observable;
  createObservableGauge(name: string, options: InstrumentOptions): Observable;
  createHistogram(name: string, options: InstrumentOptions): Histogram;
  /**
   * Whether a series that is not observed is gone. OpenTelemetry's SDK goes on exporting the last value where
   * temporality is cumulative, so that levels are set to 0 at their end, and names stay taken.
   *
   * @defaultValue false
   */
  readonly endsSeries?: boolean | undefined;
}
