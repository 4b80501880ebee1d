import { amount, integer } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemTime } from '../core/clock.ts';
import { emit } from '../core/errors.ts';

/** A host was taken out of use, or came back. */
export type OutlierEvent =
  | { readonly type: 'ejected'; readonly id: string; readonly forMs: number }
  | { readonly type: 'returned'; readonly id: string };

/** Options of {@link createOutlierDetector}. */
export interface OutlierOptions {
  /** Failures in a row after which a host is ejected. @defaultValue 5 */
  readonly consecutiveFailures?: number | undefined;
  /** The first ejection lasts this long, the n-th in a row n times as long. @defaultValue 30000 */
  readonly baseEjectionMs?: number | undefined;
  /** No ejection lasts longer. @defaultValue 300000 */
  readonly maxEjectionMs?: number | undefined;
  /** Share of the hosts that may be ejected at a time, the one to be ejected included. @defaultValue 0.5 */
  readonly maxEjectionRatio?: number | undefined;
  readonly onEvent?: ((event: OutlierEvent) => void) | undefined;
  readonly clock?: Pick<Clock, 'now'> | undefined;
}

/** Takes hosts out of use that fail again and again. */
export interface OutlierDetector {
  /** Ids of hosts that are ejected now. */
  readonly ejected: readonly string[];
  /** The hosts there are; what was known of others is forgotten. Pickers call it. */
  setHosts(ids: Iterable<string>): void;
  /** A call on a host is over. Pickers call it. Unknown hosts are ignored. */
  record(id: string, isOk: boolean): void;
  /** Whether the host is ejected now. O(1). */
  isEjected(id: string): boolean;
  /** Takes the host back at once, and forgets its ejections. */
  uneject(id: string): void;
}

interface Record {
  failures: number;
  /** Ejections that still count. */
  ejections: number;
  untilMs: number;
}

/**
 * Creates an {@link OutlierDetector}. One can serve several pickers over the same hosts.
 *
 * After Envoy's outlier detection, but `maxEjectionRatio` holds after each ejection, and never forces one.
 * An ejection counts towards the length of the next one until the host has been back as long as it was out.
 *
 * @example
 * ```ts
 * import { createOutlierDetector, createRoundRobin } from 'holdfast/balance';
 *
 * const outliers = createOutlierDetector({ consecutiveFailures: 3 });
 * const hosts = createRoundRobin([{ id: 'a' }, { id: 'b' }, { id: 'c' }], { outliers });
 * for (let k = 0; k < 9; k++) {
 *   const lease = hosts.pick()!;
 *   lease.release(lease.id !== 'b');
 * }
 * console.log(outliers.ejected); // [ 'b' ]
 * ```
 *
 * @throws RangeError or TypeError for bad options.
 */
export function createOutlierDetector(options: OutlierOptions = {}): OutlierDetector {
  return new FailureCounter(options);
}

class FailureCounter implements OutlierDetector {
  readonly #threshold: number;
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #ratio: number;
  readonly #onEvent: OutlierOptions['onEvent'];
  readonly #clock: Pick<Clock, 'now'>;
  readonly #records = new Map<string, Record>();
  readonly #out = new Set<string>();
  /** Nobody comes back before. */
  #nextMs = Infinity;
  #lastMs = -Infinity;
  #skewMs = 0;

  constructor(options: OutlierOptions) {
    const {
      consecutiveFailures = 5,
      baseEjectionMs = 30_000,
      maxEjectionMs = 300_000,
      maxEjectionRatio = 0.5,
      onEvent,
      clock = systemTime,
    } = options;
    this.#threshold = integer('consecutiveFailures', consecutiveFailures, 1);
    this.#baseMs = amount('baseEjectionMs', baseEjectionMs, 1);
    this.#maxMs = amount('maxEjectionMs', maxEjectionMs, this.#baseMs);
    this.#ratio = amount('maxEjectionRatio', maxEjectionRatio, 0, 1);
    this.#onEvent = onEvent;
    this.#clock = clock;
  }

  get ejected(): readonly string[] {
    this.#takeBack();
    return [...this.#out];
  }

  setHosts(ids: Iterable<string>): void {
    const known = new Set(ids);
    for (const id of known)
      if (!this.#records.has(id)) this.#records.set(id, { failures: 0, ejections: 0, untilMs: 0 });
    for (const id of this.#records.keys())
      if (!known.has(id)) {
        this.#records.delete(id);
        this.#out.delete(id);
      }
  }

  record(id: string, isOk: boolean): void {
    const record = this.#records.get(id);
    if (!record || (this.#out.has(id) && this.isEjected(id))) return;
    record.failures = isOk ? 0 : record.failures + 1;
    if (record.failures < this.#threshold) return;
    const nowMs = this.#takeBack();
    // Not by a product: 0.29 x 100 is less than 29.
    if ((this.#out.size + 1) / this.#records.size > this.#ratio) return;
    this.#eject(id, record, nowMs);
  }

  #eject(id: string, record: Record, nowMs: number): void {
    const lastMs = Math.min(this.#maxMs, record.ejections * this.#baseMs);
    if (nowMs - record.untilMs >= lastMs) record.ejections = 0;
    const forMs = Math.min(this.#maxMs, ++record.ejections * this.#baseMs);
    record.untilMs = nowMs + forMs;
    record.failures = 0;
    this.#out.add(id);
    this.#nextMs = Math.min(this.#nextMs, record.untilMs);
    emit(this.#onEvent, { type: 'ejected', id, forMs });
  }

  isEjected(id: string): boolean {
    if (this.#out.size === 0) return false;
    this.#takeBack();
    return this.#out.has(id);
  }

  /** Takes back whose time is over, and answers the time. */
  #takeBack(): number {
    const nowMs = this.#now();
    if (nowMs >= this.#nextMs) this.#return([...this.#out].filter((id) => nowMs >= this.#untilMs(id)));
    return nowMs;
  }

  #untilMs(id: string): number {
    return this.#records.get(id)!.untilMs;
  }

  /** All are back before the first is told of: a listener may ask. */
  #return(ids: readonly string[]): void {
    for (const id of ids) {
      this.#records.get(id)!.failures = 0;
      this.#out.delete(id);
    }
    this.#nextMs = Math.min(...[...this.#out].map((id) => this.#untilMs(id)));
    for (const id of ids) emit(this.#onEvent, { type: 'returned', id });
  }

  uneject(id: string): void {
    const record = this.#records.get(id);
    if (!record) return;
    record.ejections = 0;
    if (this.#out.has(id)) this.#return([id]);
  }

  /** A clock that was set back goes on from where it was. */
  #now(): number {
    const nowMs = this.#clock.now() + this.#skewMs;
    if (nowMs < this.#lastMs) this.#skewMs += this.#lastMs - nowMs;
    else this.#lastMs = nowMs;
    return this.#lastMs;
  }
}
