import type { Filled } from '../core/check.ts';
import { amount, integer, oneOf, optionalFunction, refuse } from '../core/check.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { keepAlive, shortClock } from '../core/clock.ts';
import { emit } from '../core/errors.ts';
import { NoWorkerIdError, WorkerLeaseLostError } from './errors.ts';
import type { LeaseGrant, WorkerLeaseStore } from './lease-store.ts';
import { doze, sleep } from './sleep.ts';

/** What happens to a lease. */
export type WorkerLeaseEvent =
  | { readonly type: 'acquired'; readonly workerId: number; readonly fencingToken: number; readonly fromMs: number }
  | { readonly type: 'renewed'; readonly workerId: number; readonly untilMs: number }
  | { readonly type: 'acquire-failed'; readonly error: unknown }
  | { readonly type: 'renewal-failed'; readonly workerId: number; readonly error: unknown }
  | { readonly type: 'release-failed'; readonly workerId: number; readonly error: unknown }
  | { readonly type: 'lost'; readonly workerId: number };

/** Options of {@link acquireWorkerLease}. */
export interface WorkerLeaseOptions {
  /** Where leases are kept: `redisWorkerLeaseStore`, `postgresWorkerLeaseStore` or your own. */
  readonly store: WorkerLeaseStore;
  /**
   * Worker ids are told apart within a pool. All that issue ids of one kind share one, and one `ttlMs`.
   *
   * @defaultValue 'default'
   */
  readonly pool?: string | undefined;
  /**
   * The pool has the worker ids 0 to this less one, and no more than the layout of the ids has.
   *
   * @defaultValue 1024, all of the default layout
   */
  readonly workerIds?: number | undefined;
  /**
   * How long the lease holds without renewal, and how long a worker id rests after its holder crashed.
   *
   * @defaultValue 10000
   */
  readonly ttlMs?: number | undefined;
  /**
   * How often the lease is renewed; four times as often while the store fails.
   *
   * @defaultValue a third of `ttlMs`
   */
  readonly renewEveryMs?: number | undefined;
  /**
   * What to do about worker ids that the store knows nothing of. `wait` starts them `ttlMs` from now: the store
   * may be new, or have lost its data while holders go on. `immediate` starts them at once, for tests.
   *
   * @defaultValue 'wait'
   */
  readonly coldStart?: 'wait' | 'immediate' | undefined;
  /**
   * What to do when every worker id is taken: reject with {@link NoWorkerIdError}, or ask again every 25 ms.
   *
   * @defaultValue 'reject'
   */
  readonly whenTaken?: 'reject' | 'wait' | undefined;
  /** Gives up waiting; what was taken is given back. */
  readonly signal?: AbortSignal | undefined;
  /** Told what happens to the lease. What it throws is reported and changes nothing. */
  readonly onEvent?: ((event: WorkerLeaseEvent) => void) | undefined;
  /** Where the time and the timers come from. */
  readonly clock?: Clock | undefined;
}

/** A worker id that is this process' own for a window of id time, which renewals extend. */
export interface WorkerLease extends AsyncDisposable {
  readonly workerId: number;
  /** Grows from holder to holder of this worker id. */
  readonly fencingToken: number;
  /** Ids start here. */
  readonly fromMs: number;
  /** Ids end before this; grows with renewals. */
  readonly untilMs: number;
  /** Aborts when the lease is lost or released, with {@link WorkerLeaseLostError}. */
  readonly signal: AbortSignal;
  /**
   * Called once by the generator that issues under this lease: how to learn the time of its last id, and how
   * to tell it that the lease has ended. RangeError for a second generator, whose ids would be the same.
   */
  bind(lastTimestampMs: () => number, onEnd: () => void): void;
  /** Throws {@link WorkerLeaseLostError} unless ids up to `endMs` are covered. */
  require(endMs: number): void;
  /**
   * Ends the lease and frees the worker id from the last id on: what its generator issued, or `lastTimestampMs`
   * if that is later. Without generator and argument it stays taken until the end of its window. Never rejects: when
   * the store does not answer, the worker id is free at the end of its window.
   */
  release(lastTimestampMs?: number): Promise<void>;
}

