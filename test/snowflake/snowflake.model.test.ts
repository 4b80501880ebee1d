import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Snowflake, SnowflakeLayout } from '../../src/snowflake/index.ts';
import { createSnowflake } from '../../src/snowflake/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { anyLayout, attempt, START_MS } from './kit.ts';

interface Real {
  readonly ids: Snowflake;
  readonly clock: VirtualClock;
}

/** Ids as places on one line, tick * capacity + sequence, in bigints and with no thought of speed. */
class Model {
  readonly #layout: SnowflakeLayout & { readonly tickMs: number };
  readonly #worker: bigint;
  readonly #maxLeadMs: number;
  readonly #capacity: bigint;
  nowMs: number = START_MS;
  #last = -1n;
  #birth: number | undefined;

  constructor(layout: SnowflakeLayout, worker: number, maxLeadMs: number) {
    this.#worker = BigInt(worker);
    this.#layout = { ...layout, tickMs: layout.tickMs ?? 1 };
    this.#maxLeadMs = maxLeadMs;
    this.#capacity = 1n << BigInt(layout.sequenceBits);
  }

  move(by: number, unit: 'ms' | 'ticks'): void {
    this.nowMs += unit === 'ms' ? by : by * this.#layout.tickMs;
  }

  /** The next `count` ids, or the milliseconds to wait. */
  take(count: number): bigint[] | number {
    const { epochMs, tickMs } = this.#layout;
    const nowTick = Math.floor((this.nowMs - epochMs) / tickMs);
    this.#birth ??= nowTick;
    const starts = [this.#last + 1n, BigInt(nowTick) * this.#capacity, BigInt(this.#birth + 1) * this.#capacity];
    const first = starts.reduce((a, b) => (a > b ? a : b));
    const last = first + BigInt(count - 1);
    const lastMs = epochMs + Number(last / this.#capacity) * tickMs;
    const limitTick = Math.floor((this.nowMs + this.#maxLeadMs - epochMs) / tickMs) + (this.#birth === nowTick ? 1 : 0);
    if (Number(last / this.#capacity) > limitTick) return lastMs - this.#maxLeadMs - this.nowMs;
    this.#last = last;
    return Array.from({ length: count }, (_, k) => this.#idAt(first + BigInt(k)));
  }

  #idAt(place: bigint): bigint {
    const { workerBits, sequenceBits, fieldOrder } = this.#layout;
    const [tick, sequence] = [place / this.#capacity, place % this.#capacity];
    const [above, below, bits] =
      fieldOrder === 'sequence-worker' ? [sequence, this.#worker, workerBits] : [this.#worker, sequence, sequenceBits];
    return (tick << BigInt(workerBits + sequenceBits)) + (above << BigInt(bits)) + below;
  }
}

class Take implements fc.Command<Model, Real> {
  readonly #how: string;
  readonly #count: number;
  readonly #fn: (ids: Snowflake) => bigint[];

  constructor(how: string, count: number, fn: (ids: Snowflake) => bigint[]) {
    this.#how = how;
    this.#count = count;
    this.#fn = fn;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { ids }: Real): void {
    const expected = model.take(this.#count);
    const actual = attempt(() => this.#fn(ids));
    expect(actual instanceof Error ? (actual as { retryAfterMs?: number }).retryAfterMs : actual).toEqual(expected);
  }

  toString(): string {
    return this.#how;
  }
}

class Move implements fc.Command<Model, Real> {
  readonly #by: number;
  readonly #unit: 'ms' | 'ticks';

  constructor(by: number, unit: 'ms' | 'ticks') {
    this.#by = by;
    this.#unit = unit;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { clock }: Real): void {
    model.move(this.#by, this.#unit);
    clock.setEpoch(model.nowMs);
  }

  toString(): string {
    return `move ${this.#by} ${this.#unit}`;
  }
}

const count = fc.integer({ min: 1, max: 9 });
const commands = [
  fc.constant(new Take('next', 1, (ids) => [ids.next()])),
  fc.constant(new Take('nextString', 1, (ids) => [BigInt(ids.nextString())])),
  count.map((n) => new Take(`nextBatch ${n}`, n, (ids) => ids.nextBatch(n))),
  count.map((n) => new Take(`fill ${n}`, n, (ids) => [...ids.fill(new BigUint64Array(n))])),
  fc
    .tuple(
      fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -100, max: 100 })),
      fc.constantFrom('ms' as const, 'ticks' as const),
    )
    .map(([by, unit]) => new Move(by, unit)),
];

describe('sequence', () => {
  it('walks one sequence with `next`, `nextString`, `nextBatch` and `fill`: the later of the clock and what comes after the last', () => {
    fc.assert(
      fc.property(
        anyLayout,
        fc.nat({ max: 30 }),
        fc.commands(commands, { maxCommands: 60 }),
        (layout, moreMs, steps) => {
          // A lead of 10 ticks takes the largest batch in every layout.
          const maxLeadMs = 10 * (layout.tickMs ?? 1) + moreMs;
          const worker = 2 ** layout.workerBits - 1;
          fc.modelRun(() => {
            const clock = createVirtualClock({ epochMs: START_MS });
            const ids = createSnowflake({ worker, layout, maxLeadMs, clock });
            return { model: new Model(layout, worker, maxLeadMs), real: { ids, clock } };
          }, steps);
        },
      ),
    );
  });
});
