import { amount, integer, refuse } from '../core/check.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import { PromiseWaiter } from '../core/promise-waiter.ts';
import { TurnQueue } from '../core/turn-queue.ts';
import { RateLimitError } from './errors.ts';
import type { RateLimitErrorCode } from './errors.ts';
import type { Kernel } from './kernel.ts';
import { kernelOf } from './kernel.ts';
import type { RateLimitPolicy } from './rate-limit-policy.ts';
import type { RateQueue, RateQueueOptions, RateQueueWait } from './rate-queue.ts';

/* Slots of the kernels: what has been taken, and what will have been when those who wait have gone on. */
const TAKEN = 1;
const PLANNED = 2;
const SLOTS = 3;

/** The queue, before policies that have been checked. */
export class PolicyQueue implements RateQueue {
  readonly #kernels: readonly Kernel[];
  readonly #clock: Clock;
  readonly #unix;
  readonly #maxQueue: number;
  readonly #isFair: boolean;
  readonly #queue: TurnQueue<QueuedCall>;
  #isClosed = false;
  /** The last reading of the clock, and the whole milliseconds that went by since the first. */
  #readingMs = Infinity;
  #nowMs = 0;
  #timer: TimerHandle;
  /** What the timer is set for; Infinity while there is none. */
  #timerAtMs = Infinity;
  /** Reading of the clock when it was set. */
  #armedMs = 0;
  #onTimer: (() => void) | undefined;
  /** The first in the queue, whose turn the timer is set for. */
  #first: QueuedCall | undefined;
  /** A cost that the policies are known to give at once. */
  #possible = 0;
  /** The last call that the plan holds, and when it will go on. */
  #planned: QueuedCall | undefined;
  #plannedMs = 0;
  /** For every call that need not wait. */
  #granted: Promise<void> | undefined;

