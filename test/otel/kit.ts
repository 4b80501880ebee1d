import type { Attributes, InstrumentOptions, Meter, Observable, ObservableResult } from '../../src/otel/index.ts';

type Callback = (result: ObservableResult) => void;

/** A meter that shows what it was given. */
export interface FakeMeter {
  readonly meter: Meter;
  /** Name of each instrument made, with its kind and unit, and what else it was told. */
  readonly made: ReadonlyMap<string, InstrumentOptions & { readonly kind: string }>;
  /** Values by `name{values of the attributes}`, as one collection gives them. */
  collect(): Record<string, number>;
  /** Callbacks that are registered. */
  callbacks(): number;
  /** `name{values} value` of each value that a histogram has got. */
  readonly records: string[];
}

/** The values of attributes, in order: their names are in the options of the instrument. */
function labelled(name: string, attributes: Attributes): string {
  return `${name}{${Object.values(attributes).join(',')}}`;
}

export function fakeMeter(endsSeries: boolean = false): FakeMeter {
  const made = new Map<string, InstrumentOptions & { readonly kind: string }>();
  const callbacks = new Map<string, Set<Callback>>();
  const records: string[] = [];
  // What must not be; thrown at collections, because what a meter throws before is only reported.
  const faults: string[] = [];
  const observable =
    (kind: string) =>
    (name: string, options: InstrumentOptions): Observable => {
      if (made.has(name)) faults.push(`made twice: ${name}`);
      made.set(name, { kind, ...options });
      const own = new Set<Callback>();
      callbacks.set(name, own);
      return {
        addCallback(callback) {
          if (own.has(callback)) faults.push(`added twice: ${name}`);
          own.add(callback);
        },
        removeCallback(callback) {
          if (!own.delete(callback)) faults.push(`removed twice: ${name}`);
        },
      };
    };
  const meter: Meter = {
    createObservableCounter: observable('counter'),
    createObservableUpDownCounter: observable('up-down'),
    createObservableGauge: observable('gauge'),
    createHistogram(name, options) {
      if (made.has(name)) faults.push(`made twice: ${name}`);
      made.set(name, { kind: 'histogram', ...options });
      return {
        record: (value, attributes) => void records.push(`${labelled(name, attributes)} ${value}`),
        remove: (attributes) => void records.push(`${labelled(name, attributes)} removed`),
      };
    },
    endsSeries,
  };
  const collect = (): Record<string, number> => {
    const values: Record<string, number> = {};
    for (const [name, own] of callbacks) {
      const declared = made.get(name)!.attributeNames;
      for (const callback of own)
        callback({
          observe(value, attributes) {
            const key = labelled(name, attributes);
            if (key in values) faults.push(`observed twice: ${key}`);
            const strangers = Object.keys(attributes).filter((attribute) => !declared.includes(attribute));
            if (strangers.length > 0) faults.push(`not declared: ${strangers.join(', ')}`);
            values[key] = value;
          },
        });
    }
    if (faults.length > 0) throw new Error(faults.join(', '));
    return values;
  };
  const count = (): number => [...callbacks.values()].reduce((sum, own) => sum + own.size, 0);
  return { meter, made, collect, callbacks: count, records };
}

/** Only those of one metric, without its name. */
export function only(values: Record<string, number>, name: string): Record<string, number> {
  const own = Object.entries(values).filter(([key]) => key.startsWith(`${name}{`));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(name.length + 1, -1), value]));
}
