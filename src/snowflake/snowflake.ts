import { amount, integer, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import { SnowflakeExhaustedError, SnowflakeLeadError } from './errors.ts';
import type { Plan, SnowflakeLayout } from './layout.ts';
import { HALF, planOf, startOf, tickAt } from './layout.ts';
import type { WorkerLease } from './lease.ts';
import type { Sleepers } from './sleep.ts';
import { sleep } from './sleep.ts';
import { scratch } from './words.ts';

/** Options of {@link createSnowflake}. */
export interface SnowflakeOptions {
  /**
   * Who issues the ids: a number that no other generator of the same layout has at the same time, or a
   * lease of one (see `acquireWorkerLease`).
   */
  readonly worker: number | WorkerLease;
  /**
   * How the bits are shared out.
   *
   * @defaultValue `defaultLayout`: 41 bits of milliseconds since 2020, 10 of worker, 12 of sequence
   */
  readonly layout?: SnowflakeLayout | undefined;
  /**
   * How far the time in an id may be ahead of the clock, in milliseconds. 0 refuses what does not fit
   * the present tick, and everything after the clock was set back.
   *
   * @defaultValue 5000
   */
  readonly maxLeadMs?: number | undefined;
  /**
   * Nothing is issued at or before this Unix time: the `lastTimestampMs` of the generator before, where
   * that was kept over a restart.
   */
  readonly notBeforeMs?: number | undefined;
  /** Where the time comes from; `epochMs()` is what ids carry. */
  readonly clock?: Clock | undefined;
}

/** Makes ids that are unique and grow: 64-bit numbers of time, worker and sequence. */
export interface Snowflake {
  /** The worker that the ids carry. */
  readonly workerId: number;
  /** No id so far is of a later millisecond than this. */
  readonly lastTimestampMs: number;
  /**
   * The next id. Reads the clock once and never waits.
   *
   * Throws {@link SnowflakeLeadError} when the id would lead the clock by more than `maxLeadMs`,
   * {@link SnowflakeExhaustedError} when the bits of time are used up, WorkerLeaseLostError when the lease
   * does not cover it, and RangeError when the clock gives no finite number. Nothing was issued then.
   */
  next(): bigint;
  /** The next id as decimal text. Throws as {@link Snowflake.next} does. */
  nextString(): string;
  /** The next id as a number. Throws as {@link Snowflake.next} does, and RangeError for a layout of more than 53 bits. */
  nextNumber(): number;
  /**
   * The next id, waiting as long as it would lead the clock too far. Rejects with `signal.reason` on abort, and with
   * everything else that {@link Snowflake.next} throws. That the clock was set right, or the lease ended, is noticed
   * within a second.
   */
  nextAsync(options?: { readonly signal?: AbortSignal | undefined }): Promise<bigint>;
  /**
   * The next `count` ids: all of them, or none and what {@link Snowflake.next} throws. RangeError when `count`
   * is more than fits into `maxLeadMs`.
   */
  nextBatch(count: number): bigint[];
  /** Writes the next ids over the whole of `target`. Throws as {@link Snowflake.nextBatch} does, and wrote nothing then. */
  fill(target: BigUint64Array): BigUint64Array;
}

/**
 * Creates a {@link Snowflake}: unique, increasing 64-bit ids from one worker.
 *
 * @example
 * ```ts
 * import { createSnowflake } from 'holdfast/snowflake';
 *
 * const ids = createSnowflake({ worker: 7 });
 * console.log(ids.next() < ids.next()); // true
 * ```
 *
 * @throws RangeError or TypeError for a worker id outside the layout and other bad options.
 */
export function createSnowflake(options: SnowflakeOptions): Snowflake {
  return new Generator(options);
}

/** The clock may be set right, or a lease end, while somebody waits. */
const LONGEST_SLEEP_MS = 1000;

/** Asks again as long as an answer would lead the clock too far, and when it is woken. */
export async function waitForId(
  ids: Pick<Snowflake, 'next'>,
  clock: Clock,
  signal: AbortSignal | undefined,
  sleepers?: Sleepers,
): Promise<bigint> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      return ids.next();
    } catch (error) {
      const { retryAfterMs } = error as Partial<SnowflakeLeadError>;
      if (!retryAfterMs) throw error;
      await sleep(clock, Math.min(retryAfterMs, LONGEST_SLEEP_MS), signal, sleepers);
    }
  }
}

/** Three digits of every number below 1000, filled in as they are needed. */
const digits: string[] = [];

/** Beyond every three digits, also with a sequence added to it. */
const NO_TEXT = 1e9;

/*
 * The whole state is the place of the last id: tick and sequence. The next place is the later of (now, 0)
 * and the one after the last, so that ids grow whatever the clock does. The first reading of the clock
 * marks its own tick as used up: a generator of the same worker that ended in this very tick may have used it.
 *
 * `#seen` is the reading for which the present tick has passed all checks. While the clock still reads the
 * same, the next id needs nothing but a place in the sequence.
 */
class Generator implements Snowflake {
  readonly workerId: number;
  readonly #clock: Clock;
  readonly #plan: Plan;
  readonly #maxLeadMs: number;
  readonly #lease: WorkerLease | undefined;
  readonly #words = scratch();
  readonly #scale: number;
  readonly #lastSequence: number;
  #tick: number;
  #sequence: number;
  #birth: number | undefined;
  #seen = NaN;
  /** The halves of the id of this tick with sequence 0, as integers of 32 bits with sign: they cost least. */
  #high = 0;
  #low = 0;
  /** The text before the last three digits, and what the sequence adds to in those; too much where there is no text. */
  #prefix = '';
  #tail = NO_TEXT;

