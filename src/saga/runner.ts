import { amount, integer, refuse } from '../core/check.ts';
import type { TimerHandle } from '../core/clock.ts';
import { keepAlive } from '../core/clock.ts';
import { emit } from '../core/errors.ts';
import type { AnySaga, Saga } from './definition.ts';
import { Drives, SUSPECT_AFTER } from './drives.ts';
import type { Ending } from './drives.ts';
import { LeaseLostError, SagaConflictError } from './errors.ts';
import type { Journal } from './journal.ts';
import { randomId } from './random-id.ts';
import { checked } from './runner-terms.ts';
import type { Terms } from './runner-terms.ts';
import type { SagaHandle, SagaRunner, SagaRunnerOptions } from './saga-runner.ts';
import type { ClaimQuery, LogEntry, SagaQuery, SagaRecord, SagaSnapshot } from './saga-store.ts';
import { isSameText, serialize } from './serializer.ts';
import { Waiters } from './waiters.ts';
import { Worker } from './worker.ts';

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

class Runner implements SagaRunner {
  readonly #terms: Terms;
  readonly #drives: Drives;
  readonly #waiters: Waiters;
  readonly #starting = new Set<string>();
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
    this.#drives = new Drives(terms, (id, ending) => this.#ended(id, ending));
    this.#waiters = new Waiters(terms.store, this.#drives);
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
      this.#drives.start(worker, { record, log: [], events: [], nowMs: record.createdAtMs }, 'started');
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
    if (isAsked) this.#drives.cancel(id, reason);
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
    const { past, turned, broken } = this.#drives.journalOf(snapshot);
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
    this.#drives.isHalted = true;
    clock.clearTimeout(this.#timer);
    const worker = await this.#worker?.catch(() => undefined);
    await this.#ticking?.catch(() => undefined);
    if (this.#drives.size > 0 && graceMs > 0 && worker) {
      let timer: TimerHandle;
      const grace = new Promise<void>((resolve) => (timer = clock.setTimeout(resolve, graceMs)));
      await Promise.race([grace, this.#drives.ended()]);
      clock.clearTimeout(timer);
    }
    worker?.end();
    this.#drives.stop(new LeaseLostError());
    this.#waiters.end(new LeaseLostError());
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
      onNews: (news) => this.#drives.hear(news),
    });
    worker.scope.listen({
      onAbort: (reason) => {
        this.#worker = undefined;
        this.#drives.stop(reason);
      },
    });
    return worker;
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
      await this.#waiters.watch();
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
    const held = nowMs < this.#doubtUntilMs ? [...this.#drives.ids(), ...this.#starting] : undefined;
    const snapshots = await this.#claim(worker, {
      limit: Math.min(free, 1000),
      suspects: this.#drives.hasSuspect ? 0 : 1,
      held,
    });
    for (const snapshot of snapshots) this.#drives.start(worker, snapshot, 'resumed');
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
    if (snapshot) this.#drives.start(worker, snapshot, 'resumed', revive);
    this.#schedule();
    return snapshot !== undefined;
  }

  #handle<R>(id: string, created: boolean): SagaHandle<R> {
    const result = (): Promise<R> => this.#result(id) as Promise<R>;
    const settled = (): Promise<void> => result().then(ignore, ignore);
    return { id, created, result, [Symbol.asyncDispose]: settled };
  }

  #result(id: string): Promise<unknown> {
    if (this.#closed) return Promise.reject(new LeaseLostError());
    const result = this.#waiters.of(id);
    if (!this.#drives.has(id)) void this.#inquire(id);
    return result;
  }

  async #inquire(id: string): Promise<void> {
    try {
      await this.#initialized();
      await this.#waiters.watch();
    } catch (error) {
      this.#waiters.settle(id, { isOk: false, error });
    }
    this.#schedule();
  }

  #ended(id: string, ending: Ending | undefined): void {
    if (ending) this.#waiters.settle(id, ending);
    // There is room for another one.
    if (this.#drives.size === this.#terms.concurrency - 1) this.#schedule(0);
  }
}

function ignore(): void {}
