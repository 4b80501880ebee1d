import { ours, sapphire } from './snowflake-peers.ts';
import type { Case, Loop } from './support/case.ts';
import { direct, time } from './support/case.ts';

const decode: Case = {
  kind: 'loop',
  name: 'decode',
  about: 'the parts of an id',
  isHot: true,
  expected: undefined,
  subjects: [
    {
      name: 'holdfast',
      isPart: true,
      prepare: async () => {
        const codec = (await ours()).snowflakeCodec();
        let id = 913_689_048_164_356_096n;
        return direct(() => codec.decode(id++));
      },
    },
    {
      name: '@sapphire/snowflake',
      isPart: true,
      prepare: async () => {
        const ids = await sapphire();
        let id = 913_689_048_164_356_096n;
        return direct(() => ids.deconstruct(id++));
      },
    },
    {
      name: 'limit: two 32-bit halves',
      isPart: true,
      prepare: () => {
        let id = 913_689_048_164_356_096n;
        return direct(() => {
          id++;
          const low = Number(BigInt.asUintN(32, id));
          const high = Number(id >> 32n);
          return { timestampMs: high * 1024 + (low >>> 22), workerId: (low >>> 12) & 1023, sequence: low & 4095 };
        });
      },
    },
  ],
  measures: [time({ against: 'limit: two 32-bit halves', ratio: 1.5 }, { against: '@sapphire/snowflake', ratio: 0.5 })],
};

/** Texts that are not all the same string. */
const texts = (): string[] =>
  Array.from({ length: 1000 }, (_, k) => String(913_689_048_164_356_096n + BigInt(k * 7919)));

function overTexts(read: (text: string) => unknown): Loop {
  const all = texts();
  let at = 0;
  return direct(() => read(all[(at = (at + 1) % 1000)]!));
}

const decodeText: Case = {
  kind: 'loop',
  name: 'decode, of text',
  about: 'the parts of an id that is decimal text',
  expected: undefined,
  subjects: [
    {
      name: 'holdfast',
      isPart: true,
      prepare: async () => {
        const codec = (await ours()).snowflakeCodec();
        return overTexts((text) => codec.decode(text));
      },
    },
    {
      name: '@sapphire/snowflake',
      isPart: true,
      prepare: async () => {
        const ids = await sapphire();
        return overTexts((text) => ids.deconstruct(BigInt(text)));
      },
    },
    { name: 'limit: text to bigint', isPart: true, prepare: () => overTexts((text) => BigInt(text)) },
  ],
  measures: [time({ against: 'limit: text to bigint', ratio: 1.5 })],
};

export const cases: readonly Case[] = [decode, decodeText];
