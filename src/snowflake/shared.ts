import { amount, integer, refuse } from '../core/check.ts';
import type { Clock } from '../core/clock.ts';
import { shortClock } from '../core/clock.ts';
import { SnowflakeExhaustedError, SnowflakeLeadError } from './errors.ts';
import type { Plan } from './layout.ts';
import { planOf, startOf, tickAt } from './layout.ts';
import type { Snowflake, SnowflakeOptions } from './snowflake.ts';
import { waitForId } from './snowflake.ts';

/** Options of {@link createSharedSnowflake}. */
export interface SharedSnowflakeOptions extends Omit<SnowflakeOptions, 'worker'> {
  /** Who issues the ids: the same number in every thread, and in no other process. */
  readonly worker: number;
}

/**
 * Creates a {@link Snowflake} that issues from one worker id in many threads: each calls this with the same
 * buffer and the same options.
 *
 * The buffer is a `SharedArrayBuffer` of 24 bytes, zero at first. A thread that is ended at any moment holds
 * nobody up. All threads together walk through one sequence, so `lastTimestampMs` is theirs together.
 *
 * @example
 * ```ts
 * import { createSharedSnowflake } from 'holdfast/snowflake';
 *
 * const buffer = new SharedArrayBuffer(24); // hand it to worker threads with postMessage or workerData
 * const ids = createSharedSnowflake(buffer, { worker: 7 });
 * console.log(ids.next() < ids.next()); // true
 * ```
 *
 * @throws RangeError or TypeError for bad options, and for a buffer in use with another worker or layout.
 */
export function createSharedSnowflake(buffer: SharedArrayBuffer, options: SharedSnowflakeOptions): Snowflake {
  return new SharedGenerator(buffer, options);
}

/*
 * The first word of the buffer is the number of the next free place, tick * (sequences of a tick) + sequence.
 * Places are taken by compare-and-exchange, one or many at once, so that no thread ever holds anything that
 * another waits for. The second word tells what the buffer is used for; the third is twice the tick of the first
 * reading of the clock, plus 1, so never 0. That tick is used up for all threads, as in an unshared generator.
 */
const NEXT = 0;
const USE = 1;
const BIRTH = 2;

/** The largest number of 64 bits. */
const LARGEST = 0xffff_ffff_ffff_ffffn;

/** Tells uses of a buffer apart: 64 bits of FNV-1a over the numbers of a layout. Never 0. */
function useOf(plan: Plan, worker: number): bigint {
  const { epochMs, tickMs, lastTick, lastSequence, workerScale, sequenceScale } = plan;
  const parts = [worker, epochMs, tickMs, lastTick, lastSequence, workerScale, sequenceScale];
  const mixed = parts.reduce(
    (hash, part) => ((hash ^ BigInt(part)) * 0x100_0000_01b3n) & LARGEST,
    0xcbf2_9ce4_8422_2325n,
  );
  return mixed | 1n;
}

class SharedGenerator implements Snowflake {
  readonly workerId: number;
  readonly #clock: Clock;
  readonly #plan: Plan;
  readonly #maxLeadMs: number;
  readonly #state: BigUint64Array;
  readonly #capacity: bigint;
  readonly #span: bigint;
  readonly #workerPart: bigint;
  readonly #scale: bigint;
  readonly #beforeTick: number;

  constructor(buffer: SharedArrayBuffer, options: SharedSnowflakeOptions) {
    const { worker, layout, maxLeadMs = 5000, notBeforeMs = -Infinity, clock = shortClock } = options;
    const plan = planOf(layout);
    this.workerId = integer('worker', worker, 0, plan.lastWorker);
    this.#clock = clock;
    this.#plan = plan;
    this.#maxLeadMs = amount('maxLeadMs', maxLeadMs, 0);
    this.#beforeTick = Math.max(-1, tickAt(plan, amount('notBeforeMs', notBeforeMs, -Infinity)));
    this.#capacity = BigInt(plan.lastSequence + 1);
    this.#span = BigInt(plan.span);
    this.#workerPart = BigInt(worker * plan.workerScale);
    this.#scale = BigInt(plan.sequenceScale);
    if (!(buffer instanceof SharedArrayBuffer && buffer.byteLength >= 24)) {
      refuse('buffer', 'a SharedArrayBuffer of 24 bytes', buffer);
    }
    this.#state = new BigUint64Array(buffer, 0, 3);
    const use = useOf(plan, worker);
    const before = Atomics.compareExchange(this.#state, USE, 0n, use);
    if (before && before !== use) refuse('buffer', 'in use with the same worker and layout', buffer);
  }

  get lastTimestampMs(): number {
    const next = Atomics.load(this.#state, NEXT);
    const lastTick = next ? Number((next - 1n) / this.#capacity) : -1;
    return startOf(this.#plan, Math.max(this.#beforeTick, lastTick));
  }

  next(): bigint {
    return this.#idAt(this.#take(1));
  }

  nextNumber(): number {
    integer('bits of the layout', this.#plan.bits, 1, 53);
    return Number(this.next());
  }

  nextString(): string {
    return String(this.next());
  }

  nextAsync({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<bigint> {
    return waitForId(this, this.#clock, signal);
  }

  nextBatch(count: number): bigint[] {
    return Array.from(this.fill(new BigUint64Array(integer('count', count, 0, this.#mostAtOnce))));
  }

  fill(target: BigUint64Array): BigUint64Array {
    const { length } = target;
    if (!integer('count', length, 0, this.#mostAtOnce)) return target;
    let place = this.#take(length);
    for (let at = 0; at < length; at++) target[at] = this.#idAt(place++);
    return target;
  }

  get #mostAtOnce(): number {
    return (Math.floor(this.#maxLeadMs / this.#plan.tickMs) + 1) * (this.#plan.lastSequence + 1);
  }

  #idAt(place: bigint): bigint {
    const tick = place / this.#capacity;
    return tick * this.#span + this.#workerPart + (place - tick * this.#capacity) * this.#scale;
  }

  /** Takes `count` places and answers the first, or throws where the last of them must not be used. */
  #take(count: number): bigint {
    const now = this.#clock.epochMs();
    if (!Number.isFinite(now)) refuse('clock.epochMs()', 'a finite number', now);
    const nowTick = tickAt(this.#plan, now);
    const birth = BigInt(nowTick) * 2n + 1n;
    // Before the epoch, ticks are below 0.
    const birthTick = Number(BigInt.asIntN(64, Atomics.compareExchange(this.#state, BIRTH, 0n, birth) || birth) >> 1n);
    const earliest = BigInt(Math.max(nowTick, Math.max(birthTick, this.#beforeTick) + 1)) * this.#capacity;
    for (;;) {
      const free = Atomics.load(this.#state, NEXT);
      const place = free > earliest ? free : earliest;
      const last = place + BigInt(count - 1);
      const endTick = Number(last / this.#capacity);
      // The very last number of 64 bits has none after it that could be kept.
      if (endTick > this.#plan.lastTick || last >= LARGEST) throw new SnowflakeExhaustedError();
      if (endTick > tickAt(this.#plan, now + this.#maxLeadMs) + (birthTick === nowTick ? 1 : 0)) {
        throw new SnowflakeLeadError(Math.ceil(startOf(this.#plan, endTick) - this.#maxLeadMs - now));
      }
      if (Atomics.compareExchange(this.#state, NEXT, free, last + 1n) === free) return place;
    }
  }
}
