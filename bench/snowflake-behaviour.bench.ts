import {
  EPOCH,
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
import type { Case, Subject } from './support/case.ts';
import { retained } from './support/heap.ts';
import { bundled } from './support/size.ts';

type Observation = Readonly<Record<string, number>>;

const IDS = 20_000;
const START = EPOCH + 2e11;

/** Reads of the clock so far to what it reads: one that is coarse, as under load, and one that NTP sets back once. */
const clocks: Readonly<Record<string, (reads: number) => number>> = {
  'clock of 10 000 reads a tick': (reads) => START + Math.floor(reads / 10_000),
  'clock set back 5 ms': (reads) => START + Math.floor(reads / 50) - (reads < IDS / 2 ? 0 : 5),
};

/** Takes ids while `Date.now` is ours, and counts those that were there before, and that are not above the last. */
function faulted(name: string, make: () => Promise<() => unknown>): Subject<Observation> {
  return {
    name,
    prepare: async () => {
      const observed: Record<string, number> = {};
      const realNow = Date.now;
      for (const [clock, read] of Object.entries(clocks)) {
        let reads = 0;
        Date.now = () => read(reads++);
        try {
          const ids = take(await make());
          observed[`duplicates, ${clock}`] = ids.length - new Set(ids).size;
          observed[`out of order, ${clock}`] = ids.filter((id, k) => k > 0 && id <= ids[k - 1]!).length;
        } finally {
          Date.now = realNow;
        }
      }
      return observed;
    },
  };
}

/** A call that throws is no id: what refuses repeats nothing. */
function take(next: () => unknown): (bigint | string)[] {
  const ids: (bigint | string)[] = [];
  for (let k = 0; k < IDS; k++) {
    try {
      ids.push(next() as bigint | string);
    } catch {
      // Refused.
    }
  }
  return ids;
}

const faults: Case = {
  kind: 'observed',
  name: 'clock faults',
  about: `${IDS} ids by clocks that stand still and step back; what a package refuses is no id`,
  rounds: 1,
  subjects: [
    faulted('holdfast', async () => {
      const ids = (await ours()).createSnowflake({ worker: 5 });
      return () => ids.next();
    }),
    faulted('@sapphire/snowflake', async () => {
      const ids = await sapphire();
      return () => ids.generate();
    }),
    faulted('nodejs-snowflake', async () => {
      const ids = await nodejsSnowflake();
      return () => ids.getUniqueID();
    }),
    faulted('snowyflake', async () => {
      const ids = await snowyflake();
      return () => ids.nextId();
    }),
    faulted('flake-idgen', flakeIdgen),
    faulted('tsid-ts', async () => {
      const getTsid = await tsid();
      return () => getTsid().toBigInt();
    }),
    faulted('ulid', ulid),
    faulted('uuid v7', uuid),
    faulted('uuidv7', uuidv7),
  ],
  measures: Object.keys(clocks).flatMap((clock) => [
    { name: `duplicates, ${clock}`, unit: 'ids', goals: [{ atMost: 0 }] },
    { name: `out of order, ${clock}`, unit: 'ids', goals: [{ atMost: 0 }] },
  ]),
};

const MANY = 10_000;

function kept(name: string, maker: () => Promise<() => unknown>): Subject<Observation> {
  return {
    name,
    prepare: async () => {
      const make = await maker();
      const fill = (count: number): unknown[] => Array.from({ length: count }, make);
      fill(100); // compiled code and shapes are not counted
      return { memory: (await retained(() => fill(MANY))) / MANY };
    },
  };
}

const memory: Case = {
  kind: 'observed',
  name: 'memory',
  about: `each of ${MANY} that are kept: generators that have issued one id, ids as bigints, as text, in a filled array`,
  rounds: 3,
  subjects: [
    kept('holdfast, generator', async () => {
      const { createSnowflake } = await ours();
      return () => {
        const ids = createSnowflake({ worker: 5 });
        ids.next();
        return ids;
      };
    }),
    kept('holdfast, bigint', async () => {
      const ids = (await ours()).createSnowflake({ worker: 5 });
      return () => ids.next();
    }),
    kept('holdfast, text', async () => {
      const ids = (await ours()).createSnowflake({ worker: 5 });
      return () => ids.nextString();
    }),
    {
      name: 'holdfast, fill',
      prepare: async () => {
        const ids = (await ours()).createSnowflake({ worker: 5 });
        return { memory: (await retained(() => ids.fill(new BigUint64Array(MANY)))) / MANY };
      },
    },
  ],
  measures: [{ name: 'memory', unit: 'B', goals: [{ subject: 'holdfast, generator', atMost: 300 }] }],
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
    bundled(
      'holdfast, lease and Redis store',
      "export { acquireWorkerLease } from 'holdfast/snowflake'; export { redisWorkerLeaseStore } from 'holdfast/redis';",
    ),
    bundled('@sapphire/snowflake', "export { Snowflake } from '@sapphire/snowflake';"),
    bundled('nodejs-snowflake', "export { Snowflake } from 'nodejs-snowflake';"),
    bundled('tsid-ts', "export { getTsid } from 'tsid-ts';"),
  ],
  measures: [
    {
      name: 'size',
      unit: 'B',
      goals: [
        { atMost: 1200 },
        { subject: 'holdfast, codec', atMost: 700 },
        { subject: 'holdfast, lease and Redis store', atMost: 1600 },
      ],
    },
  ],
};

export const cases: readonly Case[] = [faults, memory, size];
