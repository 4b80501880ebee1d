import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive } from '../core/clock.ts';
import { Scope } from '../core/scope.ts';
import { rest } from './attempt.ts';
import { LeaseLostError } from './errors.ts';
import { Refused } from './let-go.ts';
import type { NewSaga, SagaNews, SagaRecord, SagaStore, SagaWrite } from './saga-store.ts';

/** The terms of a lease. */
export interface LeaseTerms {
  readonly store: SagaStore;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly onFault: (error: unknown) => void;
  readonly onNews: (news: SagaNews) => void;
}

interface Job<In, Out> {
  readonly item: In;
  readonly resolve: (answer: Out) => void;
  readonly reject: (error: unknown) => void;
}

/** Waits between repetitions of a verb that met a fault of the store. */
const FIRST_WAIT_MS = 25;
const LONGEST_WAIT_MS = 1000;

/** Sagas in one statement at most: more of them only make it slower to answer. */
const BATCH = 500;

/*
 * Group commit: what arrives while the store is busy goes with the next call. Callers wait for the store's own
 * answer, so sharing costs no durability. A batch that fails is repeated in halves, until what fails stands alone,
 * and nobody else waits for it.
 */
class Batcher<In, Out> {
  readonly #worker: Worker;
  readonly #send: (items: readonly In[]) => PromiseLike<readonly Out[]>;
  readonly #giveUpMs: number;
  readonly #jobs = new Set<Job<In, Out>>();
  #queue: Job<In, Out>[] = [];
  #isBusy = false;

  constructor(worker: Worker, giveUpMs: number, send: (items: readonly In[]) => PromiseLike<readonly Out[]>) {
    this.#worker = worker;
    this.#giveUpMs = giveUpMs;
    this.#send = send;
    worker.scope.listen({ onAbort: (reason) => this.#jobs.forEach((job) => job.reject(reason)) });
  }

  add(item: In): Promise<Out> {
    return new Promise<Out>((resolve, reject) => {
      const { scope } = this.#worker;
      if (scope.aborted) return reject(scope.reason);
      const job = { item, resolve, reject };
      this.#jobs.add(job);
      this.#queue.push(job);
      if (!this.#isBusy) void this.#pump();
    });
  }

  async #pump(): Promise<void> {
    this.#isBusy = true;
    // What is added in this turn goes along.
    await undefined;
    while (this.#queue.length > 0) {
      const jobs = this.#queue.splice(0, BATCH);
      const fault = await this.#try(jobs);
      if (fault) void this.#repeat(jobs, FIRST_WAIT_MS, fault.error, this.#worker.terms.clock.now() + this.#giveUpMs);
    }
    this.#isBusy = false;
  }

  async #try(jobs: readonly Job<In, Out>[]): Promise<{ readonly error: unknown } | undefined> {
    try {
      const answers = await this.#send(jobs.map(({ item }) => item));
      jobs.forEach((job, k) => {
        this.#jobs.delete(job);
        job.resolve(answers[k]!);
      });
      return undefined;
    } catch (error) {
      this.#worker.terms.onFault(error);
      return { error };
    }
  }

  async #repeat(jobs: readonly Job<In, Out>[], waitMs: number, error: unknown, untilMs: number): Promise<void> {
    const { scope, terms } = this.#worker;
    await rest(terms.clock, waitMs, scope);
    if (scope.aborted || terms.clock.now() >= untilMs) {
      for (const job of jobs) {
        this.#jobs.delete(job);
        job.reject(scope.aborted ? scope.reason : error);
      }
      return;
    }
    const half = Math.ceil(jobs.length / 2);
    for (const part of [jobs.slice(0, half), jobs.slice(half)]) {
      if (part.length === 0) continue;
      void this.#try(part).then((fault) => {
        if (fault) void this.#repeat(part, Math.min(2 * waitMs, LONGEST_WAIT_MS), fault.error, untilMs);
      });
    }
  }
}

/*
 * One life of this process as the store sees it: from `enlist` to the end of the lease. The end is judged by the
 * monotonic clock, from before the renewal was sent, so it comes before that of the store; there is no way back from
 * it, as the sagas may have been given away.
 */
