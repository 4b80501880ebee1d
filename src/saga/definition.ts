import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';

/**
 * What a failure of a step means for its saga.
 *
 * `compensatable`: the saga turns back. `pivot`: the same until it has completed; from there on there is no way back.
 * `retriable`: comes after the pivot, and is tried until it succeeds or parks the saga.
 */
export type StepKind = 'compensatable' | 'pivot' | 'retriable';

/** How often something is tried, and the waits between: `baseDelayMs` x `factor`^n, at most `maxDelayMs`. */
export interface RetryPolicy {
  /**
   * The attempt whose failure is the last. Attempts that a crash cut off are counted, but end nothing by themselves.
   *
   * @defaultValue 3; Infinity for retriable steps and compensations
   */
  readonly maxAttempts?: number | undefined;
  /** @defaultValue 100 */
  readonly baseDelayMs?: number | undefined;
  /** @defaultValue 2 */
  readonly factor?: number | undefined;
  /** @defaultValue 30000 */
  readonly maxDelayMs?: number | undefined;
  /** `full`: waits are drawn between 0 and the delay. @defaultValue 'full' */
  readonly jitter?: 'full' | 'none' | undefined;
  /** False ends the attempts at once. @defaultValue whether the error has no `retryable` of false */
  readonly retryIf?: ((error: unknown) => boolean) | undefined;
}

/** What the functions of a definition may decide by: the same after a crash as before it. */
export interface SagaState<I, R> {
  readonly input: I;
  /** Of the steps before. */
  readonly results: R;
}

/** What a step is told. */
export interface StepContext<I, R> extends SagaState<I, R> {
  readonly sagaId: string;
  /** Its path: names from the outermost saga inwards, joined by `/`. */
  readonly step: string;
  /** From 1, over crashes too. */
  readonly attempt: number;
  /** The same for every attempt of this step in this direction, over crashes and versions, and for nothing else. */
  readonly idempotencyKey: string;
  /** Of this attempt alone. */
  readonly attemptKey: string;
  /** Grows each time the saga changes hands; for systems that can refuse a stale writer. 0 without a store. */
  readonly fence: number;
  /** Aborts at the time limit, when the saga is cancelled, a sibling fails, or the lease of this process ends. */
  readonly signal: AbortSignal;
  /** Stores an event for the outside if and only if this attempt completes. Throws without a store. */
  emit(topic: string, payload: unknown): void;
}

/** What a compensation is told. */
export interface CompensateContext<I, R, T> extends StepContext<I, Partial<R>> {
  /** Of the step; undefined where its outcome is unknown. */
  readonly output: T | undefined;
  /** `unknown`: the step may have done all of its work, some of it, or none. */
  readonly outcome: 'completed' | 'unknown';
  /** The error that turned the saga back. */
  readonly cause: unknown;
  /** The `idempotencyKey` of the run to undo. */
  readonly runKey: string;
}

/** Options of steps of every form. */
export interface StepOptions {
  /** @defaultValue 'compensatable', and 'retriable' after the pivot */
  readonly kind?: StepKind | undefined;
  /** @defaultValue one attempt; for retriable steps without end */
  readonly retry?: RetryPolicy | undefined;
  /** How long an attempt may take. @defaultValue no limit */
  readonly timeoutMs?: number | undefined;
  /** @defaultValue without end */
  readonly compensationRetry?: RetryPolicy | undefined;
  /** @defaultValue no limit */
  readonly compensationTimeoutMs?: number | undefined;
  /**
   * When the attempts of the compensation are used up: `park` the saga there, or `continue` with the steps before and
   * park it at the end.
   *
   * @defaultValue 'park'
   */
  readonly onExhausted?: 'park' | 'continue' | undefined;
  /** Whether an error leaves it open what the step did. @defaultValue that of the saga */
  readonly isAmbiguous?: ((error: unknown) => boolean) | undefined;
}

/** A step: what it does, and how that is undone. */
export interface StepDef<I, R, T> extends StepOptions {
  readonly atomic?: false | undefined;
  run(context: StepContext<I, R>): T | PromiseLike<T>;
  /** Undoes the step, also where its outcome is unknown. May be called more than once with the same key. */
  compensate?(context: CompensateContext<I, R, T>): void | PromiseLike<void>;
}

