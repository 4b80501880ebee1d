import { amount, integer, optionalFunction, refuse } from '../core/check.ts';
import type { TimerHandle } from '../core/clock.ts';
import { keepAlive, systemClock } from '../core/clock.ts';
import { emit, reportError } from '../core/errors.ts';
import { systemRandom } from '../core/random.ts';
import type { AnySaga, Saga } from './definition.ts';
import {
  LeaseLostError,
  SagaCancelledError,
  SagaCompensatedError,
  SagaConflictError,
  SagaStuckError,
} from './errors.ts';
import { Execution } from './execution.ts';
import { Journal } from './journal.ts';
import { randomId } from './random-id.ts';
import type { SagaEvent, SagaHandle, SagaRunner, SagaRunnerOptions } from './saga-runner.ts';
import type { ClaimQuery, LogEntry, SagaNews, SagaQuery, SagaRecord, SagaSnapshot, SagaStore } from './saga-store.ts';
import { deserialize, isSameText, serialize } from './serializer.ts';
import { Failure, Released } from './step-run.ts';
import { Worker } from './worker.ts';

/** From so many deaths without progress on, a saga is suspected of causing them, and driven with no other suspect. */
const SUSPECT_AFTER = 2;

/**
 * Creates a {@link SagaRunner}: sagas of these definitions, kept in a store.
 *
 * Nothing is asked of the store before the first call. A saga costs one write when it starts and one for each step,
 * of which the last also ends it; writes of many sagas at the same moment share calls of the store. Starts with the
 * lease of its own for all of its sagas, renewed every `heartbeatMs` in the background, at a cost that does not grow with them.
 *
 * @example
 * ```ts
 * import { createSagaRunner, memorySagaStore, saga } from 'holdfast/saga';
 *
 * const transfer = saga<{ cents: number }>('transfer')
 *   .step('withdraw', {
 *     run: async ({ input, idempotencyKey }) => ({ cents: input.cents, receipt: idempotencyKey }),
 *     compensate: async ({ output, runKey }) => console.log('give back', output?.cents, runKey),
 *   })
 *   .step('deposit', { run: async ({ results }) => results.withdraw.cents, retry: { maxAttempts: 5 } });
 *
 * await using runner = createSagaRunner({ store: memorySagaStore(), sagas: [transfer] });
 * const handle = await runner.start(transfer, { cents: 500 }, { id: 'transfer-17' });
 * console.log((await handle.result()).deposit); // 500
 * ```
 *
 * @throws RangeError or TypeError for bad options, two definitions of one name and version included.
 */
export function createSagaRunner<Tx>(options: SagaRunnerOptions<Tx>): SagaRunner {
  return new Runner(checked(options as unknown as SagaRunnerOptions));
}

interface Terms extends Required<Omit<SagaRunnerOptions<never>, 'onEvent' | 'sagas' | 'store'>> {
  readonly store: SagaStore;
  readonly sagas: readonly AnySaga[];
  readonly onEvent: ((event: SagaEvent) => void) | undefined;
}

function checked(options: SagaRunnerOptions): Terms {
  const { store, sagas, leaseMs = 30_000, heartbeatMs = leaseMs / 3, pollMs = 1000, concurrency = 256 } = options;
  const { maxRecoveries = 20, abandonMs = 30_000, onEvent, clock = systemClock, random = systemRandom } = options;
  if (typeof store?.enlist !== 'function') refuse('store', 'a store of sagas', store);
  if (!Array.isArray(sagas)) refuse('sagas', 'an array of sagas', sagas);
  for (const [k, saga] of sagas.entries()) {
    if (!Array.isArray(saga?.nodes)) refuse('sagas', 'an array of sagas', saga);
    if (sagas.findIndex(({ name, version }) => name === saga.name && version === saga.version) < k) {
      refuse('sagas', 'one definition for each name and version', `${saga.name} ${saga.version}`);
    }
  }
  return {
    store,
    sagas,
    leaseMs: amount('leaseMs', leaseMs, 1, 2 ** 31 - 1),
    heartbeatMs: amount('heartbeatMs', heartbeatMs, 1, leaseMs),
    pollMs: amount('pollMs', pollMs, 1, 2 ** 31 - 1),
    concurrency: integer('concurrency', concurrency, 1, Infinity),
    maxRecoveries: integer('maxRecoveries', maxRecoveries, 1, Infinity),
    abandonMs: amount('abandonMs', abandonMs, 0),
    onEvent: optionalFunction('onEvent', onEvent),
    clock,
    random,
  };
}

