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
  readonly #layout: Required<SnowflakeLayout>;
  readonly #maxLeadMs: number;
  readonly #capacity: bigint;
  nowMs: number = START_MS;
  #last = -1n;
  #birth: number | undefined;

  constructor(layout: SnowflakeLayout, maxLeadMs: number) {
    this.#layout = { tickMs: 1, fieldOrder: 'worker-sequence', ...layout };
    this.#maxLeadMs = maxLeadMs;
    this.#capacity = 1n << BigInt(layout.sequenceBits);
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
    const low = fieldOrder === 'worker-sequence' ? sequence : sequence << BigInt(workerBits);
    return (tick << BigInt(workerBits + sequenceBits)) + low;
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
  readonly #byMs: number;

  constructor(byMs: number) {
    this.#byMs = byMs;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { clock }: Real): void {
    model.nowMs += this.#byMs;
    clock.setEpoch(model.nowMs);
  }

  toString(): string {
    return `move ${this.#byMs} ms`;
  }
}

const count = fc.integer({ min: 1, max: 9 });
const commands = [
  fc.constant(new Take('next', 1, (ids) => [ids.next()])),
  fc.constant(new Take('nextString', 1, (ids) => [BigInt(ids.nextString())])),
  count.map((n) => new Take(`nextBatch ${n}`, n, (ids) => ids.nextBatch(n))),
  count.map((n) => new Take(`fill ${n}`, n, (ids) => [...ids.fill(new BigUint64Array(n))])),
  fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -100, max: 100 })).map((ms) => new Move(ms)),
];

describe('sequence', () => {
  it('walks one sequence with `next`, `nextString`, `nextBatch` and `fill`: the later of the clock and what comes after the last', () => {
    fc.assert(
      fc.property(
        // A lead of 100 ticks takes the largest batch in every layout.
        anyLayout,
        fc.integer({ min: 300, max: 330 }),
        fc.commands(commands, { maxCommands: 60 }),
        (layout, maxLeadMs, steps) => {
          fc.modelRun(() => {
            const clock = createVirtualClock({ epochMs: START_MS });
            const ids = createSnowflake({ worker: 0, layout, maxLeadMs, clock });
            return { model: new Model(layout, maxLeadMs), real: { ids, clock } };
          }, steps);
        },
      ),
    );
  });
});
