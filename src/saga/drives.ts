import { emit, reportError } from '../core/errors.ts';
import type { AnySaga } from './definition.ts';
import { LeaseLostError, SagaCancelledError, SagaCompensatedError, SagaStuckError } from './errors.ts';
import { Execution } from './execution.ts';
import { Journal } from './journal.ts';
import type { Scribe } from './journal.ts';
import { Released } from './let-go.ts';
import type { Terms } from './runner-terms.ts';
import type { SagaEvent } from './saga-runner.ts';
import type { SagaNews, SagaRecord, SagaSnapshot } from './saga-store.ts';
import { deserialize } from './serializer.ts';
import { Failure } from './step-run.ts';
import { Spans } from './tracing.ts';
import type { SagaSpan } from './tracing.ts';
import type { Worker } from './worker.ts';

/** From so many deaths without progress on, a saga is suspected of causing them, and driven with no other suspect. */
export const SUSPECT_AFTER = 2;

interface Drive {
  readonly execution: Execution;
  readonly journal: Journal;
  readonly isSuspect: boolean;
  ended: Promise<void>;
}

/** How a saga has ended here, or that it has come to rest. */
export type Ending =
  | { readonly isOk: true; readonly results: unknown }
  | { readonly isOk: false; readonly error: unknown };

/** The sagas that this process drives. */
export class Drives {
  /** Set when nothing more may begin: sagas are let go of where they stand. */
  isHalted: boolean = false;
  readonly #terms: Terms;
  readonly #onEnd: (id: string, ending: Ending | undefined) => void;
  readonly #drives = new Map<string, Drive>();
  readonly #spans: Spans | undefined;

  constructor(terms: Terms, onEnd: (id: string, ending: Ending | undefined) => void) {
    this.#terms = terms;
    this.#spans = terms.tracer && new Spans(terms.tracer);
    this.#onEnd = onEnd;
  }

  get size(): number {
    return this.#drives.size;
  }

  get hasSuspect(): boolean {
    return [...this.#drives.values()].some(({ isSuspect }) => isSuspect);
  }

  has(id: string): boolean {
    return this.#drives.has(id);
  }

  ids(): string[] {
    return [...this.#drives.keys()];
  }

  /** Waits until all have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#drives.values()].map((drive) => drive.ended));
  }

  /** The lease is lost, or given back. */
  stop(reason: unknown): void {
    for (const { execution } of this.#drives.values()) execution.stop(reason);
  }

  cancel(id: string, reason: string): void {
    this.#drives.get(id)?.execution.cancel(new SagaCancelledError(reason));
  }

  hear({ id, signals, cancelReason }: SagaNews): void {
    const drive = this.#drives.get(id);
    if (!drive || cancelReason === null) return;
    // Where the cancellation counts, nothing waits for events any more, so they have been seen.
    if (drive.execution.cancel(new SagaCancelledError(cancelReason))) drive.journal.seenSignals = signals;
  }

  definitionOf({ name, version }: SagaRecord): AnySaga | undefined {
    return this.#terms.sagas.find((saga) => saga.name === name && saga.version === version);
  }

  /** The results of a saga that has completed, from its log. */
  resultsOf(snapshot: SagaSnapshot): Promise<unknown> {
    return this.#execution(snapshot, this.journalOf(snapshot)).drive();
  }

  journalOf(snapshot: SagaSnapshot, worker?: Worker): Journal {
    const { clock, pollMs } = this.#terms;
    const { id, name } = snapshot.record;
    const throwIfLost = (): void => worker?.throwIfLost();
    const scribe: Scribe = {
      throwIfLost,
      check: () => {
        if (!worker) throw new RangeError(`${name} has changed under its version since ${id} completed`);
        throwIfLost();
        if (this.isHalted) throw new Released(0);
      },
      write: (write) => worker!.write(write),
      atomic: (saga, fn, isFault) => worker!.atomic(saga, fn, isFault),
      nowMs: () => clock.now(),
    };
    return new Journal(snapshot, scribe, pollMs);
  }

  #execution({ record }: SagaSnapshot, journal: Journal): Execution {
    const { clock, random, abandonMs, onEvent } = this.#terms;
    const { id } = record;
    const onLate = (step: string, isOk: boolean, result: unknown): void =>
      emit(onEvent, { type: 'late', id, step, isOk, result });
    const world = { clock, random, abandonMs, onLate, spans: this.#spans };
    return new Execution(this.definitionOf(record)!, deserialize(record.input), id, world, true, journal);
  }

  start(
    worker: Worker,
    snapshot: SagaSnapshot,
    type: 'started' | 'resumed',
    revive?: (journal: Journal) => void,
  ): void {
    const { id, name, recoveries, cancelReason, isCancellable } = snapshot.record;
    const journal = this.journalOf(snapshot, worker);
    revive?.(journal);
    const execution = this.#execution(snapshot, journal);
    if (cancelReason !== null && isCancellable) execution.cancel(new SagaCancelledError(cancelReason));
    const drive = { execution, journal, isSuspect: recoveries >= SUSPECT_AFTER, ended: Promise.resolve() };
    this.#drives.set(id, drive);
    emit(this.#terms.onEvent, { type, id, name, recoveries });
    const isPoison = recoveries > this.#terms.maxRecoveries;
    const whole = (span?: SagaSpan): Promise<void> =>
      this.#end(id, name, journal, isPoison ? park(id, journal) : execution.drive(), span);
    drive.ended = this.#spans ? this.#spans.saga(snapshot.record, whole) : whole();
  }

  async #end(id: string, name: string, journal: Journal, driven: Promise<unknown>, span?: SagaSpan): Promise<void> {
    let event: SagaEvent = { type: 'completed', id, name };
    let ending: Ending | undefined;
    try {
      ending = { isOk: true, results: await driven };
    } catch (error) {
      event = await this.#setback(id, name, journal, error);
      if ('error' in event) ending = { isOk: false, error: event.error };
    }
    this.#spans?.end(span, event.type, ending?.isOk === false ? ending.error : undefined);
    // Where it came back under a new lease before the old one had let go of it, that entry is another's.
    if (this.#drives.get(id)?.journal === journal) this.#drives.delete(id);
    emit(this.#terms.onEvent, event);
    this.#onEnd(id, ending);
  }

  async #setback(id: string, name: string, journal: Journal, error: unknown): Promise<SagaEvent> {
    if (error instanceof SagaCompensatedError) return { type: 'compensated', id, name, error };
    if (error instanceof SagaStuckError) return { type: 'stuck', id, name, error };
    try {
      if (error instanceof Released) await journal.flush(error.afterMs);
      else if (!(error instanceof LeaseLostError)) {
        reportError(error);
        await journal.finish('stuck', new Failure('', error));
        return { type: 'stuck', id, name, error: new SagaStuckError(id, '', error) };
      }
    } catch {
      return { type: 'lost', id, name };
    }
    return { type: error instanceof Released ? 'waiting' : 'lost', id, name };
  }
}

async function park(id: string, journal: Journal): Promise<never> {
  const error = new Error(`it has brought down ${journal.recoveries} workers without getting any further`);
  await journal.finish('stuck', new Failure('', error));
  throw new SagaStuckError(id, '', error);
}
