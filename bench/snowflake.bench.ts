import {
  flakeIdgen,
  nodejsSnowflake,
  ours,
  sapphire,
  snowyflake,
  tsid,
  ulid,
  uuid,
  uuidv7,
} from './snowflake-peers.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { allocation, direct, time } from './support/case.ts';

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

const options = { worker: 5, maxLeadMs: 1e12 };

const next: Case = {
  kind: 'loop',
  name: 'next',
  about: 'an id as a bigint by the real clock (flake-idgen is asked again as long as it refuses)',
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
    issuing('flake-idgen', async () => {
      const ask = await flakeIdgen();
      return () => {
        for (;;) {
          try {
            return ask();
          } catch {
            // More than 4096 in a millisecond.
          }
        }
      };
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
      text('ulid', ulid),
      text('uuid v7', uuid),
      text('uuidv7', uuidv7),
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

/** Ids of `count` generators in turn. */
function inTurn(name: string, count: number): Subject<Loop> {
  return {
    name,
    isPart: true,
    prepare: async () => {
      const { createSnowflake } = await ours();
      const clock = tickingClock(100 * count);
      const all = Array.from({ length: count }, (_, worker) => createSnowflake({ ...options, worker, clock }));
      let at = 0;
      return direct(() => all[(at = at + 1 === count ? 0 : at + 1)]!.next());
    },
  };
}

const scaling: Case = {
  kind: 'loop',
  name: 'many generators',
  about: 'an id as a bigint, of one generator and of a thousand in turn, by a clock that costs nothing',
  expected: undefined,
  subjects: [inTurn('holdfast, 1', 1), inTurn('holdfast, 1000', 1000)],
  measures: [time({ subject: 'holdfast, 1000', against: 'holdfast, 1', ratio: 2 })],
};

export const cases: readonly Case[] = [next, ownClock(100, true), ownClock(1, false), decimal, read, batch, scaling];