/** How often to ask again for a worker id when all are taken. */
const POLL_MS = 25;

/**
 * Leases a worker id of a pool, so that no two processes issue equal ids.
 *
 * Resolves when the window of the lease begins. Rejects with {@link NoWorkerIdError} when all are taken, with what the
 * store rejects with, and with `signal.reason` on abort, at once; a worker id that was taken is given back. The lease
 * renews itself, without keeping the process alive, until it is released or lost.
 *
 * @example
 * ```ts no-run
 * import { Redis } from 'ioredis';
 * import { fromIoredis, redisWorkerLeaseStore } from 'holdfast/redis';
 * import { acquireWorkerLease, createSnowflake } from 'holdfast/snowflake';
 *
 * const store = redisWorkerLeaseStore(fromIoredis(new Redis()));
 * await using lease = await acquireWorkerLease({ store });
 * const ids = createSnowflake({ worker: lease });
 * console.log(ids.next());
 * ```
 *
 * @throws RangeError or TypeError for bad options, as a rejection.
 */
export async function acquireWorkerLease(options: WorkerLeaseOptions): Promise<WorkerLease> {
  return acquire(checked(options), options.signal, sleep);
}

/** Options with their defaults. */
export interface LeaseTerms extends Filled<Omit<WorkerLeaseOptions, 'signal' | 'onEvent'>> {
  readonly pool: string;
  readonly workerIds: number;
  readonly ttlMs: number;
  readonly renewEveryMs: number;
  readonly coldStart: 'wait' | 'immediate';
  readonly whenTaken: 'reject' | 'wait';
  readonly clock: Clock;
  readonly onEvent: ((event: WorkerLeaseEvent) => void) | undefined;
}

export function checked(options: WorkerLeaseOptions): LeaseTerms {
  const { store, pool = 'default', workerIds = 1024, ttlMs = 10_000, renewEveryMs = ttlMs / 3 } = options;
  const { coldStart = 'wait', whenTaken = 'reject', onEvent, clock = shortClock } = options;
  if (typeof store?.acquire !== 'function') refuse('store', 'a store of worker leases', store);
  if (typeof pool !== 'string') refuse('pool', 'a text', pool);
  integer('ttlMs', ttlMs, 1, 2 ** 31 - 1);
  return {
    store,
    pool,
    workerIds: integer('workerIds', workerIds, 1, 2 ** 26),
    ttlMs,
    renewEveryMs: amount('renewEveryMs', renewEveryMs, 0, ttlMs),
    coldStart: oneOf('coldStart', coldStart, ['wait', 'immediate']),
    whenTaken: oneOf('whenTaken', whenTaken, ['reject', 'wait']),
    onEvent: optionalFunction('onEvent', onEvent),
    clock,
  };
}

/**
 * Acquires a lease, waiting as `wait` does: for somebody, or in the background. An abort rejects at once; what the
 * store grants all the same is given back when its answer arrives.
 */
export function acquire(
  terms: LeaseTerms,
  signal: AbortSignal | undefined,
  wait: typeof sleep | typeof doze,
): Promise<WorkerLease> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const giveUp = new AbortController();
    const onAbort = (): void => {
      reject(signal!.reason);
      giveUp.abort();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    void take(terms, giveUp.signal, wait)
      .finally(() => signal?.removeEventListener('abort', onAbort))
      .then((lease) => {
        const { workerId, fencingToken, fromMs } = lease;
        if (giveUp.signal.aborted) return lease.release(fromMs - 1);
        emit(terms.onEvent, { type: 'acquired', workerId, fencingToken, fromMs });
        return resolve(lease);
      })
      .catch(reject);
  });
}