export class Worker {
  readonly name: string;
  readonly terms: LeaseTerms;
  /** Aborted when the lease has ended. */
  readonly scope: Scope = new Scope(undefined, 1, true);
  readonly #creates: Batcher<NewSaga, SagaRecord>;
  readonly #writes: Batcher<SagaWrite, boolean>;
  #untilMs = 0;
  #heartbeat: TimerHandle;
  #isRenewing = false;
  #isAsked = false;
  #end: TimerHandle;

  constructor(name: string, sentAtMs: number, terms: LeaseTerms) {
    this.name = name;
    this.terms = terms;
    const { store, leaseMs } = terms;
    this.#creates = new Batcher(this, leaseMs, (sagas) => store.create(name, sagas));
    this.#writes = new Batcher(this, Infinity, (writes) => store.write(name, writes));
    this.#extend(sentAtMs);
    this.#renewIn(terms.heartbeatMs);
  }

  throwIfLost(): void {
    // A process that was frozen gets here before its timers do.
    if (this.terms.clock.now() >= this.#untilMs) this.end();
    if (this.scope.aborted) throw this.scope.reason;
  }

  create(saga: NewSaga): Promise<SagaRecord> {
    return this.#creates.add(saga);
  }

  async write(write: SagaWrite): Promise<void> {
    if (!(await this.#writes.add(write))) throw new Refused();
  }

  async atomic(
    saga: SagaWrite,
    fn: (tx: unknown) => Promise<SagaWrite>,
    isFault: (error: unknown) => boolean,
  ): Promise<void> {
    const { store, clock, onFault } = this.terms;
    if (!store.atomic) throw new TypeError('this store has no transactions for atomic steps');
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      let failed: { readonly error: unknown } | undefined;
      const call = async (tx: unknown): Promise<SagaWrite> => {
        this.throwIfLost();
        failed = undefined;
        try {
          return await fn(tx);
        } catch (error) {
          failed = { error };
          throw error;
        }
      };
      try {
        const verdict = await store.atomic(this.name, saga, call);
        if (verdict === 'stale') throw new Refused();
        return;
      } catch (error) {
        this.throwIfLost();
        if (error instanceof Refused) throw error;
        const failure = failed as { readonly error: unknown } | undefined;
        if (failure && !isFault(failure.error)) throw failure.error;
        // A step has gone on past a statement that failed, and would do so each time (PostgreSQL: in_failed_sql_transaction).
        if ((error as { readonly code?: unknown } | undefined)?.code === '25P02') throw error;
        onFault(error);
        await rest(clock, waitMs, this.scope);
        this.throwIfLost();
      }
    }
  }

  /** The lease has ended, or is given back. */
  end(): void {
    const { clock } = this.terms;
    clock.clearTimeout(this.#heartbeat);
    clock.clearTimeout(this.#end);
    if (!this.scope.aborted) this.scope.abort(new LeaseLostError());
  }

  #extend(sentAtMs: number): void {
    const { clock, leaseMs } = this.terms;
    this.#untilMs = sentAtMs + leaseMs;
    clock.clearTimeout(this.#end);
    this.#end = clock.setTimeout(() => this.end(), this.#untilMs - clock.now());
    keepAlive(this.#end, false);
  }

  /** Asks what there is to hear now, or right after the heartbeat that is under way, instead of with the next. */
  hear(): void {
    if (this.#isRenewing) this.#isAsked = true;
    else if (!this.scope.aborted) this.#renewIn(0);
  }

  #renewIn(ms: number): void {
    this.terms.clock.clearTimeout(this.#heartbeat);
    this.#heartbeat = this.terms.clock.setTimeout(() => void this.#renew(), ms);
    keepAlive(this.#heartbeat, false);
  }

  async #renew(): Promise<void> {
    const { store, clock, leaseMs, heartbeatMs, onFault, onNews } = this.terms;
    const sentAtMs = clock.now();
    let nextMs = heartbeatMs;
    this.#isRenewing = true;
    this.#isAsked = false;
    try {
      const news = await store.renew(this.name, leaseMs);
      if (this.scope.aborted) return;
      if (!news) return this.end();
      this.#extend(sentAtMs);
      news.forEach(onNews);
    } catch (error) {
      onFault(error);
      nextMs /= 4;
    }
    this.#isRenewing = false;
    if (!this.scope.aborted) this.#renewIn(this.#isAsked ? 0 : nextMs);
  }
}
