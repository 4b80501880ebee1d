import { describe, expect, it } from 'vitest';
import type { SharedSnowflakeOptions, SnowflakeLayout, SnowflakeOptions } from '../../src/snowflake/index.ts';
import {
  createSharedSnowflake,
  createSnowflake,
  defaultLayout,
  discordLayout,
  instagramLayout,
  mastodonLayout,
  safeNumberLayout,
  snowflakeCodec,
  sonyflakeLayout,
  tsidLayout,
  twitterLayout,
  workerIdFromEnv,
  workerIdFromHostname,
} from '../../src/snowflake/index.ts';
import { attempt } from './kit.ts';

const bad: readonly (readonly [string, Partial<SnowflakeOptions>])[] = [
  ['worker must be an integer of at least 0 and at most 1023, got -1', { worker: -1 }],
  ['worker must be an integer of at least 0 and at most 1023, got 1024', { worker: 1024 }],
  ['worker must be an integer of at least 0 and at most 1023, got 1.5', { worker: 1.5 }],
  ['worker must be an integer of at least 0 and at most 1023, got undefined', { worker: undefined as never }],
  ['worker must be an integer of at least 0 and at most 1023, got "1"', { worker: '1' as never }],
  ['worker must be an integer of at least 0 and at most 31, got 33', { worker: 33, layout: safeNumberLayout }],
  ['maxLeadMs must be a number of at least 0, got -1', { maxLeadMs: -1 }],
  ['maxLeadMs must be a number of at least 0, got NaN', { maxLeadMs: NaN }],
  ['notBeforeMs must be a number', { notBeforeMs: NaN }],
];

const badLayouts: readonly (readonly [string, Partial<SnowflakeLayout>])[] = [
  ['timestampBits must be an integer of at least 1 and at most 42, got 43', { timestampBits: 43 }],
  ['timestampBits', { timestampBits: 0 }],
  ['timestampBits', { timestampBits: 53, workerBits: 0, sequenceBits: 0 }],
  ['workerBits', { workerBits: 27 }],
  ['workerBits', { workerBits: -1 }],
  ['sequenceBits', { sequenceBits: 27 }],
  ['sequenceBits', { sequenceBits: 1.5 }],
  ['epochMs', { epochMs: -1 }],
  ['epochMs', { epochMs: 9e15 }],
  ['epochMs', { epochMs: undefined as never }],
  ['tickMs', { tickMs: 0 }],
  ['tickMs', { tickMs: 1e6 }],
  // The last tick would begin after the last millisecond of a Date.
  ['tickMs must be an integer of at least 1 and at most 0, got 1', { epochMs: 8.64e15 - 2 ** 41 + 2 }],
  ['fieldOrder must be one of worker-sequence, sequence-worker', { fieldOrder: 'random' as never }],
];

describe('options', () => {
  it('refuses a worker id, a layout or an option outside its bounds, by name, and masks nothing', () => {
    for (const [message, options] of bad) {
      expect(() => createSnowflake({ worker: 0, ...options })).toThrow(message);
      if (typeof SharedArrayBuffer === 'undefined') continue;
      const shared = { worker: 0, ...options } as SharedSnowflakeOptions;
      expect(() => createSharedSnowflake(new SharedArrayBuffer(24), shared)).toThrow(message);
    }
    for (const [message, part] of badLayouts) {
      const layout = { ...defaultLayout, ...part };
      expect(() => createSnowflake({ worker: 0, layout })).toThrow(message);
      expect(() => snowflakeCodec(layout)).toThrow(message);
    }
  });

  it('takes undefined for the default, and nothing else', () => {
    expect(() => createSnowflake({ worker: 0, layout: null as never })).toThrow(TypeError);
    const { workerId } = createSnowflake({
      worker: 9,
      layout: undefined,
      maxLeadMs: undefined,
      notBeforeMs: undefined,
      clock: undefined,
    });
    expect(workerId).toBe(9);
  });
});

describe('layouts', () => {
  it.each(
    Object.entries({ defaultLayout, twitterLayout, tsidLayout, safeNumberLayout, instagramLayout, discordLayout }),
  )('%s ends after its bits of time', (_, layout) => {
    const { epochMs, timestampBits } = layout;
    const codec = snowflakeCodec(layout);
    const lastMs = epochMs + 2 ** timestampBits - 1;
    expect(codec.timestampMs(codec.maxId(lastMs))).toBe(lastMs);
    expect(() => codec.minId(lastMs + 1)).toThrow(/time must be/);
  });

  // Published ids and what they say: https://discord.com/developers/docs/reference#snowflakes,
  // the first tweet with a snowflake, https://instagram-engineering.com/sharding-ids-at-instagram-1cf5a71e5a5c.
  it('read published ids of their services', () => {
    expect(snowflakeCodec(discordLayout).decode(175928847299117063n)).toEqual({
      timestampMs: 1462015105796,
      workerId: 32,
      sequence: 7,
    });
    // The article: 1387263000 seconds since its epoch, user 31341 on shard 1341 of 2000, sequence 5001 % 1024.
    const instagram = (1387263000n << 23n) | (1341n << 10n) | (5001n % 1024n);
    expect(snowflakeCodec(instagramLayout).decode(instagram)).toEqual({
      timestampMs: 1_314_220_021_721 + 1_387_263_000,
      workerId: 1341,
      sequence: 905,
    });
    expect(snowflakeCodec(mastodonLayout).timestampMs(100000000000000000n)).toBe(1525878906250);
    expect(snowflakeCodec(sonyflakeLayout).decode((123n << 24n) | (5n << 16n) | 65535n)).toEqual({
      timestampMs: 1_409_529_600_000 + 1230,
      workerId: 65_535,
      sequence: 5,
    });
  });
});

describe('workerIdFromEnv', () => {
  it('reads a whole number up to `max`, and throws for everything else instead of guessing', () => {
    expect(['0', '7', '31'].map((value) => workerIdFromEnv('ID', 31, { ID: value }))).toEqual([0, 7, 31]);
    expect(() => workerIdFromEnv('ID', -1, { ID: '0' })).toThrow('max must be an integer of at least 0, got -1');
    for (const value of ['', ' 7', '7 ', '07', '+7', '-1', '32', '1e1', '0x7', '7.0', 'seven', '9'.repeat(400), '٧']) {
      expect(attempt(() => workerIdFromEnv('ID', 31, { ID: value }))).toBeInstanceOf(RangeError);
    }
    expect(() => workerIdFromEnv('ID', 31, {})).toThrow(
      'ID must be an integer of at least 0 and at most 31, got undefined',
    );
  });
});

describe('workerIdFromHostname', () => {
  it('reads the ordinal of a StatefulSet, and throws for a name without one or one above `max`', () => {
    const names = ['api-7', 'api-0', 'my-api-12.my-api.default.svc.cluster.local', 'a-b-3'];
    expect(names.map((name) => workerIdFromHostname(name, 31))).toEqual([7, 0, 12, 3]);
    for (const name of ['api', 'api-', 'api-32', 'api-07', 'api7', '7', 'api-7f9c', 'api.x-7', '', 'api-7-x', '.a-1']) {
      expect(
        attempt(() => workerIdFromHostname(name, 31)),
        name,
      ).toBeInstanceOf(RangeError);
    }
    expect(() => workerIdFromHostname(undefined as never, 31)).toThrow(
      'hostname must be a name that ends in -number, as api-7, got undefined',
    );
    expect(() => workerIdFromHostname('api-32', 31)).toThrow(
      'the number of hostname api-32 must be an integer of at least 0 and at most 31, got "32"',
    );
  });
});