  constructor({ worker, layout, maxLeadMs = 5000, notBeforeMs = -Infinity, clock = shortClock }: SnowflakeOptions) {
    const plan = planOf(layout);
    const isLease = typeof worker === 'object';
    this.workerId = integer('worker', isLease ? worker.workerId : worker, 0, plan.lastWorker);
    this.#clock = clock;
    this.#plan = plan;
    this.#maxLeadMs = amount('maxLeadMs', maxLeadMs, 0);
    this.#scale = plan.sequenceScale;
    this.#lastSequence = this.#sequence = plan.lastSequence;
    this.#tick = Math.max(-1, tickAt(plan, amount('notBeforeMs', notBeforeMs, -Infinity)));
    if (isLease) {
      this.#lease = worker;
      // The first tick that begins in the window, less one.
      this.#tick = Math.max(this.#tick, tickAt(plan, worker.fromMs - 1));
      worker.bind(
        () => this.lastTimestampMs,
        () => (this.#seen = NaN),
      );
    }
  }

  /** What fits between the clock and the latest time that an id may have. */
  get #mostAtOnce(): number {
    return (Math.floor(this.#maxLeadMs / this.#plan.tickMs) + 1) * (this.#lastSequence + 1);
  }

  get lastTimestampMs(): number {
    return startOf(this.#plan, this.#tick);
  }

  next(): bigint {
    this.#step();
    return this.#words.ids[0]!;
  }

  nextNumber(): number {
    const { bits, span, workerScale } = this.#plan;
    integer('bits of the layout', bits, 1, 53);
    this.#step();
    return this.#tick * span + this.workerId * workerScale + this.#sequence * this.#scale;
  }

  nextString(): string {
    this.#step();
    const at = this.#sequence + this.#tail;
    if (at < 1000) return this.#prefix + (digits[at] ??= String(at + 1000).slice(1));
    const text = String(this.#words.ids[0]);
    // Not for the first of a tick, which may stay the only one, nor where each id differs in more digits.
    if (this.#sequence && this.#scale === 1) {
      this.#prefix = text.slice(0, -3);
      this.#tail = Number(text.slice(-3)) - this.#sequence;
    }
    return text;
  }

  nextAsync({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<bigint> {
    return waitForId(this, this.#clock, signal);
  }

  nextBatch(count: number): bigint[] {
    const ids = this.fill(new BigUint64Array(integer('count', count, 0, this.#mostAtOnce)));
    const batch: bigint[] = [];
    for (let at = 0; at < count; at++) batch.push(ids[at]!);
    return batch;
  }

  fill(target: BigUint64Array): BigUint64Array {
    const { length } = target;
    const halves = new Uint32Array(target.buffer, target.byteOffset, length * 2);
    const { low } = this.#words;
    if (integer('count', length, 0, this.#mostAtOnce)) this.#enter(this.#clock.epochMs(), length);
    for (let at = low; at < halves.length;) {
      if (at > low) this.#place(this.#tick, this.#sequence + 1);
      // In a wide tick the sequence reaches into the upper half, so each id is placed anew.
      const run = this.#plan.span > HALF ? 1 : this.#lastSequence - this.#sequence + 1;
      const end = Math.min(halves.length, at + 2 * run);
      const scale = this.#scale;
      halves.fill(this.#high, at - low, end);
      let value = (this.#low + Math.imul(this.#sequence, scale)) | 0;
      this.#sequence += (end - at - 1) >> 1;
      for (; at < end; at += 2) {
        halves[at] = value;
        value = (value + scale) | 0;
      }
    }
    return target;
  }

  /** Moves on by one and leaves the id in the words. */
  #step(): void {
    const now = this.#clock.epochMs();
    if (now === this.#seen && this.#sequence < this.#lastSequence) this.#sequence++;
    else this.#enter(now, 1);
    const { halves, low } = this.#words;
    halves[low] = this.#low + Math.imul(this.#sequence, this.#scale);
    halves[1 - low] = this.#high;
  }

  /** Moves to the first of the next `count` places, or throws where the last of them must not be used. */
  #enter(now: number, count: number): void {
    if (!Number.isFinite(now)) refuse('clock.epochMs()', 'a finite number', now);
    const plan = this.#plan;
    const nowTick = tickAt(plan, now);
    this.#birth ??= ((this.#tick = Math.max(this.#tick, nowTick)), nowTick);
    let tick = this.#tick;
    let sequence = this.#sequence + 1;
    if (nowTick > tick) {
      tick = nowTick;
      sequence = 0;
    }
    const endTick = tick + Math.floor((sequence + count - 1) / (this.#lastSequence + 1));
    if (endTick > plan.lastTick) throw new SnowflakeExhaustedError();
    this.#lease?.require(startOf(plan, endTick + 1));
    const overMs = startOf(plan, endTick) - now - this.#maxLeadMs;
    // One tick more in the tick of birth, which is used up: a generator that may not lead could not begin.
    if (overMs > (this.#birth === nowTick ? plan.tickMs : 0)) throw new SnowflakeLeadError(Math.ceil(overMs));
    this.#place(tick, sequence);
    this.#seen = plan.span > HALF ? NaN : now;
  }

  /** Moves to a place, the first of the next tick where this one has no such sequence. */
  #place(tick: number, sequence: number): void {
    if (sequence > this.#lastSequence) {
      tick++;
      sequence = 0;
    }
    const rest = this.workerId * this.#plan.workerScale;
    // Exact beyond 2^53, because the span is a power of two; `| 0` keeps the lowest 32 bits of any number.
    const start = tick * this.#plan.span;
    this.#tick = tick;
    this.#sequence = sequence;
    this.#tail = NO_TEXT;
    this.#low = ((start | 0) + (rest | 0)) | 0;
    this.#high = ((start / HALF) | 0) + (((rest + sequence * this.#scale) / HALF) | 0);
  }
}
