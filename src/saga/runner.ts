import { amount, integer, refuse } from '../core/check.ts';
import type { TimerHandle } from '../core/clock.ts';
import { emit } from '../core/errors.ts';
import type { AnySaga, Saga } from './definition.ts';
import { Drives } from './drives.ts';
import type { Ending } from './drives.ts';
import { LeaseLostError, SagaConflictError } from './errors.ts';
import { Intake } from './intake.ts';
import type { Journal } from './journal.ts';
import { Lives } from './lives.ts';
import { randomId } from './random-id.ts';
import { checked } from './runner-terms.ts';
import type { Terms } from './runner-terms.ts';
import type { SagaHandle, SagaRunner, SagaRunnerOptions } from './saga-runner.ts';
import type { LogEntry, SagaQuery, SagaRecord } from './saga-store.ts';
import { isSameText, serialize } from './serializer.ts';
import { checkId, checkText } from './text.ts';
import { Ticker } from './ticker.ts';
import { Waiters } from './waiters.ts';
import { WakeUps } from './wake-ups.ts';

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
  readonly #intake: Intake;
  readonly #ticker: Ticker<readonly SagaHandle<unknown>[]>;
  readonly #wakeUps: WakeUps;
  readonly #lives: Lives;
  #closed: Promise<void> | undefined;
  /** Sagas that are driven here, and were sent an event meanwhile. */
  readonly #signalled = new Set<string>();
  /** Whoever awaits `work`. */
  #atWork: (() => void)[] = [];

  constructor(terms: Terms) {
    this.#terms = terms;
    this.#drives = new Drives(terms, (id, ending) => this.#ended(id, ending));
    this.#intake = new Intake(terms, this.#drives);
    this.#waiters = new Waiters(terms.store, this.#drives);
    const isAwaited = (): boolean => this.#waiters.size > 0 || this.#atWork.length > 0;
    this.#ticker = new Ticker(terms.clock, terms.pollMs, (limit) => this.#look(limit), isAwaited);
    const onFault = (error: unknown): void => this.#fault(error);
    const wake = (worker?: string): void => (worker ? this.#lives.hear(worker) : this.#ticker.wake());
    this.#wakeUps = new WakeUps(terms.store, wake, onFault);
    this.#lives = new Lives(terms, this.#drives, onFault, () => {
      this.#wakeUps.listen();
      this.#ticker.schedule();
    });
  }

  async start<I, R>(
    saga: Saga<I, R, never>,
    input: I,
    options: { readonly id?: string | undefined } = {},
  ): Promise<SagaHandle<R>> {
    const { id = randomId(this.#terms.random) } = options;
    if (!this.#terms.sagas.includes(saga as unknown as AnySaga))
      refuse('saga', 'one of the sagas of this runner', saga);
    checkId(id);
    const text = serialize(input, 'input');
    const { name, version } = saga;
    // Of two that start one id here at once, the first to come drives it.
    const isFirst = !this.#intake.coming.has(id) && !this.#drives.has(id);
    this.#intake.coming.add(id);
    try {
      const [worker, record] = await this.#lives.create({ id, name, version, input: text }, () => this.#intake.doubt());
      const isOwn = isFirst && record.worker === worker.name && record.fence === 1 && !this.#drives.has(id);
      if (isOwn) {
        this.#drives.start(worker, { record, log: [], events: [], nowMs: record.createdAtMs }, 'started');
      } else if (record.name !== name || !isSameText(record.input, text)) {
        throw new SagaConflictError(id);
      }
      return this.#handle(id, isOwn);
    } finally {
      if (isFirst) this.#intake.coming.delete(id);
    }
  }

  handle<R>(id: string): SagaHandle<R> {
    return this.#handle(checkId(id), false);
  }

  async recover(options: { readonly limit?: number | undefined } = {}): Promise<readonly SagaHandle<unknown>[]> {
    const limit = integer('limit', options.limit ?? Infinity, 0, Infinity);
    await this.#lives.present();
    return this.#ticker.look(limit);
  }

  async work(): Promise<void> {
    this.#lives.hasBegun = true;
    if (this.#closed) throw new LeaseLostError();
    await new Promise<void>((resolve) => {
      this.#atWork.push(resolve);
      this.#ticker.wake();
    });
  }

  async signal(id: string, event: string, payload?: unknown): Promise<boolean> {
    checkText('event', event);
    const text = serialize(payload, event);
    await this.#asked(id);
    const isKept = await this.#terms.store.signal(id, { name: event, payload: text });
    // One that is being driven may be on its way to rest without having seen it: it is looked for once it is there.
    if (isKept && this.#drives.has(id)) this.#signalled.add(id);
    else if (isKept && this.#lives.hasBegun) this.#ticker.wake();
    return isKept;
  }

  async cancel(id: string, reason: string = ''): Promise<boolean> {
    checkText('reason', reason);
    await this.#asked(id);
    const isAsked = await this.#terms.store.cancel(id, reason);
    if (isAsked) this.#drives.cancel(id, reason);
    if (isAsked && this.#lives.hasBegun) this.#ticker.wake();
    return isAsked;
  }

  async retry(id: string): Promise<boolean> {
    return this.#revive(id, (journal) => journal.revive());
  }

  async resolve(id: string, step: string, value?: unknown): Promise<boolean> {
    serialize(value, step);
    await this.#asked(id);
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
    await this.#asked(id);
    return (await this.#terms.store.get([id]))[0];
  }

  async list(query: SagaQuery = {}): Promise<readonly SagaRecord[]> {
    integer('limit', query.limit ?? 1, 1);
    await this.#lives.initialized();
    return this.#terms.store.list(query);
  }

  async history(id: string): Promise<readonly LogEntry[]> {
    await this.#asked(id);
    return (await this.#terms.store.load(id))?.log ?? [];
  }

  async purge(query: { readonly finishedBeforeMs: number; readonly limit?: number | undefined }): Promise<number> {
    const { finishedBeforeMs, limit = 1000 } = query;
    amount('finishedBeforeMs', finishedBeforeMs, 0);
    integer('limit', limit, 1);
    await this.#lives.initialized();
    return this.#terms.store.purge(finishedBeforeMs, limit);
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
    this.#lives.end();
    await this.#ticker.end();
    const worker = await this.#lives.last();
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
      await this.#wakeUps.end();
      if (worker) await store.retire(worker.name);
    } catch (error) {
      this.#fault(error);
    }
    for (const resolve of this.#atWork) resolve();
  }

  #fault(error: unknown): void {
    // What a closed runner rejects with is no fault of the store.
    if (!(error instanceof LeaseLostError)) emit(this.#terms.onEvent, { type: 'store-fault', error });
  }

  #asked(id: string): Promise<void> {
    checkId(id);
    return this.#lives.initialized();
  }

  async #look(limit: number): Promise<readonly SagaHandle<unknown>[]> {
    try {
      await this.#lives.initialized();
      if (this.#lives.hasBegun) this.#wakeUps.listen();
      const taken = this.#lives.hasBegun ? await this.#intake.takeUp(await this.#lives.present(), limit) : [];
      await this.#waiters.watch();
      return taken.map((id) => this.#handle(id, false));
    } catch (error) {
      this.#fault(error);
      throw error;
    }
  }

  async #revive(id: string, revive: (journal: Journal) => void): Promise<boolean> {
    checkId(id);
    const isRevived = await this.#intake.revive(await this.#lives.present(), id, revive);
    this.#ticker.schedule();
    return isRevived;
  }

  #handle<R>(id: string, created: boolean): SagaHandle<R> {
    const result = ({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<R> =>
      this.#result(id, signal) as Promise<R>;
    const settled = (): Promise<void> => result().then(ignore, ignore);
    return { id, created, result, [Symbol.asyncDispose]: settled };
  }

  #result(id: string, signal: AbortSignal | undefined): Promise<unknown> {
    if (this.#closed) return Promise.reject(new LeaseLostError());
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const result = this.#waiters.of(id, signal);
    if (!this.#drives.has(id)) void this.#inquire();
    return result;
  }

  /** A fault of the store is told, and those who wait go on waiting: they are asked for again at the next look. */
  async #inquire(): Promise<void> {
    try {
      await this.#lives.initialized();
      await this.#waiters.watch();
    } catch (error) {
      this.#fault(error);
    }
    this.#ticker.schedule();
  }

  #ended(id: string, ending: Ending | undefined): void {
    if (ending) this.#waiters.settle(id, ending);
    const isSignalled = this.#signalled.delete(id) && !ending;
    // Or there is room for another one.
    if (isSignalled || this.#drives.size === this.#terms.concurrency - 1) this.#ticker.wake();
    // Whoever waits for its result waits for the next look from now on, and the process with them.
    else if (!ending) this.#ticker.schedule();
  }
}

function ignore(): void {}
