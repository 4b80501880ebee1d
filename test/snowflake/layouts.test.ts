import { describe, expect, it } from 'vitest';
import type { SnowflakeLayout } from '../../src/snowflake/index.ts';
import { createSharedSnowflake, createSnowflake, safeNumberLayout, snowflakeCodec } from '../../src/snowflake/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { START_MS } from './kit.ts';

const wide = { timestampBits: 26, tickMs: 600_000, epochMs: 0 };

/** Worker and sequence in more than 32 bits, which none of the two halves of an id holds; the worker above and below. */
const layouts: Readonly<Record<string, SnowflakeLayout>> = {
  'wide, worker above': { ...wide, workerBits: 26, sequenceBits: 7 },
  'wide, sequence above': { ...wide, workerBits: 26, sequenceBits: 12, fieldOrder: 'sequence-worker' },
  'wide, a long sequence': { ...wide, workerBits: 12, sequenceBits: 26 },
  'exactly 32 bits': { ...wide, workerBits: 24, sequenceBits: 8, fieldOrder: 'sequence-worker' },
  'no worker, sequence above': { ...wide, workerBits: 0, sequenceBits: 12, fieldOrder: 'sequence-worker' },
  'no sequence': { ...wide, workerBits: 12, sequenceBits: 0 },
  'safe numbers, sequence above': { ...safeNumberLayout, fieldOrder: 'sequence-worker' },
};

describe.each(Object.entries(layouts))('a layout of %s', (_, layout) => {
  const { workerBits, sequenceBits, tickMs = 1 } = layout;
  const codec = snowflakeCodec(layout);
  const worker = 2 ** workerBits - 1;
  const capacity = 2 ** sequenceBits;
  const tickNow = Math.floor(START_MS / tickMs) * tickMs;

  /** The ids from the first of the tick after that of birth, put together by the codec. */
  const expected = (count: number): bigint[] =>
    Array.from({ length: count }, (__, k) =>
      codec.encode({
        timestampMs: tickNow + (1 + Math.floor(k / capacity)) * tickMs,
        workerId: worker,
        sequence: k % capacity,
      }),
    );
  const create = (part: object = {}) => {
    const clock = createVirtualClock({ epochMs: START_MS });
    return createSnowflake({ worker, layout, maxLeadMs: 1e12, clock, ...part });
  };

  it('gives ids, texts and arrays that its codec encodes and decodes', () => {
    const ids = expected(9000);
    const one = create();
    expect(ids.map(() => one.next())).toEqual(ids);
    const text = create();
    expect(ids.map(() => text.nextString())).toEqual(ids.map(String));
    const mixed = create();
    expect([mixed.next(), ...mixed.nextBatch(8998), mixed.next()]).toEqual(ids);
    expect(codec.decode(ids.at(-1)!)).toEqual({
      timestampMs: tickNow + (1 + Math.floor(8999 / capacity)) * tickMs,
      workerId: worker,
      sequence: 8999 % capacity,
    });
  });

  it('gives the same ids through a shared generator, and as numbers where they fit', () => {
    const ids = expected(300);
    if (typeof SharedArrayBuffer !== 'undefined') {
      const clock = createVirtualClock({ epochMs: START_MS });
      const shared = createSharedSnowflake(new SharedArrayBuffer(24), { worker, layout, maxLeadMs: 1e12, clock });
      expect(ids.map(() => shared.next())).toEqual(ids);
    }
    const numbers = create();
    if (layout.timestampBits + workerBits + sequenceBits > 53) expect(() => numbers.nextNumber()).toThrow(RangeError);
    else expect(ids.map(() => BigInt(numbers.nextNumber()))).toEqual(ids);
  });

  it('takes at once what fits between the clock and the greatest lead, and no more', () => {
    const most = 8 * capacity;
    if (most > 1e6) return;
    const ids = create({ maxLeadMs: 7.5 * tickMs });
    expect(() => ids.nextBatch(most + 1)).toThrow(`count must be an integer of at least 0 and at most ${most}`);
    expect(() => ids.fill(new BigUint64Array(most + 1))).toThrow(`count must be an integer`);
    expect(ids.nextBatch(most - capacity)).toHaveLength(most - capacity);
  });
});
