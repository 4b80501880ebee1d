import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SnowflakeLayout } from '../../src/snowflake/index.ts';
import { defaultLayout, snowflakeCodec } from '../../src/snowflake/index.ts';
import { anyLayout, attempt } from './kit.ts';

/** 0 and the last often enough to meet every edge of a field. */
const upTo = (max: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.constantFrom(0, max, Math.max(0, max - 1)),
    fc.nat({ max: Math.min(max, 2 ** 31 - 1) }),
    fc.maxSafeNat().map((n) => n % (max + 1)),
  );

const partsOf = (layout: SnowflakeLayout) => {
  const { epochMs, tickMs = 1, timestampBits, workerBits, sequenceBits } = layout;
  return fc.record({
    timestampMs: upTo(2 ** timestampBits - 1).map((tick) => epochMs + tick * tickMs),
    workerId: upTo(2 ** workerBits - 1),
    sequence: upTo(2 ** sequenceBits - 1),
  });
};

const layoutAndParts = anyLayout.chain((layout) => fc.tuple(fc.constant(layout), partsOf(layout)));

describe('encode and decode', () => {
  it('are inverse to each other for every layout and all fields', () => {
    fc.assert(
      fc.property(layoutAndParts, ([layout, parts]) => {
        const codec = snowflakeCodec(layout);
        const id = codec.encode(parts);
        expect(codec.decode(id)).toEqual(parts);
        expect(codec.decode(String(id))).toEqual(parts);
        expect(codec.timestampMs(id)).toBe(parts.timestampMs);
        expect(codec.encode(codec.decode(id))).toBe(id);
      }),
    );
  });

  it('put each field at its bits', () => {
    fc.assert(
      fc.property(layoutAndParts, ([layout, { timestampMs, workerId, sequence }]) => {
        const { workerBits, sequenceBits, epochMs, tickMs = 1, fieldOrder } = layout;
        const tick = BigInt((timestampMs - epochMs) / tickMs);
        const low =
          fieldOrder === 'worker-sequence'
            ? (BigInt(workerId) << BigInt(sequenceBits)) | BigInt(sequence)
            : (BigInt(sequence) << BigInt(workerBits)) | BigInt(workerId);
        const id = (tick << BigInt(workerBits + sequenceBits)) | low;
        expect(snowflakeCodec(layout).encode({ timestampMs, workerId, sequence })).toBe(id);
      }),
    );
  });

  it('refuse fields outside their bits, by name', () => {
    const codec = snowflakeCodec();
    const { epochMs } = defaultLayout;
    const wrong = [
      ['timestampMs', { timestampMs: epochMs - 1 }],
      ['timestampMs', { timestampMs: epochMs + 2 ** 41 }],
      ['timestampMs', { timestampMs: epochMs + 0.5 }],
      ['workerId', { timestampMs: epochMs, workerId: 1024 }],
      ['workerId', { timestampMs: epochMs, workerId: -1 }],
      ['sequence', { timestampMs: epochMs, sequence: 4096 }],
      ['sequence', { timestampMs: epochMs, sequence: NaN }],
    ] as const;
    for (const [name, parts] of wrong) expect(() => codec.encode(parts)).toThrow(`${name} must be`);
  });

  it('take bigints and canonical decimal text, and refuse everything else, numbers included', () => {
    const codec = snowflakeCodec();
    const wrong = [
      -1n,
      1n << 63n,
      1n << 64n,
      (1n << 64n) + 5n,
      1n << 200n,
      '',
      '-1',
      '+1',
      '01',
      '1n',
      '0x1',
      '1.0',
      ' 1',
      '1 ',
      '1e3',
    ];
    for (const id of [
      ...wrong,
      '9223372036854775808',
      '1'.repeat(21),
      '1\u00a0',
      '1\ufeff',
      '\u20031',
      '1٣',
      '1_0',
      '1\n',
      '1'.repeat(1e5),
      '１',
      1,
      2 ** 60,
      null,
      undefined,
      {},
      [],
    ]) {
      expect(
        attempt(() => codec.decode(id as never)),
        String(id).slice(0, 30),
      ).toBeInstanceOf(Error);
    }
    expect(() => codec.decode('x')).toThrow('id must be an id of the layout, got "x"');
    expect(codec.decode('0')).toEqual({ timestampMs: defaultLayout.epochMs, workerId: 0, sequence: 0 });
    expect(codec.timestampMs('9223372036854775807')).toBe(defaultLayout.epochMs + 2 ** 41 - 1);
  });

  it('take 0 for a time, a worker and a sequence as any other number', () => {
    const codec = snowflakeCodec({ ...defaultLayout, epochMs: 0 });
    expect([codec.encode({ timestampMs: 0 }), codec.minId(0), codec.maxId(0)]).toEqual([0n, 0n, (1n << 22n) - 1n]);
    expect(codec.decode('0')).toEqual({ timestampMs: 0, workerId: 0, sequence: 0 });
  });

  it('read the last id of a millisecond as of that millisecond', () => {
    const codec = snowflakeCodec();
    for (let ms = 1.7e12; ms < 1.7e12 + 1000; ms++) expect(codec.timestampMs(codec.maxId(ms))).toBe(ms);
  });
});

describe('minId and maxId', () => {
  it('are the first and the last possible id of a tick, and leave nothing between ticks', () => {
    fc.assert(
      fc.property(layoutAndParts, fc.nat({ max: 29 }), ([layout, { timestampMs, workerId, sequence }], inTick) => {
        const codec = snowflakeCodec(layout);
        const { tickMs = 1, epochMs, timestampBits } = layout;
        const time = timestampMs + (inTick % tickMs);
        const id = codec.encode({ timestampMs, workerId, sequence });
        expect(codec.minId(time)).toBeLessThanOrEqual(id);
        expect(codec.maxId(time)).toBeGreaterThanOrEqual(id);
        expect([codec.minId(new Date(time)), codec.maxId(new Date(time))]).toEqual([
          codec.minId(time),
          codec.maxId(time),
        ]);
        const last = epochMs + (2 ** timestampBits - 1) * tickMs;
        if (timestampMs < last) expect(codec.maxId(time) + 1n).toBe(codec.minId(time + tickMs));
      }),
    );
  });

  it('are 0 before the epoch, and refused after the last tick and for what is no time', () => {
    const codec = snowflakeCodec();
    expect([codec.minId(defaultLayout.epochMs - 1), codec.maxId(0), codec.minId(defaultLayout.epochMs)]).toEqual([
      0n,
      0n,
      0n,
    ]);
    const none = [null, undefined, '1577836800000', '', true, 5n] as unknown as number[];
    for (const time of [defaultLayout.epochMs + 2 ** 41, Infinity, NaN, new Date(NaN), ...none]) {
      expect(() => codec.minId(time)).toThrow(/time must be/);
      expect(() => codec.maxId(time)).toThrow(/time must be/);
    }
  });
});
