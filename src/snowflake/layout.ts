import { integer, oneOf } from '../core/check.ts';

/** How the bits of an id are shared out: time first, then worker and sequence. */
export interface SnowflakeLayout {
  /** Bits of time, 1 to 52. */
  readonly timestampBits: number;
  /** Bits of the worker id, 0 to 26. */
  readonly workerBits: number;
  /** Bits that count the ids of a worker in one tick, 0 to 26. All bits together are 64 at most. */
  readonly sequenceBits: number;
  /** Unix time in milliseconds at which ids start. */
  readonly epochMs: number;
  /**
   * Length of a tick, the unit of time in ids.
   *
   * @defaultValue 1
   */
  readonly tickMs?: number | undefined;
  /**
   * Which of the two stands above the other.
   *
   * @defaultValue 'worker-sequence'
   */
  readonly fieldOrder?: 'worker-sequence' | 'sequence-worker' | undefined;
}

/** 41/10/12 from 2020 on: positive as a signed 64-bit number until 2089. 1024 workers, 4096 ids each a millisecond. */
export const defaultLayout: SnowflakeLayout = {
  timestampBits: 41,
  workerBits: 10,
  sequenceBits: 12,
  epochMs: 1_577_836_800_000,
};

/** Twitter and X; the worker id is datacenter * 32 + machine. */
export const twitterLayout: SnowflakeLayout = {
  timestampBits: 41,
  workerBits: 10,
  sequenceBits: 12,
  epochMs: 1_288_834_974_657,
};

/** Discord, from 2015 on; the worker id is worker * 32 + process. */
export const discordLayout: SnowflakeLayout = {
  timestampBits: 42,
  workerBits: 10,
  sequenceBits: 12,
  epochMs: 1_420_070_400_000,
};

/** Instagram; the worker id is the logical shard. */
export const instagramLayout: SnowflakeLayout = {
  timestampBits: 41,
  workerBits: 13,
  sequenceBits: 10,
  epochMs: 1_314_220_021_721,
};

/** Sonyflake: ticks of 10 ms from 2014-09 on for 174 years, the sequence above the 65 536 machines. */
export const sonyflakeLayout: SnowflakeLayout = {
  timestampBits: 39,
  workerBits: 16,
  sequenceBits: 8,
  epochMs: 1_409_529_600_000,
  tickMs: 10,
  fieldOrder: 'sequence-worker',
};

/** Mastodon: Unix time and 16 bits of sequence, which its database draws; no worker. */
export const mastodonLayout: SnowflakeLayout = { timestampBits: 48, workerBits: 0, sequenceBits: 16, epochMs: 0 };

/** TSID with its usual 10 bits of node. */
export const tsidLayout: SnowflakeLayout = {
  timestampBits: 42,
  workerBits: 10,
  sequenceBits: 12,
  epochMs: 1_577_836_800_000,
};

/** 41/5/7: 53 bits, so that ids fit a JavaScript number. 32 workers, 128 ids each a millisecond. */
export const safeNumberLayout: SnowflakeLayout = {
  timestampBits: 41,
  workerBits: 5,
  sequenceBits: 7,
  epochMs: 1_577_836_800_000,
};

/** The values of a 32-bit half of an id. */
export const HALF: number = 2 ** 32;

/** The last millisecond that a `Date` can be. Up to here, calculations with times are exact. */
export const LAST_MS: number = 8.64e15;

/** A checked layout in the numbers that are calculated with. */
export interface Plan {
  readonly epochMs: number;
  readonly tickMs: number;
  readonly lastTick: number;
  readonly lastWorker: number;
  readonly lastSequence: number;
  /** What one worker id and one step of the sequence add to an id. */
  readonly workerScale: number;
  readonly sequenceScale: number;
  /** The ids of one tick. */
  readonly span: number;
  readonly bits: number;
}

function check(layout: SnowflakeLayout): Plan {
  const { timestampBits, workerBits, sequenceBits, epochMs, tickMs = 1, fieldOrder = 'worker-sequence' } = layout;
  const isWorkerFirst = oneOf('fieldOrder', fieldOrder, ['worker-sequence', 'sequence-worker']) === 'worker-sequence';
  const lowBits = integer('workerBits', workerBits, 0, 26) + integer('sequenceBits', sequenceBits, 0, 26);
  const lastTick = 2 ** integer('timestampBits', timestampBits, 1, Math.min(52, 64 - lowBits)) - 1;
  const roomMs = LAST_MS - integer('epochMs', epochMs, 0, LAST_MS);
  return {
    epochMs,
    tickMs: integer('tickMs', tickMs, 1, Math.floor(roomMs / lastTick)),
    lastTick,
    lastWorker: 2 ** workerBits - 1,
    lastSequence: 2 ** sequenceBits - 1,
    workerScale: isWorkerFirst ? 2 ** sequenceBits : 1,
    sequenceScale: isWorkerFirst ? 1 : 2 ** workerBits,
    span: 2 ** lowBits,
    bits: timestampBits + lowBits,
  };
}

let defaultPlan: Plan | undefined;

/** The plan of a layout. All users of the default share one, which is a third of the memory of a generator. */
export function planOf(layout: SnowflakeLayout | undefined): Plan {
  return layout === undefined ? (defaultPlan ??= check(defaultLayout)) : check(layout);
}

/** The latest tick that has begun at `ms`. */
export function tickAt(plan: Plan, ms: number): number {
  return Math.floor((ms - plan.epochMs) / plan.tickMs);
}

export function startOf(plan: Plan, tick: number): number {
  return plan.epochMs + tick * plan.tickMs;
}
