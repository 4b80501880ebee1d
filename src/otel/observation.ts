import { refuse } from '../core/check.ts';
import type { Hub } from './hub.ts';
import { hubOf } from './hub.ts';
import type { MetricKind } from './instrument.ts';
import type { Attributes, Meter } from './meter.ts';

/** Options of everything that is observed. */
export interface ObserveOptions {
  /**
   * Tells those of one kind apart in metrics; those of one name are added up. Not for what comes from outside: of the
   * names of one kind a meter takes the first 200, and calls all further ones `other`.
   *
   * @defaultValue the name of the primitive, where it has one
   */
  readonly name?: string | undefined;
}

/** Options of what has no name of its own. */
export interface NamedOptions extends ObserveOptions {
  readonly name: string;
}

/** What is shown of a primitive, until it is closed. Primitives know nothing of it and do not end it. */
export interface Observation extends Disposable {
  /** Ends it: its series are not observed any more, and nothing refers to the primitive. Further calls do nothing. */
  close(): void;
}

/** One number of a primitive and the series that it goes to. */
export interface Row {
  /** The metric, without what stands before it for all metrics of its kind. */
  readonly metric: string;
  readonly kind: MetricKind;
  readonly unit: string;
  readonly description: string;
  readonly read: () => number;
  /** Attributes besides the name, without what stands before them. */
  readonly by?: Attributes;
}

/** Shows that share one name, and end together. */
export class Observed implements Observation {
  readonly hub: Hub;
  /** The attribute that says which one it is, with its value. */
  readonly own: Attributes;
  readonly #prefix: string;
  readonly #attribute: string;
  readonly #name: string;
  #ends: (() => void)[] = [];
  #onLast: (() => void) | undefined;
  isClosed: boolean = false;

  constructor(meter: Meter, prefix: string, name: string | undefined, attribute: string = `${prefix}.name`) {
    this.hub = hubOf(meter);
    if (typeof name !== 'string' || !name) refuse('name', 'a text of at least one character', name);
    this.#prefix = prefix;
    this.#attribute = attribute;
    this.#name = this.hub.admit(attribute, name);
    this.own = { [attribute]: this.#name };
  }

  show(row: Row, attributeNames?: readonly string[]): void {
    const { metric, by = {}, read, kind, unit, description } = row;
    const attributes: Record<string, string> = { ...this.own };
    for (const [name, value] of Object.entries(by)) attributes[`${this.#prefix}.${name}`] = value;
    const names = attributeNames?.map((name) => `${this.#prefix}.${name}`) ?? Object.keys(attributes);
    const what = { name: `${this.#prefix}.${metric}`, kind, unit, description, attributeNames: names };
    this.onClose(this.hub.watch(what, attributes, read));
  }

  /** A value from outside for another attribute, or what stands for it. */
  admit(attribute: string, value: string): string {
    const full = `${this.#prefix}.${attribute}`;
    const shown = this.hub.admit(full, value);
    if (shown === value) this.onClose(() => void this.hub.leave(full, value));
    return shown;
  }

  onClose(end: () => void): void {
    this.#ends.push(end);
  }

  /** Has `end` called at the close of the last with this name, where series end. */
  onLast(end: () => void): void {
    this.#onLast = end;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const end of this.#ends) end();
    this.#ends = [];
    if (this.hub.leave(this.#attribute, this.#name)) this.#onLast?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Shows rows of numbers under `holdfast.<kind>.`. */
export function observe(meter: Meter, kind: string, name: string | undefined, rows: readonly Row[]): Observed {
  const observed = new Observed(meter, `holdfast.${kind}`, name);
  for (const row of rows) observed.show(row);
  return observed;
}

/** A row for a number that grows. */
export function total(metric: string, unit: string, description: string, read: () => number, by?: Attributes): Row {
  return row('total', metric, unit, description, read, by);
}

/** A row for how many there are now. */
export function level(metric: string, unit: string, description: string, read: () => number, by?: Attributes): Row {
  return row('level', metric, unit, description, read, by);
}

/** A row for a share or a rate. */
export function peak(metric: string, unit: string, description: string, read: () => number): Row {
  return row('peak', metric, unit, description, read, undefined);
}

function row(
  kind: MetricKind,
  metric: string,
  unit: string,
  description: string,
  read: () => number,
  by: Attributes | undefined,
): Row {
  return { kind, metric, unit, description, read, ...(by && { by }) };
}
