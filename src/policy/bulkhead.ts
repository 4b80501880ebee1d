import type { Call } from '../core/call.ts';
import { ComposablePolicy, operation, start } from '../core/call.ts';
import { amount, integer, optionalFunction } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { emit } from '../core/errors.ts';
import type { CallContext, Policy, RunOptions } from '../core/policy.ts';
import type { Places } from '../core/queued-call.ts';
import { QueuedCall } from '../core/queued-call.ts';
import type { Scope } from '../core/scope.ts';
import type { Done, Step } from '../core/step.ts';
import { WaitQueue } from '../core/wait-queue.ts';
import { BulkheadRejectedError } from './errors.ts';
import { mapThrough } from './bulkhead-map.ts';

/** What a bulkhead tells its listener. */
export interface BulkheadEvent {
  readonly type: 'rejected';
  readonly reason: 'full' | 'queue-timeout';
}

/** Options of {@link createBulkhead}. */
export interface BulkheadOptions {
  /** Calls that may run at once. At least 1. */
  readonly maxConcurrent: number;
  /**
   * Calls that may wait for a slot; the next one is rejected. Infinity is allowed.
   *
   * @defaultValue 0: nothing waits
   */
  readonly maxQueue?: number | undefined;
  /**
   * How long a call may wait for a slot, in milliseconds.
   *
   * @defaultValue Infinity
   */
  readonly queueTimeoutMs?: number | undefined;
  /** Told of each call that is turned away. */
  readonly onEvent?: ((event: BulkheadEvent) => void) | undefined;
  /**
   * Whether rejections carry a stack trace.
   *
   * @defaultValue false: taking one costs more than all the rest of a rejection
   */
  readonly captureStack?: boolean | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

/** Counts of a bulkhead at one moment. */
export interface BulkheadStats {
  readonly inFlight: number;
  readonly queued: number;
  /** Calls turned away so far, by a full queue or a queue timeout. */
  readonly rejected: number;
}

/** Caps how many calls run at once, so that one slow dependency cannot take every socket. */
export interface Bulkhead extends Policy {
  /** Calls that run now. */
  readonly inFlight: number;
  /** Calls that wait now. */
  readonly queued: number;
  /**
   * Runs `fn` over `items` with as many at once as there are slots, and resolves with the results in
   * the order of the items.
   *
   * The next item is drawn when a slot is free for it, so an endless or slow source is never read
   * ahead; `map` itself takes one queue place at most, whatever `maxQueue` and `queueTimeoutMs` say. After the first
   * failure, or an abort, no further item is drawn, the signals of those running abort, and the
   * promise rejects when they have ended.
   */
  map<I, O>(
    items: Iterable<I> | AsyncIterable<I>,
    fn: (item: I, ctx: CallContext & { readonly index: number }) => O | PromiseLike<O>,
    options?: RunOptions,
  ): Promise<O[]>;
  /** Counts at this moment. */
  stats(): BulkheadStats;
}

/**
 * Creates a {@link Bulkhead}.
 *
 * Waiting calls start in order of arrival, and no newcomer passes them. A call that has been taken
 * into the queue is rejected by `queueTimeoutMs` or its own abort only. Every operation is O(1).
 *
 * @example
 * ```ts
 * import { createBulkhead } from 'holdfast/policy';
 *
 * const reports = createBulkhead({ maxConcurrent: 4, maxQueue: 100, queueTimeoutMs: 5_000 });
 * const squares = await reports.map([1, 2, 3], async (n) => n * n);
 * ```
 *
 * @throws RangeError or TypeError when an option is out of its bounds.
 */
export function createBulkhead(options: BulkheadOptions): Bulkhead {
  return new SlotBulkhead(options);
}

/*
 * Invariant: outside of `giveBack`, someone waits only while every slot is taken. A call that ends frees
 * its slot and hands it on before its result is told, so a successor made by that result stands behind
 * those who wait. Handing on is a loop, not a recursion: operations may end while they start.
 */
class SlotBulkhead extends ComposablePolicy implements Bulkhead, Places {
  readonly #maxConcurrent: number;
  readonly #maxQueue: number;
  readonly #queueTimeoutMs: number;
  readonly #onEvent: ((event: BulkheadEvent) => void) | undefined;
  readonly #captureStack: boolean;
  readonly #clock: Clock;
  readonly #queue: WaitQueue<QueuedCall>;
  #inFlight = 0;
  #rejected = 0;
  #isPumping = false;

  constructor(options: BulkheadOptions) {
    super();
    const { maxConcurrent, maxQueue = 0, queueTimeoutMs = Infinity, clock = systemClock } = options;
    this.#maxConcurrent = integer('maxConcurrent', maxConcurrent, 1);
    this.#maxQueue = maxQueue === Infinity ? maxQueue : integer('maxQueue', maxQueue, 0);
    this.#queueTimeoutMs = amount('queueTimeoutMs', queueTimeoutMs, 0);
    this.#onEvent = optionalFunction('onEvent', options.onEvent);
    this.#captureStack = options.captureStack ?? false;
    this.#clock = clock;
    this.#queue = new WaitQueue(clock);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.length;
  }

  stats(): BulkheadStats {
    return { inFlight: this.#inFlight, queued: this.#queue.length, rejected: this.#rejected };
  }

  override bind(inner: Step): Step {
    return this.#bind(inner, this.#maxQueue, this.#queueTimeoutMs);
  }

  #bind(inner: Step, maxQueue: number, timeoutMs: number): Step {
    return (call, scope, done) => {
      const { length } = this.#queue;
      if (!length && this.#inFlight < this.#maxConcurrent) {
        this.take();
        this.start(inner, call, scope, done);
      } else if (length < maxQueue) {
        const deadlineMs = timeoutMs < Infinity ? this.#clock.now() + timeoutMs : Infinity;
        this.#queue.push(new QueuedCall(this, inner, call, scope, done), { deadlineMs, scope });
      } else {
        done(false, this.#reject('full'));
      }
    };
  }

  /** Takes a slot. */
  take(): void {
    this.#inFlight++;
  }

  /** Goes on inside a slot that was taken. */
  start(inner: Step, call: Call, scope: Scope, done: Done): void {
    inner(call, scope, (isOk, result) => {
      this.giveBack();
      done(isOk, result);
    });
  }

  map<I, O>(
    items: Iterable<I> | AsyncIterable<I>,
    fn: (item: I, ctx: CallContext & { readonly index: number }) => O | PromiseLike<O>,
    options?: RunOptions,
  ): Promise<O[]> {
    const patient = this.#bind(operation, Infinity, Infinity);
    return mapThrough((op, signal) => start(patient, op, signal), items, fn, options?.signal);
  }

  giveBack(): void {
    this.#inFlight--;
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#inFlight < this.#maxConcurrent && this.#queue.length) this.#queue.shift()?.serve();
    this.#isPumping = false;
  }

  expired(): BulkheadRejectedError {
    return this.#reject('queue-timeout');
  }

  #reject(reason: 'full' | 'queue-timeout'): BulkheadRejectedError {
    this.#rejected++;
    emit(this.#onEvent, { type: 'rejected', reason });
    return new BulkheadRejectedError(reason, this.#captureStack);
  }
}
