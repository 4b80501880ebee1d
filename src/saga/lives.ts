import { Scope } from '../core/scope.ts';
import { rest } from './attempt.ts';
import type { Drives } from './drives.ts';
import { LeaseLostError } from './errors.ts';
import type { Terms } from './runner-terms.ts';
import type { NewSaga, SagaRecord } from './saga-store.ts';
import { Worker } from './worker.ts';

/** Between two attempts to get a lease for a start that has waited for one that ended. */
const AGAIN_MS = 250;

/** The lives of this process, one after the other: each is a worker with a lease. */
export class Lives {
  /** Whether this process drives sagas: one that only sends and waits has no life. */
  hasBegun: boolean = false;
  isClosed: boolean = false;
  readonly #scope = new Scope(undefined, 1, true);
  readonly #terms: Terms;
  readonly #drives: Drives;
  readonly #onFault: (error: unknown) => void;
  readonly #onBirth: () => void;
  #ready: Promise<void> | undefined;
  #worker: Promise<Worker> | undefined;
  /** The same, once it is there. */
  #own: Worker | undefined;

  constructor(terms: Terms, drives: Drives, onFault: (error: unknown) => void, onBirth: () => void) {
    this.#terms = terms;
    this.#drives = drives;
    this.#onFault = onFault;
    this.#onBirth = onBirth;
  }

  /** Waits until the store can be asked. */
  initialized(): Promise<void> {
    if (this.isClosed) return Promise.reject(new LeaseLostError());
    this.#ready ??= this.#init().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #init(): Promise<void> {
    await this.#terms.store.init();
  }

  /** The present life; a new one when the last has ended. */
  async present(): Promise<Worker> {
    await this.initialized();
    // Closed meanwhile: whoever closes has found no life to end, and there must be none after.
    if (this.isClosed) throw new LeaseLostError();
    this.hasBegun = true;
    this.#worker ??= this.#enlist().catch((error: unknown) => {
      this.#worker = undefined;
      throw error;
    });
    const worker = await this.#worker;
    if (this.isClosed) throw new LeaseLostError();
    return worker;
  }

  /**
   * Where the lease ends before the store has answered, the next life asks again, if there is one in time. `onDoubt` is
   * told that the store may have it though it was not answered.
   */
  async create(saga: NewSaga, onDoubt: () => void): Promise<readonly [Worker, SagaRecord]> {
    const { clock, leaseMs } = this.#terms;
    await this.present();
    const untilMs = clock.now() + leaseMs;
    for (;;) {
      try {
        const worker = await this.present();
        return [worker, await worker.create(saga)];
      } catch (error) {
        onDoubt();
        if (this.isClosed) throw error;
        if (error instanceof LeaseLostError) continue;
        if (clock.now() >= untilMs) throw error;
        await rest(clock, AGAIN_MS, this.#scope);
      }
    }
  }

  /** Nothing more begins. */
  end(): void {
    this.isClosed = true;
    this.#scope.abort(new LeaseLostError());
  }

  /** The last one, if there is one, once it has begun. */
  async last(): Promise<Worker | undefined> {
    return this.#worker?.catch(() => undefined);
  }

  /** Has the worker of that name, if it is the present one, ask what there is to hear. */
  hear(name: string): void {
    if (name === this.#own?.name) this.#own.hear();
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
      onFault: this.#onFault,
      onNews: (news) => this.#drives.hear(news),
    });
    this.#own = worker;
    this.#onBirth();
    worker.scope.listen({
      onAbort: (reason) => {
        this.#own = undefined;
        this.#worker = undefined;
        this.#drives.stop(reason);
      },
    });
    return worker;
  }
}
