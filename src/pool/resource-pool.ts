import { amount, integer, refuse } from '../core/check.ts';
import { guarded } from '../core/errors.ts';
import { resolved } from '../core/resolved.ts';
import type { WaitOptions } from '../core/wait-queue.ts';
import { PoolError } from './errors.ts';
import { Floor } from './floor.ts';
import type { AcquireOptions, Lease, Pool, PoolCloseOptions, PoolEvent, PoolLimits, PoolStats } from './pool-types.ts';
import type { PoolSettings } from './settings.ts';
import { checkLimits } from './settings.ts';
import type { Desk } from './waiting.ts';
import { AcquireWaiter, LATE_MS, Scopes } from './waiting.ts';

/* The functions that settle a promise, taken out of it without a closure for each. */
const forgotten = (): void => {};
let resolveOf: (value: never) => void = forgotten;
let rejectOf: (error: unknown) => void = forgotten;

function capture(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  resolveOf = resolve;
  rejectOf = reject;
}

/** How most wait: made once, not for each. */
const FIRST_COME: WaitOptions = {};

/** What users call, on top of the floor. */
export class ResourcePool<T> implements Pool<T>, Desk {
  readonly #settings: PoolSettings<T>;
  readonly #floor: Floor<T>;
  readonly #scopes = new Scopes();
  readonly #isWatched: boolean;
  #timeouts = 0;
  #aborted = 0;

  constructor(settings: PoolSettings<T>, floor: Floor<T> = new Floor(settings)) {
    this.#settings = settings;
    this.#floor = floor;
    this.#isWatched = settings.leakThresholdMs < Infinity;
  }

  get name(): string {
    return this.#settings.name;
  }

  acquire(options?: AcquireOptions): Promise<Lease<T>> {
    const borrower = this.#borrower();
    if (!options) {
      const lease = this.#floor.take(true, borrower);
      return lease ? resolved(lease) : this.#wait({}, borrower);
    }
    try {
      checkAcquire(options);
    } catch (error) {
      return Promise.reject(error);
    }
    const lease = options.signal?.aborted ? undefined : this.#floor.take(true, borrower);
    return lease ? resolved(lease) : this.#wait(options, borrower);
  }

  tryAcquire(): Lease<T> | undefined {
    return this.#floor.take(false, this.#borrower());
  }

