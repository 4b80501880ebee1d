import type { Drives, Ending } from './drives.ts';
import { SagaCompensatedError, SagaStuckError } from './errors.ts';
import type { SagaSnapshot, SagaStore } from './saga-store.ts';

interface Waiter {
  readonly promise: Promise<unknown>;
  readonly settle: (ending: Ending) => void;
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

  /** The results of a saga. All who ask for one share a promise. */
  of(id: string): Promise<unknown> {
    let waiter = this.#waiters.get(id);
    if (!waiter) {
      let settle: Waiter['settle'];
      const promise = new Promise((resolve, reject) => {
        settle = (ending) => (ending.isOk ? resolve(ending.results) : reject(ending.error));
      });
      // Whoever drops it loses nothing: how the saga ended is stored.
      promise.catch(() => undefined);
      waiter = { promise, settle: settle! };
      this.#waiters.set(id, waiter);
    }
    return waiter.promise;
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

  /** Asks the store about the sagas that others drive. */
  async watch(): Promise<void> {
    const ids = [...this.#waiters.keys()].filter((id) => !this.#drives.has(id));
    if (ids.length === 0) return;
    const records = new Map((await this.#store.get(ids)).map((record) => [record.id, record]));
    for (const id of ids) {
      const status = records.get(id)?.status;
      if (status === 'running' || status === 'compensating') continue;
      const snapshot = status && (await this.#store.load(id));
      if (this.#drives.has(id)) continue;
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
    if (this.#drives.definitionOf(snapshot.record))
      return { isOk: true, results: await this.#drives.resultsOf(snapshot) };
    return { isOk: false, error: new RangeError(`sagas must have ${name} ${version} to tell the results of ${id}`) };
  }
}