/** A step that takes effect exactly once, because it writes through a transaction of the store. */
export interface AtomicStepDef<I, R, T, Tx> extends StepOptions {
  readonly atomic: true;
  run(context: StepContext<I, R>, tx: Tx): T | PromiseLike<T>;
  compensate?(context: CompensateContext<I, R, T>, tx: Tx): void | PromiseLike<void>;
}

/** How the branches of a group are undone. */
export interface GroupOptions {
  /** `reverse`: one by one, the last first. `parallel`: all at once. @defaultValue 'reverse' */
  readonly compensation?: 'reverse' | 'parallel' | undefined;
}

/** The same step for each of some items, at the same time. */
export interface EachDef<I, R, E, T> extends StepOptions, GroupOptions {
  /** The items, asked for once and recorded. */
  items(state: SagaState<I, R>): readonly E[];
  /** Names an item; no two have the same name. */
  key(item: E, index: number): string;
  run(context: StepContext<I, R> & { readonly item: E }): T | PromiseLike<T>;
  compensate?(context: CompensateContext<I, R, T> & { readonly item: E }): void | PromiseLike<void>;
  /** How many run at once. @defaultValue all */
  readonly concurrency?: number | undefined;
}

/** What a step answers. */
export type OutputOf<S extends { run(context: never): unknown }> = Awaited<ReturnType<S['run']>>;

/** Options of {@link saga}. */
export interface SagaOptions {
  /** A saga goes on under the version it was started with. @defaultValue 1 */
  readonly version?: number | undefined;
  /**
   * Whether an error leaves it open what a step did.
   *
   * @defaultValue aborts, time-outs, broken connections, and the PostgreSQL errors of classes 08 and 57P0
   */
  readonly isAmbiguous?: ((error: unknown) => boolean) | undefined;
}

/** Options of a run without a store. */
export interface SagaRunOptions {
  /** @defaultValue a random one */
  readonly id?: string | undefined;
  /** Cancels the saga: what it has done is undone, unless it is past its pivot. */
  readonly signal?: AbortSignal | undefined;
  /** How long steps that were aborted may take to end, before they are left behind. @defaultValue 30000 */
  readonly abandonMs?: number | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
  /** @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** Any definition whose atomic steps can write with `Tx`. */
export interface AnySaga<Tx = never> {
  readonly name: string;
  readonly version: number;
  /** What it consists of, for diagrams and checks. */
  readonly nodes: readonly SagaNode[];
  /** Whether it has events or atomic steps, and so cannot do without a store. */
  readonly needsStore: boolean;
  /** For the compiler only, and never set. */
  readonly '~tx'?: (tx: Tx) => void;
}

/** A definition of a saga: immutable data, typed from step to step. Every call returns a new one. */
export interface Saga<I, R, Tx = unknown> extends AnySaga<Tx> {
  /** For the compiler only, and never set. */
  readonly '~types'?: (input: I) => R;

