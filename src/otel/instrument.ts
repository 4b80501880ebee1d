import { guarded } from '../core/errors.ts';
import type { Attributes, InstrumentOptions, Meter, Observable, ObservableResult } from './meter.ts';

/** How values of one series come together, and what kind of instrument shows them. */
export type MetricKind =
  /** Grows; values of several are added. */
  | 'total'
  /** How many there are now; values of several are added. */
  | 'level'
  /** A share or rate; of several, the highest is shown. */
  | 'peak';

/** A metric: its name and what is said about it. */
export interface Metric extends InstrumentOptions {
  readonly name: string;
  readonly kind: MetricKind;
}

/** What stands behind one set of attributes. */
interface Series {
  readonly attributes: Attributes;
  readonly reads: Set<() => number>;
  /** Of a total: what those counted that have been closed. 0 of all others. */
  past: number;
  /** Whether a last value is still to be shown. */
  isEnding: boolean;
}

function create(meter: Meter, { name, kind, ...options }: Metric): Observable {
  if (kind === 'total') return meter.createObservableCounter(name, options);
  return kind === 'level'
    ? meter.createObservableUpDownCounter(name, options)
    : meter.createObservableGauge(name, options);
}

/**
 * One instrument of a meter, and all that is shown by it. It has a callback while something is, and reads at
 * collections only: what is observed pays nothing in between.
 */
export class Instrument {
  readonly #observable: Observable | undefined;
  readonly #kind: MetricKind;
  readonly #endsSeries: boolean;
  readonly #series = new Map<string, Series>();
  /** Series that have something to show. */
  #awake = 0;
  #isListening = false;
  #isObserving = false;

  constructor(meter: Meter, metric: Metric) {
    this.#kind = metric.kind;
    this.#endsSeries = meter.endsSeries === true;
    this.#observable = guarded(undefined, create, meter, metric);
  }

  /** Adds what `read` answers to the series with these attributes. The answer takes it away; to be called once. */
  watch(attributes: Attributes, read: () => number): () => void {
    const key = JSON.stringify(attributes);
    const series = this.#series.get(key) ?? { attributes, reads: new Set(), past: 0, isEnding: false };
    const own = (): number => read();
    this.#series.set(key, series);
    if (!series.reads.size && !series.isEnding) this.#awake++;
    series.isEnding = false;
    series.reads.add(own);
    this.#listen();
    return () => {
      if (this.#kind === 'total') series.past += valueOf(own) ?? 0;
      series.reads.delete(own);
      if (!series.reads.size) this.#end(key, series);
    };
  }

  #end(key: string, series: Series): void {
    // A meter that keeps what it was shown would keep an alert up, and not know what was counted since it last looked.
    series.isEnding = !this.#endsSeries;
    if (series.isEnding) return;
    this.#series.delete(key);
    this.#rest();
  }

  #rest(): void {
    this.#awake--;
    // Not while the meter goes through its callbacks, of which it might skip the next one.
    if (this.#isObserving) queueMicrotask(() => this.#listen());
    else this.#listen();
  }

  /** Has a callback exactly while something is to be shown. */
  #listen(): void {
    const observable = this.#observable;
    const isNeeded = this.#awake > 0;
    if (!observable || isNeeded === this.#isListening) return;
    this.#isListening = isNeeded;
    guarded(undefined, () =>
      isNeeded ? observable.addCallback(this.#observe) : observable.removeCallback(this.#observe),
    );
  }

  readonly #observe = (result: ObservableResult): void => {
    this.#isObserving = true;
    for (const [key, series] of this.#series) {
      const value = series.isEnding ? series.past : this.#valueOf(series);
      if (value !== undefined) guarded(undefined, () => result.observe(value, series.attributes));
      if (!series.isEnding) continue;
      series.isEnding = false;
      // A total goes on from there if its name comes back.
      if (this.#kind !== 'total') this.#series.delete(key);
      this.#rest();
    }
    this.#isObserving = false;
  };

  #valueOf({ reads, past }: Series): number | undefined {
    const values = [...reads].map(valueOf).filter((value) => value !== undefined);
    if (!values.length) return undefined;
    return this.#kind === 'peak' ? Math.max(...values) : values.reduce((sum, value) => sum + value, past);
  }
}

/** What is read, unless that fails or is no number that could be shown. */
function valueOf(read: () => number): number | undefined {
  const value = guarded(undefined, read);
  return Number.isFinite(value) ? value : undefined;
}
