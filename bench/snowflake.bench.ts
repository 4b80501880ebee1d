import type * as SnowflakeModule from '../src/snowflake/index.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { allocation, direct, time } from './support/case.ts';
import { bundled } from './support/size.ts';

type Ours = typeof SnowflakeModule;

/** Loaded by name, so that types and lint need no peer. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

const ours = (): Promise<Ours> => load('holdfast/snowflake');

const EPOCH = 1_577_836_800_000;

/** Two ids that differ, for the check; then one after the other. */
function issuing(name: string, prepare: () => Promise<() => unknown>): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const next = await prepare();
      return { ...direct(next), once: () => String(next()) !== String(next()) };
    },
  };
}

interface Sapphire {
  readonly Snowflake: new (epoch: number) => {
    generate(o?: { workerId?: bigint }): bigint;
    deconstruct(id: bigint): { readonly timestamp: bigint };
  };
}

async function sapphire(): Promise<InstanceType<Sapphire['Snowflake']>> {
  const { Snowflake } = await load<Sapphire>('@sapphire/snowflake');
  return new Snowflake(EPOCH);
}

async function nodejsSnowflake(): Promise<{ getUniqueID(): bigint }> {
  type Make = new (o: object) => { getUniqueID(): bigint };
  const { default: peer } = await load<{ default: { Snowflake: Make } }>('nodejs-snowflake');
  return new peer.Snowflake({ custom_epoch: EPOCH, instance_id: 5 });
}

async function snowyflake(): Promise<{ nextId(): bigint }> {
  type Make = new (o: object) => { nextId(): bigint };
  const peer = await load<{ Snowyflake: Make; default?: { Snowyflake: Make } }>('snowyflake');
  const Snowyflake = peer.Snowyflake ?? peer.default!.Snowyflake;
  return new Snowyflake({ epoch: BigInt(EPOCH), workerId: 5n });
}

async function tsid(): Promise<() => { toBigInt(): bigint; toString(): string }> {
  type Id = { toBigInt(): bigint; toString(): string };
  const peer = await load<{ getTsid?: () => Id; default: { getTsid: () => Id } }>('tsid-ts');
  return peer.getTsid ?? peer.default.getTsid;
}

const options = { worker: 5, maxLeadMs: 1e12 };

const next: Case = {
  kind: 'loop',
  name: 'next',
  about: 'an id as a bigint by the real clock (flake-idgen, which refuses more than 4096 a millisecond, is left out)',
  isHot: true,
  expected: true,
  subjects: [
    issuing('holdfast', async () => {
      const ids = (await ours()).createSnowflake(options);
      return () => ids.next();
    }),
    issuing('@sapphire/snowflake', async () => {
      const ids = await sapphire();
      return () => ids.generate();
    }),
    issuing('nodejs-snowflake', async () => {
      const ids = await nodejsSnowflake();
      return () => ids.getUniqueID();
    }),
    issuing('snowyflake', async () => {
      const ids = await snowyflake();
      return () => ids.nextId();
    }),
    issuing('tsid-ts', async () => {
      const getTsid = await tsid();
      return () => getTsid().toBigInt();
    }),
    {
      name: 'limit: one clock read, one shift-or',
      isPart: true,
      prepare: () => direct(() => (BigInt(Date.now()) << 22n) | 5n),
    },
    { name: 'clock read', isPart: true, prepare: () => direct(() => Date.now()) },
  ],
  measures: [
    time(
      { against: 'limit: one clock read, one shift-or', ratio: 1 },
      { against: '@sapphire/snowflake', ratio: 0.5 },
      { against: 'nodejs-snowflake', ratio: 0.4 },
    ),
    allocation(),
  ],
};

/** Reads its own time, of which each millisecond is read `reads` times: what an id costs without the clock. */
function tickingClock(reads: number) {
  let count = 0;
  return { now: () => 0, epochMs: () => 1.8e12 + Math.floor(count++ / reads), setTimeout: () => 0, clearTimeout() {} };
}

function ownClock(reads: number, isHot: boolean): Case {
  return {
    kind: 'loop',
    name: reads === 1 ? 'next, a new millisecond each time' : `next, ${reads} in a millisecond`,
    about: 'an id as a bigint by a clock that costs nothing',
    isHot,
    expected: true,
    subjects: [
      issuing('holdfast', async () => {
        const ids = (await ours()).createSnowflake({ ...options, clock: tickingClock(reads) });
        return () => ids.next();
      }),
      {
        name: 'limit: one clock read, one shift-or',
        isPart: true,
        prepare: () => {
          const clock = tickingClock(reads);
          return direct(() => (BigInt(clock.epochMs()) << 22n) | 5n);
        },
      },
    ],
    measures: [time({ against: 'limit: one clock read, one shift-or', ratio: 1 })],
  };
}