async function take(terms: LeaseTerms, signal: AbortSignal, wait: typeof sleep | typeof doze): Promise<WorkerLease> {
  const { store, pool, workerIds, ttlMs, coldStart, whenTaken, clock } = terms;
  for (;;) {
    signal.throwIfAborted();
    const grant = await store.acquire({ pool, workerIds, ttlMs, coldStart });
    if (grant) {
      // Of a store of the caller's own: a lease of another worker id would never be given back.
      integer('workerId of the store', grant.workerId, 0, workerIds - 1);
      const lease = new HeldLease(terms, grant);
      // By the store's time alone, because the two clocks need not agree.
      const waitMs = grant.fromMs - grant.nowMs;
      if (waitMs > 0 && !signal.aborted) await wait(clock, waitMs, signal);
      // Else the store has lost its data once more.
      if (!lease.signal.aborted) return lease;
    } else if (whenTaken === 'reject') throw new NoWorkerIdError(pool, workerIds);
    else await wait(clock, POLL_MS, signal);
  }
}

/*
 * What makes ids unique is `require`, which generators ask before they enter a new millisecond: it compares the
 * time in the id with the window that the store granted, and asks no clock. Everything else here, renewals and
 * timers, only decides for how long there are ids.
 */
class HeldLease implements WorkerLease {
  readonly workerId: number;
  readonly fencingToken: number;
  readonly fromMs: number;
  readonly #terms: LeaseTerms;
  readonly #controller = new AbortController();
  #untilMs: number;
  #timer: TimerHandle;
  #lastTimestampMs: (() => number) | undefined;
  #onEnd: (() => void) | undefined;
  #released: Promise<void> | undefined;

  constructor(terms: LeaseTerms, { workerId, fencingToken, fromMs, untilMs }: LeaseGrant) {
    this.workerId = workerId;
    this.fencingToken = fencingToken;
    this.fromMs = fromMs;
    this.#untilMs = untilMs;
    this.#terms = terms;
    this.#renewIn(terms.renewEveryMs);
  }

  get untilMs(): number {
    return this.#untilMs;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  bind(lastTimestampMs: () => number, onEnd: () => void): void {
    if (this.#lastTimestampMs) throw new RangeError(`the lease of worker id ${this.workerId} has a generator already`);
    this.#lastTimestampMs = lastTimestampMs;
    this.#onEnd = onEnd;
  }

  require(endMs: number): void {
    this.signal.throwIfAborted();
    // So put that no answer of a store which is no number counts as one.
    if (!(endMs <= this.#untilMs)) throw new WorkerLeaseLostError(this.workerId, 'expired');
  }

  release(lastTimestampMs: number = -Infinity): Promise<void> {
    return (this.#released ??= this.#release(lastTimestampMs));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(lastTimestampMs: number): Promise<void> {
    const { store, pool, onEvent } = this.#terms;
    const { workerId, fencingToken, fromMs } = this;
    if (this.signal.aborted) return;
    this.#end('released');
    const lastMs = Math.max(lastTimestampMs, this.#lastTimestampMs?.() ?? -Infinity);
    const untilMs = lastMs === -Infinity ? this.#untilMs : Math.min(this.#untilMs, Math.max(fromMs, lastMs + 1));
    try {
      await store.release({ pool, workerId, fencingToken, untilMs });
    } catch (error) {
      emit(onEvent, { type: 'release-failed', workerId, error });
    }
  }

  #renewIn(ms: number): void {
    this.#timer = this.#terms.clock.setTimeout(() => void this.#renew(), ms);
    keepAlive(this.#timer, false);
  }

  async #renew(): Promise<void> {
    const { store, pool, ttlMs, renewEveryMs, onEvent } = this.#terms;
    const { workerId, fencingToken, signal } = this;
    try {
      const untilMs = await store.renew({ pool, workerId, fencingToken, ttlMs });
      if (signal.aborted) return;
      if (untilMs === null) {
        this.#end('taken');
        emit(onEvent, { type: 'lost', workerId });
        return;
      }
      if (untilMs > this.#untilMs) this.#untilMs = untilMs;
      this.#renewIn(renewEveryMs);
      emit(onEvent, { type: 'renewed', workerId, untilMs: this.#untilMs });
    } catch (error) {
      if (signal.aborted) return;
      this.#renewIn(renewEveryMs / 4);
      emit(onEvent, { type: 'renewal-failed', workerId, error });
    }
  }

  #end(reason: 'taken' | 'released'): void {
    this.#terms.clock.clearTimeout(this.#timer);
    this.#onEnd?.();
    this.#controller.abort(new WorkerLeaseLostError(this.workerId, reason));
  }
}
