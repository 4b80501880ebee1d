import type { Drives, Ending } from './drives.ts';
import { SagaCompensatedError, SagaStuckError } from './errors.ts';
import type { SagaRecord, SagaSnapshot, SagaStore } from './saga-store.ts';

interface Waiter {
  readonly promise: Promise<unknown>;
  readonly settle: (ending: Ending) => void;
  askers: number;
}

/** Those who wait for the results of sagas, here or elsewhere. */
export class Waiters {
  readonly #store: SagaStore;
  readonly #drives: Drives;
  readonly #waiters = new Map<string, Waiter>();

  constructor(store: SagaStore, drives: Drives) {
    this.#store = store;
    this.#drives = drives;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** The results of a saga. All who ask for one share a promise, and it is forgotten when none of them wants it any more. */
  of(id: string, signal: AbortSignal | undefined): Promise<unknown> {
    const waiter = this.#waiterOf(id);
    waiter.askers++;
    if (!signal) return waiter.promise;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        if (--waiter.askers === 0 && this.#waiters.get(id) === waiter) this.#waiters.delete(id);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      void waiter.promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  #waiterOf(id: string): Waiter {
    const known = this.#waiters.get(id);
    if (known) return known;
    let settle: Waiter['settle'];
    const promise = new Promise((resolve, reject) => {
      settle = (ending) => (ending.isOk ? resolve(ending.results) : reject(ending.error));
    });
    // Whoever drops it loses nothing: how the saga ended is stored.
    promise.catch(() => undefined);
    const waiter = { promise, settle: settle!, askers: 0 };
    this.#waiters.set(id, waiter);
    return waiter;
  }

  settle(id: string, ending: Ending): void {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    waiter?.settle(ending);
  }

  /** Rejects all. */
  end(error: unknown): void {
    for (const id of this.#waiters.keys()) this.settle(id, { isOk: false, error });
  }

  /** Asks the store about the sagas that others drive. Rejects with its fault, and who waits goes on waiting. */
  async watch(): Promise<void> {
    const ids = [...this.#waiters.keys()].filter((id) => !this.#drives.has(id));
    if (ids.length === 0) return;
    const records = new Map((await this.#store.get(ids)).map((record) => [record.id, record]));
    for (const id of ids) {
      const record = records.get(id);
      if (record && isOnItsWay(record)) continue;
      const snapshot = record && (await this.#store.load(id));
      if (this.#drives.has(id) || (snapshot && isOnItsWay(snapshot.record))) continue;
      const error = new RangeError(`the store has no saga ${id}`);
      this.settle(id, snapshot ? await this.#endingOf(snapshot) : { isOk: false, error });
    }
  }

  async #endingOf(snapshot: SagaSnapshot): Promise<Ending> {
    const { id, status, name, version } = snapshot.record;
    if (status !== 'completed') {
      const { turned, broken } = this.#drives.journalOf(snapshot);
      if (status === 'stuck') return { isOk: false, error: new SagaStuckError(id, broken!.path, broken!.error) };
      return { isOk: false, error: new SagaCompensatedError(id, turned!.path, turned!.error) };
    }
    if (!this.#drives.definitionOf(snapshot.record))
      return { isOk: false, error: new RangeError(`sagas must have ${name} ${version} to tell the results of ${id}`) };
    try {
      return { isOk: true, results: await this.#drives.resultsOf(snapshot) };
    } catch (error) {
      return { isOk: false, error };
    }
  }
}

const isOnItsWay = ({ status }: SagaRecord): boolean => status === 'running' || status === 'compensating';