interface Drive {
  readonly execution: Execution;
  readonly journal: Journal;
  readonly isSuspect: boolean;
  ended: Promise<void>;
}

interface Waiter {
  readonly promise: Promise<unknown>;
  readonly resolve: (results: unknown) => void;
  readonly reject: (error: unknown) => void;
}

class Runner implements SagaRunner {
  readonly #terms: Terms;
  readonly #drives = new Map<string, Drive>();
  readonly #starting = new Set<string>();
  readonly #waiters = new Map<string, Waiter>();
  #ready: Promise<void> | undefined;
  #worker: Promise<Worker> | undefined;
  #unsubscribe: (() => PromiseLike<void>) | undefined;
  #closed: Promise<void> | undefined;
  #isWorking = false;
  /** Whoever awaits `work`. */
  #atWork: (() => void)[] = [];
  #timer: TimerHandle;
  #ticking: Promise<readonly SagaHandle<unknown>[]> | undefined;
  /** Until then, the store may have given this worker sagas that it has not heard of. */
  #doubtUntilMs = -Infinity;
  #strangersAtMs = -Infinity;

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  async start<I, R>(
    saga: Saga<I, R, never>,
    input: I,
    options: { readonly id?: string | undefined } = {},
  ): Promise<SagaHandle<R>> {
    const { id = randomId(this.#terms.random) } = options;
    if (!this.#terms.sagas.includes(saga as unknown as AnySaga))
      refuse('saga', 'one of the sagas of this runner', saga);
    if (typeof id !== 'string' || !/^[^\0\ud800-\udfff]{1,255}$/u.test(id)) {
      refuse('id', 'a well-formed text of 1 to 255 characters', id);
    }
    const text = serialize(input, 'input');
    const worker = await this.#enlisted();
    this.#schedule();
    const { name, version } = saga;
    // Of two that start one id here at once, the first to come drives it.
    const isFirst = !this.#starting.has(id) && !this.#drives.has(id);
    this.#starting.add(id);
    let record: SagaRecord;
    try {
      record = await worker.create({ id, name, version, input: text });
    } catch (error) {
      this.#doubt();
      throw error;
    } finally {
      if (isFirst) this.#starting.delete(id);
    }
    const isOwn = isFirst && record.worker === worker.name && record.fence === 1 && !this.#drives.has(id);
    if (isOwn) {
      this.#drive(worker, { record, log: [], events: [], nowMs: record.createdAtMs }, 'started');
    } else if (record.name !== name || !isSameText(record.input, text)) {
      throw new SagaConflictError(id);
    }
    return this.#handle(id, isOwn);
  }

  handle<R>(id: string): SagaHandle<R> {
    return this.#handle(id, false);
  }

  async recover(options: { readonly limit?: number | undefined } = {}): Promise<readonly SagaHandle<unknown>[]> {
    const { limit = Infinity } = options;
    await this.#enlisted();
    await this.#ticking;
    return this.#tick(limit);
  }

  async work(): Promise<void> {
    this.#isWorking = true;
    if (this.#closed) throw new LeaseLostError();
    await new Promise<void>((resolve) => {
      this.#atWork.push(resolve);
      this.#schedule(0);
    });
  }

  async signal(id: string, event: string, payload?: unknown): Promise<boolean> {
    const text = serialize(payload, event);
    await this.#initialized();
    const isKept = await this.#terms.store.signal(id, { name: event, payload: text });
    if (isKept && this.#isWorking) this.#schedule(0);
    return isKept;
  }

  async cancel(id: string, reason: string = ''): Promise<boolean> {
    await this.#initialized();
    const isAsked = await this.#terms.store.cancel(id, reason);
    if (isAsked) this.#drives.get(id)?.execution.cancel(new SagaCancelledError(reason));
    if (isAsked && this.#isWorking) this.#schedule(0);
    return isAsked;
  }

  async retry(id: string): Promise<boolean> {
    return this.#revive(id, (journal) => journal.revive());
  }

  async resolve(id: string, step: string, value?: unknown): Promise<boolean> {
    serialize(value, step);
    await this.#initialized();
    const snapshot = await this.#terms.store.load(id);
    if (snapshot?.record.status !== 'stuck') return false;
    const { past, turned, broken } = this.#journalOf(snapshot);
    const log = past.get(step);
    // Where the saga broke, or on the way back, where it went on past a broken compensation; anywhere, if it was parked
    // for bringing down its workers.
    const isBroken = step === broken?.path || broken?.path === '' || (turned && log && log.undoAttempts > 0);
    if (!isBroken || (turned ? log?.isCompensated : log?.isCompleted)) return false;
    return this.#revive(id, (journal) => journal.revive(step, value));
  }

  async get(id: string): Promise<SagaRecord | undefined> {
    await this.#initialized();
    return (await this.#terms.store.get([id]))[0];
  }

  async list(query: SagaQuery = {}): Promise<readonly SagaRecord[]> {
    await this.#initialized();
    return this.#terms.store.list(query);
  }

  async history(id: string): Promise<readonly LogEntry[]> {
    await this.#initialized();
    return (await this.#terms.store.load(id))?.log ?? [];
  }

  async purge(query: { readonly finishedBeforeMs: number; readonly limit?: number | undefined }): Promise<number> {
    const { finishedBeforeMs, limit = 1000 } = query;
    await this.#initialized();
    return this.#terms.store.purge(amount('finishedBeforeMs', finishedBeforeMs, 0), integer('limit', limit, 1));
  }

  close(options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    return (this.#closed ??= this.#close(amount('graceMs', options.graceMs ?? 5000, 0)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    const { clock, store } = this.#terms;
    clock.clearTimeout(this.#timer);
    const worker = await this.#worker?.catch(() => undefined);
    await this.#ticking?.catch(() => undefined);
    if (this.#drives.size > 0 && graceMs > 0 && worker) {
      let timer: TimerHandle;
      const grace = new Promise<void>((resolve) => (timer = clock.setTimeout(resolve, graceMs)));
      await Promise.race([grace, Promise.all([...this.#drives.values()].map(({ ended }) => ended))]);
      clock.clearTimeout(timer);
    }
    worker?.end();
    for (const { execution } of this.#drives.values()) execution.stop(new LeaseLostError());
    for (const { reject } of this.#waiters.values()) reject(new LeaseLostError());
    this.#waiters.clear();
    try {
      await this.#unsubscribe?.();
      if (worker) await store.retire(worker.name);
    } catch (error) {
      this.#fault(error);
    }
    clock.clearTimeout(this.#timer);
    for (const resolve of this.#atWork) resolve();
  }

  #fault(error: unknown): void {
    emit(this.#terms.onEvent, { type: 'store-fault', error });
  }

  #doubt(): void {
    this.#doubtUntilMs = this.#terms.clock.now() + this.#terms.leaseMs;
  }

  #initialized(): Promise<void> {
    if (this.#closed) return Promise.reject(new LeaseLostError());
    this.#ready ??= this.#init().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #init(): Promise<void> {
    const { store } = this.#terms;
    await store.init();
    this.#unsubscribe = await store.subscribe?.(() => this.#isWorking && this.#schedule(0));
  }

  /** The present life of this process; a new one when the last has ended. */
  async #enlisted(): Promise<Worker> {
    await this.#initialized();
    this.#isWorking = true;
    this.#worker ??= this.#enlist().catch((error: unknown) => {
      this.#worker = undefined;
      throw error;
    });
    const worker = await this.#worker;
    if (this.#closed) throw new LeaseLostError();
    return worker;
  }

  async #enlist(): Promise<Worker> {
    const { store, clock, leaseMs, heartbeatMs } = this.#terms;
    const sentAtMs = clock.now();
    const name = await store.enlist(leaseMs);
    const worker = new Worker(name, sentAtMs, {
      store,
      clock,
      leaseMs,
      heartbeatMs,
      onFault: (error) => this.#fault(error),
      onNews: (news) => this.#hear(news),
    });
    worker.scope.listen({
      onAbort: (reason) => {
        this.#worker = undefined;
        for (const { execution } of this.#drives.values()) execution.stop(reason);
      },
    });
    return worker;
  }

  #hear({ id, signals, cancelReason }: SagaNews): void {
    const drive = this.#drives.get(id);
    if (!drive || cancelReason === null) return;
    // Where the cancellation counts, nothing waits for events any more, so they have been seen.
    if (drive.execution.cancel(new SagaCancelledError(cancelReason))) drive.journal.seenSignals = signals;
  }

  #schedule(ms: number = this.#terms.pollMs): void {
    const { clock } = this.#terms;
    if (this.#closed) return;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => {
      if (this.#ticking) return this.#schedule();
      this.#tick(Infinity).catch(() => undefined);
    }, ms);
    keepAlive(this.#timer, this.#waiters.size > 0 || this.#atWork.length > 0);
  }

  /** Takes up what is due, and looks how those stand that somebody waits for. */
  #tick(limit: number): Promise<readonly SagaHandle<unknown>[]> {
    this.#ticking = this.#look(limit).finally(() => {
      this.#ticking = undefined;
      this.#schedule();
    });
    return this.#ticking;
  }

  async #look(limit: number): Promise<readonly SagaHandle<unknown>[]> {
    try {
      const taken = this.#isWorking ? await this.#takeUp(limit) : [];
      await this.#watch();
      return taken;
    } catch (error) {
      this.#fault(error);
      throw error;
    }
  }

  async #takeUp(limit: number): Promise<readonly SagaHandle<unknown>[]> {
    const { concurrency, clock, leaseMs, store, sagas, onEvent } = this.#terms;
    const worker = await this.#enlisted();
    const nowMs = clock.now();
    const free = Math.max(0, Math.min(limit, concurrency - this.#drives.size));
    const hasSuspect = [...this.#drives.values()].some(({ isSuspect }) => isSuspect);
    const held = nowMs < this.#doubtUntilMs ? [...this.#drives.keys(), ...this.#starting] : undefined;
    const snapshots = await this.#claim(worker, { limit: Math.min(free, 1000), suspects: hasSuspect ? 0 : 1, held });
    for (const snapshot of snapshots) this.#drive(worker, snapshot, 'resumed');
    if (nowMs - this.#strangersAtMs >= leaseMs) {
      this.#strangersAtMs = nowMs;
      for (const { id, name, version } of await store.strangers(sagas, 100)) {
        emit(onEvent, { type: 'no-definition', id, name, version });
      }
    }
    return snapshots.map(({ record }) => this.#handle(record.id, false));
  }

  async #claim(worker: Worker, query: Partial<ClaimQuery>): Promise<readonly SagaSnapshot[]> {
    const definitions = this.#terms.sagas.map(({ name, version }) => ({ name, version }));
    const any = { ids: undefined, held: undefined, isStuck: false, limit: 1, suspects: 1, suspectAfter: SUSPECT_AFTER };
    try {
      return await this.#terms.store.claim({ ...any, ...query, worker: worker.name, definitions });
    } catch (error) {
      this.#doubt();
      throw error;
    }
  }

  async #revive(id: string, revive: (journal: Journal) => void): Promise<boolean> {
    const worker = await this.#enlisted();
    const [snapshot] = await this.#claim(worker, { ids: [id], isStuck: true, held: undefined });
    if (snapshot) this.#drive(worker, snapshot, 'resumed', revive);
    this.#schedule();
    return snapshot !== undefined;
  }

  #journalOf(snapshot: SagaSnapshot, worker?: Worker): Journal {
    const { clock, pollMs } = this.#terms;
    const throwIfLost = (): void => worker?.throwIfLost();
    return new Journal(
      snapshot,
      {
        throwIfLost,
        check: () => {
          throwIfLost();
          if (this.#closed) throw new Released(0);
        },
        write: (write) => worker!.write(write),
        atomic: (saga, fn, isFault) => worker!.atomic(saga, fn, isFault),
        nowMs: () => clock.now(),
      },
      pollMs,
    );
  }

  #definitionOf({ name, version }: SagaRecord): AnySaga | undefined {
    return this.#terms.sagas.find((saga) => saga.name === name && saga.version === version);
  }

  #execution(snapshot: SagaSnapshot, journal: Journal): Execution {
    const { record } = snapshot;
    const { clock, random, abandonMs, onEvent } = this.#terms;
    const { id } = record;
    const onLate = (step: string, isOk: boolean, result: unknown): void =>
      emit(onEvent, { type: 'late', id, step, isOk, result });
    const world = { clock, random, abandonMs, onLate };
    return new Execution(this.#definitionOf(record)!, deserialize(record.input), id, world, true, journal);
  }

  #drive(
    worker: Worker,
    snapshot: SagaSnapshot,
    type: 'started' | 'resumed',
    revive?: (journal: Journal) => void,
  ): void {
    const { id, name, recoveries, cancelReason, isCancellable } = snapshot.record;
    const journal = this.#journalOf(snapshot, worker);
    revive?.(journal);
    const execution = this.#execution(snapshot, journal);
    if (cancelReason !== null && isCancellable) execution.cancel(new SagaCancelledError(cancelReason));
    const drive = { execution, journal, isSuspect: recoveries >= SUSPECT_AFTER, ended: Promise.resolve() };
    this.#drives.set(id, drive);
    emit(this.#terms.onEvent, { type, id, name, recoveries });
    drive.ended = this.#end(
      id,
      name,
      journal,
      recoveries > this.#terms.maxRecoveries ? park(id, journal) : execution.drive(),
    );
  }

  async #end(id: string, name: string, journal: Journal, driven: Promise<unknown>): Promise<void> {
    const { onEvent } = this.#terms;
    try {
      const results = await driven;
      this.#drives.delete(id);
      emit(onEvent, { type: 'completed', id, name });
      this.#settle(id, (waiter) => waiter.resolve(results));
    } catch (error) {
      const event = await this.#setback(id, name, journal, error);
      this.#drives.delete(id);
      emit(onEvent, event);
      if ('error' in event) this.#settle(id, (waiter) => waiter.reject(error));
    }
    // There is room for another one.
    if (this.#drives.size === this.#terms.concurrency - 1) this.#schedule(0);
  }

  async #setback(id: string, name: string, journal: Journal, error: unknown): Promise<SagaEvent> {
    if (error instanceof SagaCompensatedError) return { type: 'compensated', id, name, error };
    if (error instanceof SagaStuckError) return { type: 'stuck', id, name, error };
    try {
      if (error instanceof Released) await journal.flush(error.afterMs);
      else if (!(error instanceof LeaseLostError)) {
        reportError(error);
        await journal.finish('stuck', new Failure('', error));
        return { type: 'stuck', id, name, error };
      }
    } catch {
      return { type: 'lost', id, name };
    }
    return { type: error instanceof Released ? 'waiting' : 'lost', id, name };
  }

  #handle<R>(id: string, created: boolean): SagaHandle<R> {
    const result = (): Promise<R> => this.#result(id) as Promise<R>;
    const settled = (): Promise<void> => result().then(ignore, ignore);
    return { id, created, result, [Symbol.asyncDispose]: settled };
  }

  #result(id: string): Promise<unknown> {
    if (this.#closed) return Promise.reject(new LeaseLostError());
    const known = this.#waiters.get(id);
    if (known) return known.promise;
    let settle: Omit<Waiter, 'promise'>;
    const promise = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.#waiters.set(id, { promise, ...settle! });
    if (this.#drives.has(id)) this.#schedule();
    else
      this.#initialized()
        .then(() => this.#watch())
        .then(
          () => this.#schedule(),
          (error: unknown) => this.#settle(id, (waiter) => waiter.reject(error)),
        );
    return promise;
  }

  #settle(id: string, how: (waiter: Waiter) => void): void {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    if (waiter) how(waiter);
  }

  /** Asks the store about sagas that others drive and somebody here waits for. */
  async #watch(): Promise<void> {
    const ids = [...this.#waiters.keys()].filter((id) => !this.#drives.has(id));
    if (ids.length === 0) return;
    const records = new Map((await this.#terms.store.get(ids)).map((record) => [record.id, record]));
    for (const id of ids) {
      if (this.#drives.has(id)) continue;
      const status = records.get(id)?.status;
      if (status === undefined)
        this.#settle(id, (waiter) => waiter.reject(new RangeError(`the store has no saga ${id}`)));
      else if (status !== 'running' && status !== 'compensating') await this.#tell(id);
    }
  }

  /** Tells those who wait how a saga has ended, from its log. */
  async #tell(id: string): Promise<void> {
    const snapshot = await this.#terms.store.load(id);
    if (!snapshot || this.#drives.has(id)) return;
    const { record } = snapshot;
    const journal = this.#journalOf(snapshot);
    const { turned, broken } = journal;
    if (record.status === 'stuck') {
      this.#settle(id, (waiter) => waiter.reject(new SagaStuckError(id, broken!.path, broken!.error)));
    } else if (record.status === 'compensated') {
      this.#settle(id, (waiter) => waiter.reject(new SagaCompensatedError(id, turned!.path, turned!.error)));
    } else if (!this.#definitionOf(record)) {
      const error = new RangeError(`sagas must have ${record.name} ${record.version} to tell the results of ${id}`);
      this.#settle(id, (waiter) => waiter.reject(error));
    } else {
      const results = await this.#execution(snapshot, journal).drive();
      this.#settle(id, (waiter) => waiter.resolve(results));
    }
  }
}

function ignore(): void {}

async function park(id: string, journal: Journal): Promise<never> {
  const error = new Error(`it has brought down ${journal.recoveries} workers without getting any further`);
  await journal.finish('stuck', new Failure('', error));
  throw new SagaStuckError(id, '', error);
}