/** The peers' texts and ours. `use` is what is done with a text. */
function textCase(name: string, about: string, use: (text: string) => unknown, ratio: number): Case {
  const text = (peer: string, prepare: () => Promise<() => string>): Subject<Loop> =>
    issuing(peer, async () => {
      const make = await prepare();
      return () => use(make());
    });
  return {
    kind: 'loop',
    name,
    about,
    isHot: true,
    expected: true,
    subjects: [
      text('holdfast', async () => {
        const ids = (await ours()).createSnowflake(options);
        return () => ids.nextString();
      }),
      text('@sapphire/snowflake', async () => {
        const ids = await sapphire();
        return () => ids.generate().toString();
      }),
      text('nodejs-snowflake', async () => {
        const ids = await nodejsSnowflake();
        return () => ids.getUniqueID().toString();
      }),
      text('snowyflake', async () => {
        const ids = await snowyflake();
        return () => ids.nextId().toString();
      }),
      text('tsid-ts', async () => {
        const getTsid = await tsid();
        return () => getTsid().toString();
      }),
      text('ulid', async () => {
        const { monotonicFactory } = await load<{ monotonicFactory(): () => string }>('ulid');
        return monotonicFactory();
      }),
      text('uuid v7', async () => (await load<{ v7: () => string }>('uuid')).v7),
      text('uuidv7', async () => (await load<{ uuidv7: () => string }>('uuidv7')).uuidv7),
    ],
    measures: [
      time(
        { against: '@sapphire/snowflake', ratio },
        { against: 'nodejs-snowflake', ratio },
        { against: 'snowyflake', ratio },
        { against: 'tsid-ts', ratio },
        { against: 'ulid', ratio },
        { against: 'uuid v7', ratio: 0.35 },
      ),
    ],
  };
}

const decimal: Case = textCase('text', 'an id as text, kept', (id) => id, 0.5);

/** What is put together of two strings is made one when it is read. */
const read: Case = textCase(
  'text, read',
  'an id as text, of which a character is read',
  (id) => id.charCodeAt(id.length - 1) + id.charCodeAt(0) * Math.random(),
  0.7,
);

/** A thousand ids at once, as the time of one. */
function thousand(name: string, prepare: () => Promise<() => unknown>): Subject<Loop> {
  return {
    name,
    isPart: true,
    prepare: async () => {
      const make = await prepare();
      return {
        once: make,
        batch: 1000,
        many: (n) => {
          for (let done = 0; done < n; done += 1000) make();
        },
      };
    },
  };
}

const batch: Case = {
  kind: 'loop',
  name: 'batches of 1000',
  about: 'an id of a filled BigUint64Array; of an array of bigints; of as many calls',
  expected: undefined,
  subjects: [
    thousand('holdfast', async () => {
      const ids = (await ours()).createSnowflake(options);
      const target = new BigUint64Array(1000);
      return () => ids.fill(target);
    }),
    thousand('holdfast, nextBatch', async () => {
      const ids = (await ours()).createSnowflake(options);
      return () => ids.nextBatch(1000);
    }),
    thousand('@sapphire/snowflake', async () => {
      const ids = await sapphire();
      return () => Array.from({ length: 1000 }, () => ids.generate());
    }),
    thousand('limit: two 32-bit stores', async () => {
      const halves = new Uint32Array(2000);
      return () => {
        for (let at = 0; at < 2000; at += 2) {
          halves[at] = at;
          halves[at + 1] = 5;
        }
        return halves;
      };
    }),
  ],
  measures: [
    time(
      { atMost: 5 },
      { against: 'limit: two 32-bit stores', ratio: 2 },
      { subject: 'holdfast, nextBatch', against: '@sapphire/snowflake', ratio: 0.25 },
    ),
  ],
};

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

const size: Case = {
  kind: 'observed',
  name: 'size of a generator',
  about:
    'the import of a generator alone, minified and brotli-compressed (nodejs-snowflake: without its 82 kB of wasm)',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { createSnowflake } from 'holdfast/snowflake';"),
    bundled('holdfast, codec', "export { snowflakeCodec } from 'holdfast/snowflake';"),
    bundled('@sapphire/snowflake', "export { Snowflake } from '@sapphire/snowflake';"),
    bundled('nodejs-snowflake', "export { Snowflake } from 'nodejs-snowflake';"),
    bundled('tsid-ts', "export { getTsid } from 'tsid-ts';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 1200 }, { subject: 'holdfast, codec', atMost: 700 }] }],
};

export const cases: readonly Case[] = [
  next,
  ownClock(100, true),
  ownClock(1, false),
  decimal,
  read,
  batch,
  decode,
  size,
];
