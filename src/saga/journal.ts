import { isAmbiguousError } from './ambiguity.ts';
import type { EventNode } from './definition.ts';
import { LeaseLostError, StepTimeoutError } from './errors.ts';
import { Refused, Released } from './let-go.ts';
import { freshPath } from './path-log.ts';
import type { PathLog } from './path-log.ts';
import type {
  LogEntry,
  LogEntryType,
  NewLogEntry,
  OutboxEvent,
  SagaSnapshot,
  SagaStatus,
  SagaWrite,
} from './saga-store.ts';
import { deserialize, deserializeError, serialize, serializeError } from './serializer.ts';
import { Failure } from './step-run.ts';
import type { StepRun } from './step-run.ts';
import { checkText } from './text.ts';

/** What a journal needs of the worker that drives the saga. */
export interface Scribe {
  /** Throws when this process may not go on: the lease has ended, or the runner closes. */
  check(): void;
  /** Throws when the lease has ended. */
  throwIfLost(): void;
  /** Stores, however often that takes; rejects with {@link LeaseLostError} when the saga is another's. */
  write(write: SagaWrite): Promise<void>;
  atomic(saga: SagaWrite, fn: (tx: unknown) => Promise<SagaWrite>, isFault: (error: unknown) => boolean): Promise<void>;
  /** Milliseconds of the monotonic clock. */
  nowMs(): number;
}

/** The stored side of one saga while this process drives it: what was logged, and what is to be. */
export class Journal {
  readonly past: Map<string, PathLog> = new Map();
  /** Why the saga has turned back, if it has. */
  turned: Failure | undefined;
  /** Why it rests, if it does. */
  broken: Failure | undefined;
  /** How often a crash has cut off what is at the frontier. */
  recoveries: number;
  isCancellable: boolean;
  /** Whether anything has been called. */
  hasBegun: boolean = false;
  readonly id: string;
  readonly fence: number;
  seenSignals: number;
  /** Longer waits let go of the saga. */
  readonly #longMs: number;
  readonly #scribe: Scribe;
  readonly #events: Map<string, string>;
  /** The store's clock less the monotonic one. */
  readonly #offsetMs: number;
  #status: SagaStatus;
  #storedCancellable: boolean;
  #seq: number;
  #entries: NewLogEntry[] = [];
  #outbox: OutboxEvent[] = [];
  /** What need not be stored for its own sake, as storing anything counts as progress. */
  #deferred: NewLogEntry[] = [];
  #tail: Promise<void> = Promise.resolve();

  constructor({ record, log, events, nowMs }: SagaSnapshot, scribe: Scribe, longMs: number) {
    this.id = record.id;
    this.fence = record.fence;
    this.recoveries = record.recoveries;
    this.isCancellable = this.#storedCancellable = record.isCancellable;
    this.seenSignals = record.signals;
    this.#longMs = longMs;
    this.#scribe = scribe;
    this.#events = new Map(events.map(({ name, payload }) => [name, payload]));
    this.#offsetMs = nowMs - scribe.nowMs();
    this.#seq = log.length;
    for (const entry of log) this.#read(entry);
    this.#status = this.turned ? 'compensating' : 'running';
    if (record.status === 'completed' || record.status === 'compensated') this.#status = record.status;
  }

  /** Goes on where an operator has had it retried: all attempts begin anew, and `step` is taken as done, if given. */
  revive(step?: string, value?: unknown): void {
    const entry = { attempt: 0, path: step ?? '', type: step === undefined ? 'retried' : 'resolved' } as const;
    const data = step === undefined ? null : serialize(value, step);
    this.#read({ ...entry, data, seq: 0, fence: 0, atMs: 0 });
    this.add(entry.type, entry.path, 0, data);
  }