  /** Remembers where a loan began, if it is watched. */
  #borrower(): Error | undefined {
    return this.#isWatched ? new Error('acquired here') : undefined;
  }

  #wait(options: AcquireOptions, borrower: Error | undefined): Promise<Lease<T>> {
    const { signal, timeoutMs = this.#settings.acquireTimeoutMs, priority = 0 } = options;
    const floor = this.#floor;
    if (signal?.aborted) {
      this.#aborted++;
      floor.tell({ type: 'rejected', reason: 'aborted' });
      return Promise.reject(signal.reason);
    }
    if (floor.isClosing) return this.#turnAway('closed', floor.closedError());
    if (this.#settings.onCreateFailure === 'fail' && floor.isDown) return this.#turnAway('create', floor.createError());
    if (this.#isFull()) {
      return this.#turnAway('full', this.#error('ERR_POOL_QUEUE_FULL', 'too many wait', floor.supply.error));
    }
    const promise = new Promise<Lease<T>>(capture);
    const waiter = new AcquireWaiter<T>(this, resolveOf as (lease: Lease<T>) => void, rejectOf);
    // Or they would keep the promise, and all that it resolves with.
    resolveOf = rejectOf = forgotten;
    waiter.timeoutMs = timeoutMs;
    const { share } = floor;
    const { hasAny } = floor.listeners;
    const nowMs = timeoutMs < Infinity || hasAny ? this.#settings.clock.now() : 0;
    if (borrower || hasAny || share)
      waiter.notes = { borrower, calledAtMs: hasAny ? nowMs : -1, priority, arrival: share?.arrival() ?? 0 };
    floor.queue.push(
      waiter,
      signal ? { priority, scope: this.#scopes.of(signal) } : priority === 0 ? FIRST_COME : { priority },
    );
    if (!floor.isFullyLent) floor.pump();
    if (timeoutMs < Infinity && waiter.queue) this.#date(waiter, nowMs + timeoutMs);
    return promise;
  }

  /** Sets the deadline of one who waits: now if that sets no timer, else when it is clear that the wait lasts. */
  #date(waiter: AcquireWaiter<T>, dueMs: number): void {
    const { queue, workshop } = this.#floor;
    if (queue.ringsBy(dueMs)) return queue.date(waiter, dueMs);
    waiter.dueMs = dueMs;
    workshop.soon.add(waiter);
  }

  /** Whether all are on loan that there may be, and as many wait as may. */
  #isFull(): boolean {
    const { share, queue, max, lent, workshop } = this.#floor;
    const { maxWaiters } = this.#settings;
    if (maxWaiters === Infinity) return false;
    if (share) return share.isFull();
    return queue.length >= maxWaiters + Math.max(0, max - lent.length - workshop.destroying);
  }

  #turnAway(reason: 'closed' | 'create' | 'full', error: PoolError): Promise<never> {
    this.#floor.rejected++;
    this.#floor.tell({ type: 'rejected', reason });
    return Promise.reject(error);
  }

  #error(code: 'ERR_POOL_TIMEOUT' | 'ERR_POOL_QUEUE_FULL', what: string, cause: unknown): PoolError {
    const { inUse, idle, creating, waiting } = this.stats();
    const text = `${inUse} in use, ${idle} idle, ${creating} creating, ${waiting} waiting`;
    return new PoolError(code, `${this.#settings.name}: ${what}: ${text}`, cause);
  }

  /** What kept a resource from those who wait, if it was not that others had them. */
  get #obstacle(): unknown {
    const { lent, supply, workshop } = this.#floor;
    if (supply.error !== undefined || lent.length > 0) return supply.error;
    if (workshop.creating > 0) return new PoolError('ERR_POOL_CREATE_TIMEOUT', 'no create has ended yet');
    return workshop.testing > 0 ? new PoolError('ERR_POOL_HOOK_TIMEOUT', 'no test or reset has ended yet') : undefined;
  }

  setDeadline(waiter: AcquireWaiter<never>): void {
    const { dueMs = Infinity } = waiter;
    const nowMs = this.#settings.clock.now();
    // The loop has stood still since: one more turn, as for a timer that is late.
    waiter.queue!.date(waiter, nowMs - dueMs > LATE_MS ? nowMs + 1 : dueMs);
  }

  timedOut(waiter: AcquireWaiter<never>): void {
    this.#timeouts++;
    waiter.reject(this.#error('ERR_POOL_TIMEOUT', `timed out after ${waiter.timeoutMs} ms`, this.#obstacle));
    this.#floor.tell({ type: 'rejected', reason: 'timeout' });
    this.#floor.pump();
  }

  gaveUp(waiter: AcquireWaiter<never>, reason: unknown): void {
    this.#aborted++;
    waiter.reject(reason);
    this.#floor.tell({ type: 'rejected', reason: 'aborted' });
    this.#floor.pump();
  }

  use<R>(fn: (resource: T) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R> {
    if (typeof fn !== 'function') return Promise.reject(new TypeError(`fn must be a function, got ${typeof fn}`));
    const lease = options ? undefined : this.#floor.take(true, this.#borrower());
    if (lease) return this.#run(lease, fn);
    return this.acquire(options).then((granted) => this.#run(granted, fn));
  }

  #run<R>(lease: Lease<T>, fn: (resource: T) => R | PromiseLike<R>): Promise<R> {
    const fail = (error: unknown): never => {
      const { destroyOnError } = this.#settings;
      if (destroyOnError && guarded(false, destroyOnError, error)) lease.destroy(error);
      else lease.release();
      throw error;
    };
    const finish = (value: R): R => {
      lease.release();
      return value;
    };
    try {
      const result = fn(lease.resource);
      const isThenable = typeof (result as { then?: unknown } | null | undefined)?.then === 'function';
      return isThenable ? Promise.resolve(result).then(finish, fail) : Promise.resolve(finish(result as R));
    } catch (error) {
      return new Promise((resolve) => resolve(fail(error)));
    }
  }

  warm(count: number = Math.max(this.#floor.min, this.#floor.minIdle)): Promise<void> {
    const floor = this.#floor;
    try {
      integer('count', count, 0, floor.max);
    } catch (error) {
      return Promise.reject(error);
    }
    if (floor.isClosing) return Promise.reject(floor.closedError());
    floor.isStarted = true;
    const warmed = floor.warmers.add(count);
    floor.pump();
    return warmed;
  }

  clear(): void {
    const floor = this.#floor;
    floor.generation++;
    floor.discard(floor.idle.length, 'clear');
  }

  resize(limits: PoolLimits): void {
    const floor = this.#floor;
    const { max = floor.max, min = floor.min, minIdle = floor.minIdle } = limits;
    checkLimits(max, min, minIdle);
    floor.hasShrunk ||= max < floor.max;
    Object.assign(floor, { max, min, minIdle });
    floor.discard(floor.alive + floor.workshop.creating - max, 'resize');
    floor.pump();
  }

  async close(options: PoolCloseOptions = {}): Promise<void> {
    checkClose(options);
    await this.#floor.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  onEvent(listener: (event: PoolEvent<T>) => void): () => void {
    if (typeof listener !== 'function') refuse('listener', 'a function', listener);
    return this.#floor.listeners.add(listener);
  }

  stats(): PoolStats {
    const { max, minIdle, size, idle, lent, queue, workshop, inHand } = this.#floor;
    const { rejected, leaked } = this.#floor;
    const { acquired, released, doubleReleases } = this.#floor.loans;
    const { creating, testing, destroying, created, createFailed, destroyed, invalid } = workshop;
    return {
      max,
      minIdle,
      size,
      idle: idle.length,
      inUse: lent.length,
      creating,
      testing: testing + inHand,
      destroying,
      waiting: queue.length,
      created,
      createFailed,
      destroyed,
      acquired,
      released,
      timeouts: this.#timeouts,
      aborted: this.#aborted,
      rejected,
      doubleReleases,
      invalid,
      leaked,
    };
  }
}

export function checkClose({ graceMs = 0 }: PoolCloseOptions): void {
  amount('graceMs', graceMs, 0);
}

function checkAcquire({ signal, timeoutMs = 0, priority = 0 }: AcquireOptions): void {
  if (signal && typeof signal.addEventListener !== 'function') refuse('signal', 'an AbortSignal', signal);
  amount('timeoutMs', timeoutMs, 0);
  if (typeof priority !== 'number' || Number.isNaN(priority)) refuse('priority', 'a number', priority);
}
