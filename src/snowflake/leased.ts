import { integer } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { emit, isHoldfastError } from '../core/errors.ts';
import { planOf } from './layout.ts';
import type { LeaseTerms, WorkerLease, WorkerLeaseOptions } from './lease.ts';
import { acquire, checked } from './lease.ts';
import type { Sleepers } from './sleep.ts';
import { doze, sleep } from './sleep.ts';
import type { Snowflake, SnowflakeOptions } from './snowflake.ts';
import { createSnowflake, waitForId } from './snowflake.ts';

/** Options of {@link createLeasedSnowflake}. */
export interface LeasedSnowflakeOptions extends WorkerLeaseOptions, Omit<SnowflakeOptions, 'worker' | 'clock'> {}

/** A {@link Snowflake} that looks after its own lease. */
export interface LeasedSnowflake extends Snowflake, AsyncDisposable {
  /**
   * Gives the worker id back, from the last id on. Never rejects. Every later call throws WorkerLeaseLostError, and who
   * waits for an id is rejected with it at once.
   */
  close(): Promise<void>;
}

/**
 * Creates a {@link LeasedSnowflake}: leases a worker id, renews the lease, and takes another when it is lost.
 *
 * Rejects as `acquireWorkerLease` does. Between a loss and the next lease every call throws WorkerLeaseLostError;
 * `nextAsync` waits instead. Ids keep growing over a change of the worker id.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { fromIoredis, redisWorkerLeaseStore } from 'holdfast/redis';
 * import { createLeasedSnowflake } from 'holdfast/snowflake';
 *
 * const store = redisWorkerLeaseStore(fromIoredis(new Redis()));
 * await using ids = await createLeasedSnowflake({ store });
 * console.log(ids.next());
 * ```
 *
 * @throws RangeError or TypeError for bad options, as a rejection.
 */
export async function createLeasedSnowflake(options: LeasedSnowflakeOptions): Promise<LeasedSnowflake> {
  const terms = checked(options);
  // Checks the rest before anything is taken, the number of worker ids by its own name.
  integer('workerIds', terms.workerIds, 1, planOf(options.layout).lastWorker + 1);
  createSnowflake({ ...options, worker: terms.workerIds - 1 });
  return new SelfLeasingSnowflake(options, terms, await acquire(terms, options.signal, sleep));
}

/** How often those who wait for an id look for the end of a gap between leases. */
const POLL_MS = 20;

class SelfLeasingSnowflake implements LeasedSnowflake {
  readonly #options: LeasedSnowflakeOptions;
  readonly #terms: LeaseTerms;
  readonly #closing = new AbortController();
  readonly #sleepers: Sleepers = new Set();
  #lease: WorkerLease;
  #ids: Snowflake;

  constructor(options: LeasedSnowflakeOptions, terms: LeaseTerms, lease: WorkerLease) {
    this.#options = options;
    this.#terms = terms;
    this.#lease = lease;
    this.#ids = this.#issueUnder(lease, options.notBeforeMs);
  }

  get workerId(): number {
    return this.#ids.workerId;
  }

  get lastTimestampMs(): number {
    return this.#ids.lastTimestampMs;
  }

  next(): bigint {
    return this.#ids.next();
  }

  nextString(): string {
    return this.#ids.nextString();
  }

  nextNumber(): number {
    return this.#ids.nextNumber();
  }

  nextBatch(count: number): bigint[] {
    return this.#ids.nextBatch(count);
  }

  fill(target: BigUint64Array): BigUint64Array {
    return this.#ids.fill(target);
  }

  nextAsync({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<bigint> {
    return this.#nextInTurn(this.#terms.clock, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const released = this.#lease.release();
    for (const wake of this.#sleepers) wake();
    await released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #nextInTurn(clock: Clock, signal: AbortSignal | undefined): Promise<bigint> {
    for (;;) {
      try {
        return await waitForId(this, clock, signal, this.#sleepers);
      } catch (error) {
        if (this.#closing.signal.aborted || !isHoldfastError(error, 'ERR_WORKER_LEASE_LOST')) throw error;
        await sleep(clock, POLL_MS, signal, this.#sleepers);
      }
    }
  }

  #issueUnder(lease: WorkerLease, notBeforeMs: number | undefined): Snowflake {
    const replace = (): void => void this.#replace();
    if (lease.signal.aborted) replace();
    else lease.signal.addEventListener('abort', replace, { once: true });
    return createSnowflake({ ...this.#options, notBeforeMs, worker: lease });
  }

  /** Takes another lease, however long that takes, unless this was closed. */
  async #replace(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const lease = await acquire(this.#terms, signal, doze);
        this.#lease = lease;
        if (signal.aborted) return await lease.release(lease.fromMs - 1);
        // Later than every id so far, whatever the worker id, so that ids go on growing.
        this.#ids = this.#issueUnder(lease, this.#ids.lastTimestampMs);
        return;
      } catch (error) {
        if (signal.aborted) return;
        emit(this.#terms.onEvent, { type: 'acquire-failed', error });
        await doze(this.#terms.clock, this.#terms.renewEveryMs / 4, signal);
      }
    }
  }
}