  /** Adds a step. */
  step<N extends string, T>(name: N, def: StepDef<I, R, T>): Saga<I, R & Record<N, T>, Tx>;
  /** Adds a step that takes effect exactly once. Needs a runner whose store has transactions. */
  step<N extends string, T, StepTx>(
    name: N,
    def: AtomicStepDef<I, R, T, StepTx>,
  ): Saga<I, R & Record<N, T>, Tx & StepTx>;
  /**
   * Adds steps that run at the same time. When one fails, the others are aborted and awaited. TypeScript cannot infer the
   * `output` of their compensations, which is `unknown` unless you annotate it.
   */
  parallel<N extends string, B extends Record<string, StepDef<I, R, unknown>>>(
    name: N,
    branches: B,
    options?: GroupOptions,
  ): Saga<I, R & Record<N, { [K in keyof B]: OutputOf<B[K]> }>, Tx>;
  /** Adds a step for each of some items, all at the same time. */
  each<N extends string, E, T>(name: N, def: EachDef<I, R, E, T>): Saga<I, R & Record<N, T[]>, Tx>;
  /** Adds the steps of another saga, which sees its own input and results only. They are undone with those around them. */
  child<N extends string, CI, CR, ChildTx>(
    name: N,
    child: Saga<CI, CR, ChildTx>,
    input: (state: SagaState<I, R>) => NoInfer<CI>,
  ): Saga<I, R & Record<N, CR>, Tx & ChildTx>;
  /** Adds a step that is left out unless `test` holds. */
  when<N extends string, T>(
    name: N,
    test: (state: SagaState<I, R>) => boolean,
    def: StepDef<I, R, T>,
  ): Saga<I, R & Partial<Record<N, T>>, Tx>;
  /** Waits, however often the process is restarted meanwhile. What a function answers below 0 is no wait; what is no finite number fails the saga. */
  sleep(name: string, ms: number | ((state: SagaState<I, R>) => number)): Saga<I, R, Tx>;
  /** Waits for an event that `signal` of a runner sends under this name, or has sent. Needs a runner. */
  event<N extends string, P = unknown>(
    name: N,
    options?: { readonly timeoutMs?: number; readonly parse?: (payload: unknown) => P },
  ): Saga<I, R & Record<N, P>, Tx>;
  /**
   * Runs it without a store: nothing survives the process.
   *
   * Rejects with {@link SagaCompensatedError} when it failed or was cancelled and is undone, with
   * {@link SagaStuckError} when it can go neither on nor back, with `signal.reason` when that had aborted before
   * (nothing was started), and with TypeError when it has events or atomic steps. Costs O(1) for each step.
   */
  run(input: I, options?: SagaRunOptions): Promise<R>;
}

/** A step of which the types are forgotten. */
export interface AnyStepDef {
  readonly run: (context: unknown, tx?: unknown) => unknown;
  readonly compensate: ((context: unknown, tx?: unknown) => unknown) | undefined;
  readonly kind: StepKind | undefined;
  readonly atomic: boolean | undefined;
  readonly retry: RetryPolicy | undefined;
  readonly timeoutMs: number | undefined;
  readonly compensationRetry: RetryPolicy | undefined;
  readonly compensationTimeoutMs: number | undefined;
  readonly onExhausted: 'park' | 'continue' | undefined;
  readonly isAmbiguous: ((error: unknown) => boolean) | undefined;
  /** Compensatable, tried once, without a time limit: nothing but a call. */
  readonly isPlain: boolean;
}

/** A step at its place in a definition. */
export interface StepNode {
  readonly type: 'step';
  readonly name: string;
  readonly kind: StepKind;
  readonly def: AnyStepDef;
}

/** A step under a condition. */
export interface WhenNode {
  readonly type: 'when';
  readonly name: string;
  readonly kind: StepKind;
  readonly def: AnyStepDef;
  readonly test: (state: SagaState<unknown, unknown>) => boolean;
}

/** Steps that run at the same time. */
export interface ParallelNode {
  readonly type: 'parallel';
  readonly name: string;
  readonly branches: readonly StepNode[];
  readonly compensation: 'reverse' | 'parallel';
}

/** A step for each of some items. */
export interface EachNode {
  readonly type: 'each';
  readonly name: string;
  readonly kind: StepKind;
  readonly def: AnyStepDef;
  readonly items: (state: SagaState<unknown, unknown>) => readonly unknown[];
  readonly key: (item: unknown, index: number) => string;
  readonly concurrency: number;
  readonly compensation: 'reverse' | 'parallel';
}

/** The steps of another saga. */
export interface ChildNode {
  readonly type: 'child';
  readonly name: string;
  readonly saga: AnySaga;
  readonly input: (state: SagaState<unknown, unknown>) => unknown;
}

/** A durable wait. */
export interface SleepNode {
  readonly type: 'sleep';
  readonly name: string;
  readonly ms: number | ((state: SagaState<unknown, unknown>) => number);
}

/** A wait for an event. */
export interface EventNode {
  readonly type: 'event';
  readonly name: string;
  readonly timeoutMs: number;
  readonly parse: ((payload: unknown) => unknown) | undefined;
}

/** A part of a definition. */
export type SagaNode = StepNode | WhenNode | ParallelNode | EachNode | ChildNode | SleepNode | EventNode;
