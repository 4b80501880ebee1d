import { refuse } from '../core/check.ts';
import { guarded } from '../core/errors.ts';
import { Instrument } from './instrument.ts';
import type { Metric } from './instrument.ts';
import type { Attributes, Histogram, InstrumentOptions, Meter } from './meter.ts';

/**
 * Values that one attribute has at most in one meter. With six states to a circuit that makes 1200 series, below the
 * 2000 at which OpenTelemetry's SDK cuts an instrument off.
 */
const VALUE_LIMIT = 200;

/** Stands for all further values. */
const OTHER = 'other';

/** Bounds for times in seconds, as the conventions give them for operations of a database client. */
const SECONDS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** What is known of one meter: its instruments, made once, and the values that its attributes have. */
export class Hub {
  readonly #meter: Meter;
  readonly #instruments = new Map<string, Instrument>();
  readonly #histograms = new Map<string, Histogram | undefined>();
  /** By attribute: how many use each value, or have used it where a meter keeps series. */
  readonly #values = new Map<string, Map<string, number>>();

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** Takes a place for a value among those of an attribute, and answers it, or what stands for it. */
  admit(attribute: string, value: string): string {
    const users = this.#values.get(attribute) ?? new Map<string, number>();
    this.#values.set(attribute, users);
    const count = users.get(value) ?? 0;
    if (!count && users.size >= VALUE_LIMIT) return OTHER;
    users.set(value, count + 1);
    return value;
  }

  /** Gives the place back where series end, and says whether it was the last with this value. */
  leave(attribute: string, value: string): boolean {
    const users = this.#values.get(attribute);
    const count = users?.get(value) ?? 0;
    if (!this.#meter.endsSeries || !users || !count) return false;
    if (count > 1) users.set(value, count - 1);
    else users.delete(value);
    return count === 1;
  }

  watch(metric: Metric, attributes: Attributes, read: () => number): () => void {
    const instrument = this.#instruments.get(metric.name) ?? new Instrument(this.#meter, metric);
    this.#instruments.set(metric.name, instrument);
    return instrument.watch(attributes, read);
  }

  /** A histogram of times in seconds. */
  seconds(name: string, description: string, attributeNames: readonly string[]): Histogram | undefined {
    if (!this.#histograms.has(name)) {
      const advice = { explicitBucketBoundaries: [...SECONDS] };
      const options: InstrumentOptions = { description, unit: 's', advice, attributeNames };
      this.#histograms.set(
        name,
        guarded(undefined, () => this.#meter.createHistogram(name, options)),
      );
    }
    return this.#histograms.get(name);
  }
}

/** One hub per meter, so that those of one name add up instead of overwriting each other. */
const hubs: WeakMap<Meter, Hub> = /* @__PURE__ */ new WeakMap();

/** The hub of a meter. */
export function hubOf(meter: Meter): Hub {
  if (typeof meter?.createObservableGauge !== 'function') refuse('meter', 'a meter of OpenTelemetry', meter);
  const hub = hubs.get(meter) ?? new Hub(meter);
  hubs.set(meter, hub);
  return hub;
}
