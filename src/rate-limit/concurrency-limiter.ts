import type { Call } from '../core/call.ts';
import { ComposablePolicy } from '../core/call.ts';
import { amount, integer, optionalFunction, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { guarded, isHoldfastError, reportError } from '../core/errors.ts';
import type { Policy } from '../core/policy.ts';
import { PromiseWaiter } from '../core/promise-waiter.ts';
import type { Places } from '../core/queued-call.ts';
import { QueuedCall } from '../core/queued-call.ts';
import type { Scope } from '../core/scope.ts';
import type { Done, Step } from '../core/step.ts';
import { WaitQueue } from '../core/wait-queue.ts';
import { RateLimitError } from './errors.ts';
import type { LimitAlgorithm } from './limit-algorithm.ts';

/**
 * How a call ended, for the limit: `success` took its time, `dropped` was not served (a timeout, a refusal
 * for overload), `ignored` says nothing about the dependency.
 */
export type PermitOutcome = 'success' | 'dropped' | 'ignored';

/** The right to run one call. */
export interface Permit extends Disposable {
  /**
   * Gives the permit back, once; later calls change nothing. `using` gives it back as `success`.
   *
   * @param outcome - How the call ended. @defaultValue 'success'
   */
  release(outcome?: PermitOutcome): void;
}

/** Options of {@link ConcurrencyLimiter.acquire}. */
export interface PermitOptions {
  /** Gives the wait up: it rejects with the signal's own `reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long to wait for a permit, in milliseconds.
   *
   * @defaultValue Infinity
   */
  readonly maxWaitMs?: number | undefined;
}

/** Options of {@link createConcurrencyLimiter}. */
export interface ConcurrencyLimiterOptions {
  /** Calls that may run at once: a number, or an algorithm that finds it out: `bbrLimit()` where in doubt. */
  readonly limit: number | LimitAlgorithm;
  /**
   * Calls that may wait for a permit; the next one is rejected. Infinity is allowed.
   *
   * @defaultValue 0: nothing waits
   */
  readonly maxQueue?: number | undefined;
  /**
   * What the failure of a call under `run` says to the limit.
   *
   * @defaultValue a `TimeoutError` is `dropped`, everything else `ignored`
   */
  readonly outcomeOf?: ((error: unknown) => PermitOutcome) | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/** Caps how many calls run at once, by a number or by what it learns from their latencies. */
export interface ConcurrencyLimiter extends Policy {
  /** Calls that run now. */
  readonly inflight: number;
  /** Calls that may run at once, as known now. */
  readonly limit: number;
  /** Calls that wait now. */
  readonly queued: number;
  /** Answers at once: a permit, or nothing where every permit is taken or someone waits for one. O(1). */
  tryAcquire(): Permit | undefined;
  /**
   * Resolves with a permit, in order of arrival. O(1).
   *
   * Rejects with a {@link RateLimitError}: `ERR_RATE_LIMIT_QUEUE_FULL` at once when the queue is full,
   * `ERR_RATE_LIMIT_MAX_WAIT` when `maxWaitMs` has passed; with `signal.reason` when that aborts; with
   * RangeError when `maxWaitMs` is out of its bounds. No permit is taken then.
   */
  acquire(options?: PermitOptions): Promise<Permit>;
}

/**
 * Creates a {@link ConcurrencyLimiter}.
 *
 * With an algorithm the limit follows what the dependency can serve. It is read before each admission; a
 * limit that falls below the calls that run takes none of them back. Nothing is read or started before the
 * first call, and the only timer is that of the earliest `maxWaitMs`.
 *
 * @example
 * ```ts
 * import { bbrLimit, createConcurrencyLimiter } from 'holdfast/rate-limit';
 *
 * const reads = createConcurrencyLimiter({ limit: bbrLimit(), maxQueue: 100 });
 * const answer = await reads.run(async () => 'served');
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function createConcurrencyLimiter(options: ConcurrencyLimiterOptions): ConcurrencyLimiter {
  return new PermitLimiter(options);
}

function outcomeOfError(error: unknown): PermitOutcome {
  return isHoldfastError(error, 'ERR_TIMEOUT') ? 'dropped' : 'ignored';
}

/*
 * Invariant: outside of `#pump`, someone waits only while every permit is taken. A call that ends tells the
 * algorithm first, so that a limit that has grown lets several go on. Who is served begins a microtask later, so that
 * no call ends while another is handed its permit.
 */
class PermitLimiter extends ComposablePolicy implements ConcurrencyLimiter, Places {
  readonly #algorithm: LimitAlgorithm | undefined;
  readonly #fixed: number;
  readonly #maxQueue: number;
  readonly #outcomeOf: (error: unknown) => PermitOutcome;
  readonly #clock: Clock;
  readonly #queue: WaitQueue<QueuedPermit | QueuedCall>;
  #inflight = 0;

  constructor(options: ConcurrencyLimiterOptions) {
    super();
    const { limit, maxQueue = 0, outcomeOf = outcomeOfError, clock = systemClock } = options;
    if (typeof (limit as LimitAlgorithm | undefined)?.sample === 'function') this.#algorithm = limit as LimitAlgorithm;
    else if (typeof limit !== 'number') refuse('limit', 'a number or a limit algorithm', limit);
    this.#fixed = this.#algorithm ? 0 : integer('limit', limit as number, 1);
    this.#maxQueue = integer('maxQueue', maxQueue, 0, Infinity);
    this.#outcomeOf = optionalFunction('outcomeOf', outcomeOf);
    this.#clock = clock;
    this.#queue = new WaitQueue(clock);
  }

  get inflight(): number {
    return this.#inflight;
  }

  get limit(): number {
    return this.#algorithm ? this.#algorithm.limit : this.#fixed;
  }

  get queued(): number {
    return this.#queue.length;
  }

  tryAcquire(): Permit | undefined {
    return this.#queue.length === 0 && this.#inflight + 1 <= this.limit ? this.permit() : undefined;
  }

  acquire(options?: PermitOptions): Promise<Permit> {
    try {
      const { signal, maxWaitMs = Infinity } = options ?? {};
      amount('maxWaitMs', maxWaitMs, 0);
      signal?.throwIfAborted();
      const permit = this.tryAcquire();
      if (permit) return Promise.resolve(permit);
      if (this.#isFull()) throw full();
      return new Promise((resolve, reject) => {
        this.#push(new QueuedPermit(this, resolve, reject, signal), maxWaitMs);
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  override bind(inner: Step): Step {
    return (call, scope, done) => {
      if (this.#queue.length === 0 && this.#inflight + 1 <= this.limit) {
        this.take();
        this.start(inner, call, scope, done);
      } else if (this.#isFull()) done(false, full());
      else this.#queue.push(new QueuedCall(this, inner, call, scope, done), { scope });
    };
  }

  /** A permit for one that is free. */
  permit(): TakenPermit {
    this.take();
    return new TakenPermit(this, this.#startMs());
  }

  /** For a call under `run`. */
  take(): void {
    this.#inflight++;
  }

  giveBack(): void {
    this.end(0, 'ignored');
  }

  /** Goes on under a permit that was taken. */
  start(inner: Step, call: Call, scope: Scope, done: Done): void {
    const startMs = this.#startMs();
    inner(call, scope, (isOk, result) => {
      const outcome = isOk || !this.#algorithm ? 'success' : guarded('ignored', this.#outcomeOf, result);
      this.end(startMs, outcome);
      done(isOk, result);
    });
  }

  end(startMs: number, outcome: PermitOutcome): void {
    const inflight = this.#inflight--;
    if (this.#algorithm && outcome !== 'ignored') {
      const nowMs = this.#clock.now();
      try {
        this.#algorithm.sample(Math.max(0, nowMs - startMs), inflight, outcome === 'dropped', nowMs);
      } catch (error) {
        reportError(error); // one of the user's own; those who wait must not wait for ever
      }
    }
    if (this.#queue.length > 0) this.#pump();
  }

  #startMs(): number {
    return this.#algorithm ? this.#clock.now() : 0;
  }

  #isFull(): boolean {
    return this.#queue.length >= this.#maxQueue;
  }

  #push(waiter: QueuedPermit, maxWaitMs: number): void {
    const deadlineMs = maxWaitMs < Infinity ? this.#clock.now() + maxWaitMs : Infinity;
    this.#queue.push(waiter, { deadlineMs, scope: waiter });
  }

  #pump(): void {
    while (this.#queue.length && this.#inflight + 1 <= this.limit) this.#queue.shift()?.serve();
  }
}

function full(): RateLimitError {
  return new RateLimitError('ERR_RATE_LIMIT_QUEUE_FULL', 'every permit and every queue place is taken', Number.NaN);
}

class TakenPermit implements Permit {
  #limiter: PermitLimiter | undefined;
  readonly #startMs: number;

  constructor(limiter: PermitLimiter, startMs: number) {
    this.#limiter = limiter;
    this.#startMs = startMs;
  }

  release(outcome: PermitOutcome = 'success'): void {
    const limiter = this.#limiter;
    this.#limiter = undefined;
    limiter?.end(this.#startMs, outcome);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Waits for a permit of its own. */
class QueuedPermit extends PromiseWaiter<Permit> {
  readonly #limiter: PermitLimiter;

  constructor(
    limiter: PermitLimiter,
    resolve: (permit: Permit) => void,
    reject: (reason: unknown) => void,
    signal: AbortSignal | undefined,
  ) {
    super(resolve, reject, signal);
    this.#limiter = limiter;
  }

  serve(): void {
    this.resolve(this.#limiter.permit());
  }

  override onExpire(): void {
    this.reject(new RateLimitError('ERR_RATE_LIMIT_MAX_WAIT', 'no permit became free in time', Number.NaN));
  }
}