  constructor(policies: readonly RateLimitPolicy[], options: RateQueueOptions) {
    const { maxQueue = 1000, fair = false, clock = systemClock } = options;
    const unix = (this.#unix = { epochMs: () => clock.epochMs(), aheadMs: 0 });
    this.#kernels = policies.map((policy) => kernelOf(policy)!(unix));
    for (const kernel of this.#kernels) kernel.grow(SLOTS);
    this.#maxQueue = integer('maxQueue', maxQueue, 0, Infinity);
    if (typeof fair !== 'boolean') refuse('fair', 'true or false', fair);
    this.#isFair = fair;
    this.#clock = clock;
    this.#queue = new TurnQueue(clock);
  }

  get size(): number {
    return this.#queue.length;
  }

  acquire(options: RateQueueWait = {}): Promise<void> {
    try {
      const { cost = 1, signal, maxWaitMs = Infinity } = options;
      if (cost !== 1) integer('cost', cost, 0);
      if (maxWaitMs !== Infinity) amount('maxWaitMs', maxWaitMs, 0);
      signal?.throwIfAborted();
      if (this.#isClosed) throw closed();
      const nowMs = this.#tick();
      if (this.#queue.length === 0 && this.#waitMs(TAKEN, nowMs, cost) === 0) {
        this.#charge(TAKEN, nowMs, cost);
        return (this.#granted ??= Promise.resolve());
      }
      return this.#enqueue(nowMs, cost, maxWaitMs, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async run<T>(fn: () => T | PromiseLike<T>, options?: RateQueueWait): Promise<T> {
    await this.acquire(options);
    options?.signal?.throwIfAborted();
    return fn();
  }

  close(): void {
    this.#isClosed = true;
    for (let call = this.#queue.shift(); call; call = this.#queue.shift()) call.reject(closed());
    this.#arm(Infinity);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #enqueue(nowMs: number, cost: number, maxWaitMs: number, { lane, signal }: RateQueueWait): Promise<void> {
    const queue = this.#queue;
    if (cost > this.#possible && this.#waitMs(TAKEN, nowMs, cost) === Infinity) {
      throw new RateLimitError('ERR_RATE_LIMIT_COST', `no policy gives ${cost} units at once`, Infinity);
    }
    this.#possible = Math.max(this.#possible, cost);
    if (queue.length >= this.#maxQueue) {
      const first = queue.peek();
      throw refusal('QUEUE_FULL', 'every place of the queue is taken', this.#waitMs(TAKEN, nowMs, first?.cost ?? cost));
    }
    const lane0 = this.#isFair ? (lane ?? '') : '';
    let deadlineMs = Infinity;
    if (maxWaitMs < Infinity) {
      const excessMs = this.#planMs(nowMs, cost, maxWaitMs, lane0) - maxWaitMs;
      if (excessMs > 0) throw refusal('MAX_WAIT', `would wait more than ${maxWaitMs} ms`, excessMs);
      // Those who come later may go first. A wait of exactly `maxWaitMs` is not too long.
      if (this.#isFair) deadlineMs = this.#clock.now() + maxWaitMs + 1;
    }
    return new Promise((resolve, reject) => {
      const call = new QueuedCall(this, cost, resolve, reject, signal);
      queue.push(call, { lane: lane0, deadlineMs, scope: call });
      if (queue.length === 1) this.#pump();
    });
  }

  /** Told of each call that has left by itself. */
  onLeft(call: QueuedCall): void {
    this.#planned = undefined;
    if (call === this.#first) this.#pump();
  }

  /** The one place where those who wait go on: called when the timer fires and when the first has changed. */
  #pump(): void {
    const queue = this.#queue;
    const nowMs = this.#tick();
    this.#planned = undefined;
    for (let call = queue.peek(); call; call = queue.peek()) {
      const waitMs = this.#waitMs(TAKEN, nowMs, call.cost);
      this.#first = call;
      if (waitMs > 0) return this.#arm(nowMs + waitMs);
      this.#charge(TAKEN, nowMs, call.cost);
      queue.shift();
      call.resolve();
    }
    this.#first = undefined;
    this.#arm(Infinity);
  }

  /** Keeps one timer, for `atMs` or earlier; none where that is Infinity. */
  #arm(atMs: number): void {
    if (this.#timerAtMs <= atMs && atMs < Infinity) return;
    if (this.#timerAtMs < Infinity) this.#clock.clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    if (atMs === Infinity) return;
    this.#armedMs = this.#clock.now();
    this.#timer = this.#clock.setTimeout((this.#onTimer ??= () => this.#wake()), atMs - this.#nowMs);
  }

  #wake(): void {
    const atMs = this.#timerAtMs;
    this.#timerAtMs = Infinity;
    // Where the clock stands still or was set back, the timer's own time counts, or the wait might never end.
    if (!(this.#clock.now() > this.#armedMs)) this.#nowMs = Math.max(this.#nowMs, atMs);
    this.#pump();
  }

  /** How long one would wait who came now, in so far as that is no more than `maxWaitMs`. */
  #planMs(nowMs: number, cost: number, maxWaitMs: number, lane: string): number {
    const untilMs = nowMs + maxWaitMs;
    if (this.#isFair || !this.#planned) {
      for (const kernel of this.#kernels) kernel.copy(TAKEN, PLANNED);
      this.#plannedMs = nowMs;
      this.#planned = undefined;
    }
    if (this.#isFair) {
      for (const call of this.#queue.ahead(lane)) if (!this.#plan(call, untilMs)) break;
    } else {
      let call = this.#planned ? this.#planned.behind : this.#queue.peek();
      while (call && this.#plan(call as QueuedCall, untilMs)) call = call.behind;
    }
    const atMs = Math.max(nowMs, this.#plannedMs);
    return atMs > untilMs ? atMs - nowMs : atMs - nowMs + this.#waitMs(PLANNED, atMs, cost);
  }

  /** Has `call` go on in the plan, if that is not after `untilMs`. */
  #plan(call: QueuedCall, untilMs: number): boolean {
    if (this.#plannedMs > untilMs) return false;
    this.#plannedMs += this.#waitMs(PLANNED, this.#plannedMs, call.cost);
    this.#unix.aheadMs = this.#plannedMs - this.#nowMs;
    this.#charge(PLANNED, this.#plannedMs, call.cost);
    this.#unix.aheadMs = 0;
    this.#planned = call;
    return true;
  }

  #waitMs(slot: number, nowMs: number, cost: number): number {
    let waitMs = 0;
    for (const kernel of this.#kernels) {
      if (cost > 0) waitMs = Math.max(waitMs, kernel.look(slot, nowMs, cost).waitMs);
    }
    return waitMs;
  }

  #charge(slot: number, nowMs: number, cost: number): void {
    if (cost > 0) for (const kernel of this.#kernels) kernel.charge(slot, nowMs, cost);
  }

  #tick(): number {
    const readingMs = Math.floor(this.#clock.now());
    if (readingMs > this.#readingMs) this.#nowMs += readingMs - this.#readingMs;
    this.#readingMs = readingMs;
    return this.#nowMs;
  }
}

function refusal(what: 'QUEUE_FULL' | 'MAX_WAIT', message: string, retryAfterMs: number): RateLimitError {
  return new RateLimitError(`ERR_RATE_LIMIT_${what}` satisfies RateLimitErrorCode, message, retryAfterMs);
}

function closed(): RateLimitError {
  return new RateLimitError('ERR_RATE_LIMIT_CLOSED', 'the queue is closed', Infinity);
}

class QueuedCall extends PromiseWaiter<void> {
  readonly cost: number;
  readonly #owner: PolicyQueue;

  constructor(
    owner: PolicyQueue,
    cost: number,
    resolve: () => void,
    reject: (reason: unknown) => void,
    signal: AbortSignal | undefined,
  ) {
    super(resolve, reject, signal);
    this.cost = cost;
    this.#owner = owner;
  }

  override onExpire(): void {
    this.reject(refusal('MAX_WAIT', 'others went first for too long', 0));
    this.#owner.onLeft(this);
  }

  override onGiveUp(reason: unknown): void {
    this.reject(reason);
    this.#owner.onLeft(this);
  }
}