  #read({ type, path, attempt, data, atMs }: LogEntry): void {
    let past = this.past.get(path);
    if (!past) this.past.set(path, (past = freshPath()));
    const isBack = this.turned !== undefined;
    if (type === 'completed' || (type === 'resolved' && !isBack))
      Object.assign(past, { isCompleted: true, output: data });
    else if (type === 'compensated' || type === 'resolved') past.isCompensated = true;
    else if (type === 'failed' || type === 'unknown') past.attempts = attempt;
    else if (type === 'compensation-failed') past.undoAttempts = attempt;
    else if (type === 'decided' || type === 'skipped') past.decided = data!;
    else if (type === 'waiting') past.waiting = { atMs, ms: deserialize(data!) as number };
    else if (type === 'compensating') this.turned = new Failure(path, deserializeError(data!));
    else if (type === 'stuck') this.broken = new Failure(path, deserializeError(data!));
    if (type === 'retried' || type === 'resolved') this.#renew();
    if (type === 'unknown') past.isUnknown = true;
  }

  /** An operator has had it retried: all attempts begin anew. */
  #renew(): void {
    for (const past of this.past.values()) {
      past.base = past.attempts;
      past.undoBase = past.undoAttempts;
    }
  }

  add(type: LogEntryType, path: string, attempt: number, data: string | null): void {
    this.#entries.push({ type, path, attempt, data });
  }

  throwIfLost(): void {
    this.#scribe.throwIfLost();
  }

  /** Whether the saga is another's by now. The error alone does not tell: a step may have met that of another runner. */
  isLost(error: unknown): boolean {
    try {
      this.throwIfLost();
      return error instanceof Refused;
    } catch {
      return true;
    }
  }

  /** Throws where a wait is so long that nobody needs to own the saga meanwhile. */
  letGo(ms: number): void {
    if (ms > this.#longMs) throw new Released(ms);
  }

  outputOf(past: PathLog): unknown {
    return past.output === null ? undefined : deserialize(past.output);
  }

  decided(path: string): { readonly value: unknown } | undefined {
    const decided = this.past.get(path)?.decided;
    return decided === undefined ? undefined : { value: deserialize(decided) };
  }

  decide(path: string, value: unknown, isTest: boolean): unknown {
    const data = serialize(value, path);
    this.add(isTest && !value ? 'skipped' : 'decided', path, 0, data);
    return deserialize(data);
  }

  waited(path: string): boolean {
    return this.past.get(path)?.waiting !== undefined;
  }

  /** How long a wait still is, which begins now unless it has begun. */
  waitFor(path: string, ms: number): number {
    const waiting = this.past.get(path)?.waiting;
    if (waiting) return waiting.atMs + waiting.ms - this.#offsetMs - this.#scribe.nowMs();
    this.add('waiting', path, 0, serialize(ms, path));
    return ms;
  }

  /** Takes an event that has come, or lets go of the saga until it does. */
  event(path: string, { timeoutMs, parse }: EventNode, check: () => void): unknown {
    const past = this.past.get(path);
    if (past?.isCompleted) return this.outputOf(past);
    check();
    const payload = this.#events.get(path);
    try {
      if (payload !== undefined) {
        const value = deserialize(payload);
        const data = serialize(parse ? parse(value) : value, path);
        this.add('completed', path, 0, data);
        return deserialize(data);
      }
    } catch (error) {
      this.add('failed', path, 1, serializeError(error));
      throw new Failure(path, error);
    }
    const restMs = this.waitFor(path, timeoutMs);
    if (restMs > 0) throw new Released(restMs);
    const error = new StepTimeoutError(path, timeoutMs);
    this.add('failed', path, 1, serializeError(error));
    throw new Failure(path, error);
  }

  /** Takes up the count of attempts, and answers the one that the present budget begins after. */
  resume(run: StepRun, isUndo: boolean): number {
    const { attempts = 0, base = 0, undoAttempts = 0, undoBase = 0 } = this.past.get(run.step) ?? {};
    run.attempt = (isUndo ? undoAttempts : attempts) + this.recoveries;
    if (this.recoveries > 0 && !run.def.atomic) {
      const data = serializeError(new LeaseLostError());
      const type = isUndo ? 'compensation-failed' : 'unknown';
      this.#deferred.push({ type, path: run.step, attempt: run.attempt, data });
    }
    return isUndo ? undoBase : base;
  }

  /** Before something is called: this process may call it, and all that came before is stored. */
  async begin(): Promise<void> {
    this.#scribe.check();
    await this.flush();
    this.#scribe.check();
    this.hasBegun = true;
  }

  complete(run: StepRun, goal: 'completed' | 'compensated', value: unknown): void {
    const isUndo = goal === 'compensated';
    const data = isUndo ? null : serialize(value, run.step);
    if (data !== null) run.output = deserialize(data);
    this.add(goal, run.step, run.attempt, data);
    this.#outbox.push(...(run.emitted ?? []));
    if (isUndo) this.recoveries = 0;
  }

  fail(run: StepRun, type: LogEntryType, error: unknown): void {
    this.add(type, run.step, run.attempt, serializeError(error));
  }

  emit(run: StepRun, topic: string, payload: unknown): void {
    const events = (run.emitted ??= []);
    const id = `${run.idempotencyKey}/${events.length}`;
    checkText('topic', topic);
    events.push({ id, sagaId: this.id, topic, payload: serialize(payload, `${run.step} ${topic}`) });
  }

  turn(failure: Failure): void {
    if (this.turned) return;
    this.turned = failure;
    this.recoveries = 0;
    this.#status = 'compensating';
    this.isCancellable = false;
    this.add('compensating', failure.path, 0, serializeError(failure.error));
  }

  /** Ends it, or lays it to rest. */
  async finish(status: SagaStatus, broken?: Failure): Promise<void> {
    if (this.#status === 'completed' || this.#status === 'compensated') return;
    if (broken) this.add('stuck', broken.path, 0, serializeError(broken.error));
    this.#status = status;
    await this.flush(Infinity);
  }

  /** Stores what has been added; with `releaseAfterMs`, lets go of the saga. */
  flush(releaseAfterMs?: number): Promise<void> {
    const isReleased = releaseAfterMs !== undefined;
    const isDirty = (): boolean => this.#entries.length > 0 || this.#storedCancellable !== this.isCancellable;
    if (!isReleased && !isDirty()) return this.#tail;
    return (this.#tail = this.#tail.then(async () => {
      if (isReleased || isDirty()) await this.#scribe.write(this.#take(releaseAfterMs));
    }));
  }

  /** Runs an attempt in a transaction of the store, together with its entry. */
  async atomic(
    run: StepRun,
    goal: 'completed' | 'compensated',
    call: (tx: unknown) => Promise<unknown>,
  ): Promise<void> {
    await this.#tail;
    const seq = this.#seq;
    const isFault = (error: unknown): boolean =>
      !run.scope?.aborted &&
      (isAmbiguousError(error) || String((error as Error)?.message).startsWith('Connection terminated'));
    const fn = async (tx: unknown): Promise<SagaWrite> => {
      // Of a transaction that was rolled back, nothing stays.
      this.#seq = seq;
      this.#entries = [];
      this.#outbox = [];
      run.emitted = [];
      this.complete(run, goal, await call(tx));
      return this.#take(undefined);
    };
    try {
      await this.#scribe.atomic(this.#writeOf([], []), fn, isFault);
    } catch (error) {
      this.#seq = seq;
      this.#entries = [];
      this.#outbox = [];
      throw error;
    }
  }

  #take(releaseAfterMs: number | undefined): SagaWrite {
    const entries = this.#entries.length > 0 ? [...this.#deferred, ...this.#entries] : [];
    const write = this.#writeOf(entries, this.#outbox, releaseAfterMs);
    if (entries.length > 0) this.#deferred = [];
    this.#seq += entries.length;
    this.#entries = [];
    this.#outbox = [];
    this.#storedCancellable = this.isCancellable;
    return write;
  }

  #writeOf(entries: readonly NewLogEntry[], outbox: readonly OutboxEvent[], releaseAfterMs?: number): SagaWrite {
    const { id, fence, isCancellable, seenSignals } = this;
    const status = this.#status;
    return { id, fence, seq: this.#seq, entries, outbox, status, isCancellable, seenSignals, releaseAfterMs };
  }
}
