import { amount, integer, refuse } from '../core/check.ts';
import type { Plan, SnowflakeLayout } from './layout.ts';
import { HALF, LAST_MS, planOf, startOf, tickAt } from './layout.ts';
import { scratch } from './words.ts';

/** What an id says. */
export interface SnowflakeParts {
  /** Unix time in milliseconds at which the tick of the id began. */
  readonly timestampMs: number;
  readonly workerId: number;
  /** How many ids of this worker came before in this tick. */
  readonly sequence: number;
}

/** Reads and makes ids of one layout. Ids are bigints, or decimal text without sign or leading zeros. */
export interface SnowflakeCodec {
  /** Throws RangeError or TypeError for what is no id of this layout. */
  decode(id: bigint | string): SnowflakeParts;
  /** The time of an id alone. Throws as {@link SnowflakeCodec.decode} does. */
  timestampMs(id: bigint | string): number;
  /**
   * The id of these parts, worker and sequence 0 where left out. Throws RangeError for a part outside its bits,
   * and for a time outside the layout's.
   */
  encode(parts: {
    readonly timestampMs: number;
    readonly workerId?: number | undefined;
    readonly sequence?: number | undefined;
  }): bigint;
  /** The first possible id of the tick of `time`; 0 before the epoch. RangeError after the last tick. */
  minId(time: number | Date): bigint;
  /** The last possible id of the tick of `time`; 0 before the epoch. RangeError after the last tick. */
  maxId(time: number | Date): bigint;
}

/**
 * Creates a {@link SnowflakeCodec}.
 *
 * @example
 * ```ts
 * import { discordLayout, snowflakeCodec } from 'holdfast/snowflake';
 *
 * const { workerId, sequence, timestampMs } = snowflakeCodec(discordLayout).decode('175928847299117063');
 * console.log(new Date(timestampMs).toISOString(), workerId, sequence); // 2016-04-30T11:18:25.796Z 32 7
 * ```
 *
 * @throws RangeError or TypeError for a layout that does not fit.
 */
export function snowflakeCodec(layout?: SnowflakeLayout): SnowflakeCodec {
  return new PlanCodec(planOf(layout));
}

/** The code of the digit 0. */
const ZERO = 48;

/** The number of a decimal text without sign, blanks or leading zeros. */
function bigintOf(text: string): bigint | undefined {
  // Inside a text BigInt refuses all but digits; at its ends it takes blanks, signs and prefixes.
  const first = text.charCodeAt(0) - ZERO;
  const last = text.charCodeAt(text.length - 1) - ZERO;
  const isCanonical = last >= 0 && last < 10 && first < 10 && (first > 0 ? text.length < 21 : text === '0');
  try {
    return isCanonical ? BigInt(text) : undefined;
  } catch {
    return undefined;
  }
}

class PlanCodec implements SnowflakeCodec {
  readonly #plan: Plan;
  /** To multiply with, as dividing by these powers of two is slower and no more exact. */
  readonly #perSpan: number;
  readonly #perScale: number;
  readonly #words = scratch();
  /** The parts of the id read last that are below the time. */
  #rest = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#perSpan = 1 / plan.span;
    // One of the scales is 1, and the part with the other one stands above.
    this.#perScale = 1 / plan.workerScale / plan.sequenceScale;
  }

  timestampMs(id: bigint | string): number {
    return startOf(this.#plan, this.#read(id));
  }

  decode(id: bigint | string): SnowflakeParts {
    const timestampMs = this.timestampMs(id);
    const { lastWorker, workerScale, sequenceScale } = this.#plan;
    // Not by %, which is slow beyond 31 bits.
    const upper = Math.floor(this.#rest * this.#perScale);
    const lower = this.#rest - upper * workerScale * sequenceScale;
    const isWorkerAbove = workerScale > 1 || (sequenceScale === 1 && lastWorker > 0);
    return isWorkerAbove
      ? { timestampMs, workerId: upper, sequence: lower }
      : { timestampMs, workerId: lower, sequence: upper };
  }

  encode({ timestampMs, workerId = 0, sequence = 0 }: Parameters<SnowflakeCodec['encode']>[0]): bigint {
    const { epochMs, lastTick, lastWorker, lastSequence, workerScale, sequenceScale } = this.#plan;
    const tick = tickAt(
      this.#plan,
      integer('timestampMs', timestampMs, epochMs, startOf(this.#plan, lastTick + 1) - 1),
    );
    const worker = integer('workerId', workerId, 0, lastWorker) * workerScale;
    return this.#first(tick) + BigInt(worker + integer('sequence', sequence, 0, lastSequence) * sequenceScale);
  }

  minId(time: number | Date): bigint {
    return this.#first(Math.max(0, this.#tickOf(time)));
  }

  maxId(time: number | Date): bigint {
    const tick = this.#tickOf(time);
    return tick < 0 ? 0n : this.#first(tick + 1) - 1n;
  }

  #tickOf(time: number | Date): number {
    const { lastTick } = this.#plan;
    // A number, also of a Date of another realm; not of a text or null, which Number() takes for times as well.
    const ms = typeof time === 'object' && time ? Number(time) : (time as number);
    return tickAt(this.#plan, amount('time', ms, -LAST_MS, startOf(this.#plan, lastTick + 1) - 1));
  }

  #first(tick: number): bigint {
    return BigInt(tick) * BigInt(this.#plan.span);
  }

  /** The tick of an id; the rest of it stays in `#rest`. In numbers, because one of 64 bits is not exact. */
  #read(id: bigint | string): number {
    const { span, lastTick } = this.#plan;
    const { ids, halves, low } = this.#words;
    const value = typeof id === 'string' ? bigintOf(id) : id;
    const isFit = typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
    if (isFit) ids[0] = value;
    const lower = halves[low]!;
    const higher = halves[1 - low]!;
    const upper = Math.floor(higher * HALF * this.#perSpan);
    const middle = Math.floor(lower * this.#perSpan);
    const tick = upper + middle;
    if (!isFit || tick > lastTick) refuse('id', 'an id of the layout', id);
    this.#rest = higher * HALF - upper * span + (lower - middle * span);
    return tick;
  }
}
