import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { AnySaga, Saga } from './definition.ts';
import type { LogEntry, SagaQuery, SagaRecord, SagaStore } from './saga-store.ts';
import type { SagaTracer } from './tracing.ts';

/** What a {@link SagaRunner} tells its listener. */
export type SagaEvent =
  /** This process drives the saga: it was just stored, or taken up where another left it. */
  | { readonly type: 'started' | 'resumed'; readonly id: string; readonly name: string; readonly recoveries: number }
  /** The saga rests until a time or an event, and is nobody's. */
  | { readonly type: 'waiting'; readonly id: string; readonly name: string }
  | { readonly type: 'completed'; readonly id: string; readonly name: string }
  | { readonly type: 'compensated' | 'stuck'; readonly id: string; readonly name: string; readonly error: unknown }
  /** Another process goes on with the saga. */
  | { readonly type: 'lost'; readonly id: string; readonly name: string }
  /** A call of a step settled after it had been left behind. What it did is nobody's. */
  | {
      readonly type: 'late';
      readonly id: string;
      readonly step: string;
      readonly isOk: boolean;
      readonly result: unknown;
    }
  /** The store failed; what was asked of it is repeated. */
  | { readonly type: 'store-fault'; readonly error: unknown }
  /** A saga waits for a process that has its definition. */
  | { readonly type: 'no-definition'; readonly id: string; readonly name: string; readonly version: number };

/** Options of {@link createSagaRunner}. */
export interface SagaRunnerOptions<Tx = unknown> {
  readonly store: SagaStore<Tx>;
  /** All definitions that this process can drive, old versions included. */
  readonly sagas: readonly AnySaga<Tx>[];
  /** How long the sagas of this process stay its own when it is not heard of. @defaultValue 30000 */
  readonly leaseMs?: number | undefined;
  /** @defaultValue a third of `leaseMs` */
  readonly heartbeatMs?: number | undefined;
  /**
   * How often to look for sagas that are due, and for results of sagas that others drive. Waits up to this are kept
   * in memory, longer ones in the store alone.
   *
   * @defaultValue 1000
   */
  readonly pollMs?: number | undefined;
  /** Sagas that are taken up at once. Those started here come on top. @defaultValue 256 */
  readonly concurrency?: number | undefined;
  /** How often a saga may bring down its process without getting any further, before it is parked. @defaultValue 20 */
  readonly maxRecoveries?: number | undefined;
  /** How long steps that were aborted may take to end, before they are left behind. @defaultValue 30000 */
  readonly abandonMs?: number | undefined;
  /** What it throws is reported and changes nothing. */
  readonly onEvent?: ((event: SagaEvent) => void) | undefined;
  /**
   * Gets a span for each saga from when this process takes it up until it ends or rests, and within it one for each
   * attempt of a step or a compensation; with ids, attempt and `holdfast.saga.outcome` as attributes. What it throws is
   * reported and changes nothing.
   */
  readonly tracer?: SagaTracer | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
  /** For jitter and ids. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** A saga, wherever it runs. */
export interface SagaHandle<R> extends AsyncDisposable {
  readonly id: string;
  /** Whether this start has stored it; false for one that was there, and for handles of `handle` and `recover`. */
  readonly created: boolean;
  /**
   * Waits for its end, also in another process, and resolves with its results. A store that fails is asked again with
   * the next poll, until it answers, `signal` aborts or the runner is closed; the saga goes on in any case.
   *
   * Rejects with SagaCompensatedError, with SagaStuckError as soon as it is stuck, with RangeError when the store does
   * not know it or `sagas` lacks its definition, with `signal.reason`, and with LeaseLostError when this runner is
   * closed first. Disposing waits for the same and never rejects.
   */
  result(options?: { readonly signal?: AbortSignal | undefined }): Promise<R>;
}

/**
 * Drives sagas that outlive their process.
 *
 * Each method that asks the store rejects with the store's error when that fails, unless it says that it asks again;
 * with LeaseLostError when the runner is closed; and with RangeError or TypeError for bad arguments.
 */
export interface SagaRunner extends AsyncDisposable {
  /**
   * Stores a saga and drives it. When this resolves, it outlives every process; before that nothing of it has run.
   *
   * With an id that exists: the same saga, whatever its state, if name and input are equal. Otherwise rejects with
   * SagaConflictError. Rejects with SerializationError for an input that cannot be stored. Rejects with the store's
   * error at once when this process has no lease and gets none, else when the store has failed for `leaseMs`; and with
   * LeaseLostError when the runner is closed first. Then it may have been stored and will run: start it again under the
   * same id to know.
   */
  start<I, R>(
    saga: Saga<I, R, never>,
    input: NoInfer<I>,
    options?: { readonly id?: string | undefined },
  ): Promise<SagaHandle<R>>;
  /** A saga by its id. Asks nobody. Throws RangeError or TypeError for what is no id. */
  handle<R = unknown>(id: string): SagaHandle<R>;
  /** Takes up sagas that are due now, and goes on looking for more from here on, as `start` does too. */
  recover(options?: { readonly limit?: number | undefined }): Promise<readonly SagaHandle<unknown>[]>;
  /** Takes up sagas as they fall due, until `close`. Keeps the process alive. */
  work(): Promise<void>;
  /** Sends an event; of one name, the first counts. False: the saga is unknown, or has ended. */
  signal(id: string, event: string, payload?: unknown): Promise<boolean>;
  /** Asks for a cancellation, which reaches a running step within a heartbeat. False: it is unknown, has ended or has passed its pivot. */
  cancel(id: string, reason?: string): Promise<boolean>;
  /** Goes on with a stuck saga where it is broken. False: it is not stuck, or its definition is not here. */
  retry(id: string): Promise<boolean>;
  /**
   * Goes on with a stuck saga as if `step` had been done by hand: its run, with `value` as output, or on the way back
   * its compensation. False: the saga is not stuck there, or its definition is not here.
   */
  resolve(id: string, step: string, value?: unknown): Promise<boolean>;
  get(id: string): Promise<SagaRecord | undefined>;
  list(query?: SagaQuery): Promise<readonly SagaRecord[]>;
  /** What happened so far, in order. Empty for an unknown saga. */
  history(id: string): Promise<readonly LogEntry[]>;
  /** Deletes sagas that ended before, and answers how many. @defaultValue limit 1000 */
  purge(query: { readonly finishedBeforeMs: number; readonly limit?: number | undefined }): Promise<number>;
  /**
   * Ends for good: no further step begins, running ones have `graceMs` to end, then their signals abort. What is left
   * is free for others at once. Never rejects. @defaultValue graceMs 5000
   */
  close(options?: { readonly graceMs?: number | undefined }): Promise<void>;
}
