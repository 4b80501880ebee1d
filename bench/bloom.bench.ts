import type * as BloomModule from '../src/bloom/index.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { direct, time } from './support/case.ts';
import { bundled } from './support/size.ts';

type Ours = typeof BloomModule;
type Options = BloomModule.BloomOptions;

/** Loaded by name, so that types and lint need no peer. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

const ours = (): Promise<Ours> => load('holdfast/bloom');

/** A set of text, as the peers are used. */
interface Filter {
  add(key: string): unknown;
  has(key: string): boolean;
}

interface Jasondavies {
  add(key: string): void;
  test(key: string): boolean;
  toJSON(): unknown;
}
interface JasondaviesClass {
  withTargetError(capacity: number, rate: number): Jasondavies;
  fromJSON(value: unknown): Jasondavies;
}

const bloomfilter = async (): Promise<JasondaviesClass> =>
  (await load<{ BloomFilter: JasondaviesClass }>('bloomfilter')).BloomFilter;

type Maker = (capacity: number, rate: number) => Promise<Filter>;

const holdfast =
  (extra: Partial<Options> = {}): Maker =>
  async (capacity, falsePositiveRate) =>
    (await ours()).createBloomFilter({ capacity, falsePositiveRate, ...extra });

const jasondavies: Maker = async (capacity, rate) => {
  const filter = (await bloomfilter()).withTargetError(capacity, rate);
  return { add: (key) => filter.add(key), has: (key) => filter.test(key) };
};

const mnemonist: Maker = async (capacity, errorRate) => {
  const { BloomFilter } = await load<{
    BloomFilter: new (o: object) => { add(key: string): void; test(key: string): boolean };
  }>('mnemonist');
  const filter = new BloomFilter({ capacity, errorRate });
  return { add: (key) => filter.add(key), has: (key) => filter.test(key) };
};

const bloomFilters: Maker = async (capacity, rate) => {
  const { BloomFilter } = await load<{ BloomFilter: { create(n: number, p: number): Filter } }>('bloom-filters');
  return BloomFilter.create(capacity, rate);
};

const libp2p: Maker = async (capacity, rate) => {
  const { createBloomFilter } = await load<{ createBloomFilter(n: number, p: number): Filter }>('@libp2p/utils');
  return createBloomFilter(capacity, rate);
};

/** What a careful user writes: one 64-bit hash in wasm, two halves, double hashing over a Uint32Array. */
const byHand: Maker = async (capacity, rate) => {
  const { default: create } = await load<{ default(): Promise<{ h64(text: string): bigint }> }>('xxhash-wasm');
  const { h64 } = await create();
  const bits = Math.ceil((-capacity * Math.log(rate)) / Math.LN2 ** 2);
  const hashes = Math.max(1, Math.round((bits / capacity) * Math.LN2));
  const words = new Uint32Array(Math.ceil(bits / 32));
  const each = (key: string, visit: (at: number) => boolean): boolean => {
    const hash = h64(key);
    const step = Number(hash >> 32n) | 1;
    for (let k = 0, at = Number(hash & 0xffffffffn); k < hashes; k++, at = (at + step) >>> 0) {
      if (!visit(at % bits)) return false;
    }
    return true;
  };
  return {
    add: (key) => each(key, (at) => ((words[at >>> 5]! |= 1 << (at & 31)), true)),
    has: (key) => each(key, (at) => ((words[at >>> 5]! >>> (at & 31)) & 1) === 1),
  };
};

/** Text in one piece, as it comes from a request; text put together is slower to read for everybody. */
function flat(texts: readonly string[]): readonly string[] {
  return JSON.parse(JSON.stringify(texts)) as string[];
}

function textOf(tag: string, index: number, length: number): string {
  return `${tag}${index.toString(36).padStart(7, '0')}`.padEnd(length, 'abcdefghijklmnop');
}

const ASKED = 8192;

/** Spread over all keys. */
function asked(tag: string, count: number, length: number): readonly string[] {
  return flat(Array.from({ length: ASKED }, (_, k) => textOf(tag, (k * 2_654_435_761) % count, length)));
}

interface Load {
  readonly count: number;
  readonly rate: number;
  readonly length: number;
}

/** Asks, in turn, for keys that are in (tag `k`) or not (tag `m`). */
function asking(name: string, make: Maker, tag: string, { count, rate, length }: Load, isSlow = false): Subject<Loop> {
  return {
    name,
    ...(isSlow || count > 100_000 ? { counting: 'none' as const } : {}),
    prepare: async () => {
      const filter = await make(count, rate);
      for (let k = 0; k < count; k++) filter.add(textOf('k', k, length));
      const keys = asked(tag, count, length);
      let at = 0;
      return { ...direct(() => filter.has(keys[at++ & (ASKED - 1)]!)), once: () => filter.has(keys[0]!) };
    },
  };
}

/** Reads the key, mixes it, and loads one word: the least that any filter does. */
function limit(tag: string, { count, length }: Load): Subject<Loop> {
  return {
    name: 'limit: read the key, one load',
    isPart: true,
    ...(count > 100_000 ? { counting: 'none' as const } : {}),
    prepare: () => {
      const words = new Int32Array(2 ** Math.ceil(Math.log2((count * 10) / 32)));
      const keys = asked(tag, count, length);
      let at = 0;
      return direct(() => {
        const key = keys[at++ & (ASKED - 1)]!;
        let hash = 0;
        for (let k = 0; k < key.length; k++) hash = Math.imul(hash ^ key.charCodeAt(k), 0x01000193);
        return words[(hash ^ (hash >>> 16)) & (words.length - 1)]!;
      });
    },
  };
}

const small: Load = { count: 10_000, rate: 0.01, length: 16 };
const LIMIT = 'limit: read the key, one load';

function small16(name: string, tag: 'k' | 'm', ratio: number): Case {
  return {
    kind: 'loop',
    name,
    about: `has() of a key of 16 characters that is ${tag === 'k' ? '' : 'not '}among 10 000, at 1 %`,
    isHot: true,
    expected: tag === 'k',
    subjects: [
      asking('holdfast', holdfast(), tag, small),
      asking('holdfast, secret', holdfast({ secret: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }), tag, small),
      asking('holdfast, shared', holdfast({ shared: true }), tag, small),
      asking('bloomfilter', jasondavies, tag, small),
      asking('mnemonist', mnemonist, tag, small),
      asking('@libp2p/utils', libp2p, tag, small, true),
      asking('bloom-filters', bloomFilters, tag, small, true),
      asking('xxhash-wasm by hand', byHand, tag, small),
      limit(tag, small),
    ],
    measures: [
      time(
        { against: 'bloomfilter', ratio },
        { against: LIMIT, ratio: 1.5 },
        { against: 'mnemonist', ratio: 0.2 },
        { against: 'bloom-filters', ratio: 0.005 },
        { against: 'xxhash-wasm by hand', ratio: 0.4 },
        { subject: 'holdfast, secret', against: 'holdfast', ratio: 1.35 },
        { subject: 'holdfast, shared', against: 'holdfast', ratio: 1.3 },
      ),
    ],
  };
}

function against(name: string, about: string, tag: 'k' | 'm', of: Load, ratio: number): Case {
  return {
    kind: 'loop',
    name,
    about,
    expected: tag === 'k',
    subjects: [asking('holdfast', holdfast(), tag, of), asking('bloomfilter', jasondavies, tag, of)],
    measures: [time({ against: 'bloomfilter', ratio })],
  };
}

const million: Load = { count: 1_000_000, rate: 0.01, length: 16 };

const batch: Case = {
  kind: 'loop',
  name: 'hasAll',
  about: '1024 keys of 16 characters of ten million at 1e-6, per key',
  expected: true,
  subjects: ['holdfast', 'holdfast, one by one'].map((name) => ({
    name,
    prepare: async () => {
      const { createBloomFilter } = await ours();
      const filter = createBloomFilter({ capacity: 1e7, falsePositiveRate: 1e-6 });
      for (let k = 0; k < 1e7; k++) filter.add(textOf('k', k, 16));
      const keys = asked('k', 1e7, 16);
      const batches = Array.from({ length: 8 }, (_, k) => keys.slice(k * 1024, (k + 1) * 1024));
      const out = new Uint8Array(1024);
      return {
        once: () => filter.hasAll(batches[0]!).every((answer) => answer === 1),
        batch: 1024,
        many: (n: number) => {
          for (let done = 0; done < n; done += 1024) {
            const batch = batches[(done >>> 10) & 7]!;
            if (name === 'holdfast') filter.hasAll(batch, out);
            else for (let k = 0; k < 1024; k++) out[k] = filter.has(batch[k]!) ? 1 : 0;
          }
        },
      };
    },
  })),
  measures: [time({ against: 'holdfast, one by one', ratio: 0.85 })],
};

const manyFilters: Case = {
  kind: 'loop',
  name: 'one key, 100 filters',
  about: 'the filters of 100, each of 1000 keys at 1 %, that report a key',
  expected: 1,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const { createBloomFilter, hashKey } = await ours();
        const filters = Array.from({ length: 100 }, () =>
          createBloomFilter({ capacity: 1000, falsePositiveRate: 1e-6 }),
        );
        filters[7]!.add('the key of 16 ch');
        return direct(() => {
          const hash = hashKey('the key of 16 ch');
          let count = 0;
          for (const filter of filters) if (filter.hasHash(hash)) count++;
          return count;
        });
      },
    },
    {
      name: 'bloomfilter',
      prepare: async () => {
        const create = await bloomfilter();
        const filters = Array.from({ length: 100 }, () => create.withTargetError(1000, 1e-6));
        filters[7]!.add('the key of 16 ch');
        return direct(() => {
          let count = 0;
          for (const filter of filters) if (filter.test('the key of 16 ch')) count++;
          return count;
        });
      },
    },
  ],
  measures: [time({ against: 'bloomfilter', ratio: 0.15 })],
};

const adding: Case = {
  kind: 'loop',
  name: 'add',
  about: 'keys of 16 characters, 8192 of them over and over, into a filter for a million at 1 %',
  expected: undefined,
  subjects: (
    [
      ['holdfast', holdfast()],
      ['bloomfilter', jasondavies],
    ] as const
  ).map(([name, make]) => ({
    name,
    prepare: async () => {
      const filter = await make(1_000_000, 0.01);
      const keys = asked('k', 1_000_000, 16);
      let at = 0;
      return { ...direct(() => filter.add(keys[at++ & (ASKED - 1)]!)), once: () => void filter.add(keys[0]!) };
    },
  })),
  measures: [time({ against: 'bloomfilter', ratio: 0.5 })],
};

const bytes: Case = {
  kind: 'loop',
  name: 'to bytes and back',
  about: 'a filter of a million keys at 1 %, written and read again; the peer as JSON',
  expected: true,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const { createBloomFilter, loadBloomFilter } = await ours();
        const filter = createBloomFilter({ capacity: 1_000_000, falsePositiveRate: 0.01 });
        for (let k = 0; k < 1_000_000; k++) filter.add(textOf('k', k, 16));
        return direct(() => loadBloomFilter(filter.toBytes()).has(textOf('k', 7, 16)));
      },
    },
    {
      name: 'bloomfilter',
      prepare: async () => {
        const create = await bloomfilter();
        const filter = create.withTargetError(1_000_000, 0.01);
        for (let k = 0; k < 1_000_000; k++) filter.add(textOf('k', k, 16));
        return direct(() => create.fromJSON(JSON.parse(JSON.stringify(filter))).test(textOf('k', 7, 16)));
      },
    },
  ],
  measures: [time({ against: 'bloomfilter', ratio: 0.1 })],
};

const size: Case = {
  kind: 'observed',
  name: 'size of the filter',
  about: 'createBloomFilter alone as a browser gets it, minified and as brotli',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { createBloomFilter } from 'holdfast/bloom';"),
    bundled('bloomfilter', "export { BloomFilter } from 'bloomfilter';"),
    bundled('bloom-filters', "export { BloomFilter } from 'bloom-filters';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 2600 }] }],
};

const long: Load = { count: 10_000, rate: 0.01, length: 64 };
const huge: Load = { count: 10_000_000, rate: 1e-6, length: 16 };

export const cases: readonly Case[] = [
  small16('hit, 16 characters', 'k', 0.55),
  small16('miss, 16 characters', 'm', 0.45),
  against('hit, 64 characters', 'has() of a key among 10 000, at 1 %', 'k', long, 0.4),
  against('hit, a million keys', 'has() of a key of 16 characters among a million, at 1 %', 'k', million, 0.6),
  against('miss, a million keys', 'has() of a key of 16 characters not among a million, at 1 %', 'm', million, 0.6),
  against('hit, ten million keys', 'has() of a key of 16 characters among ten million, at 1e-6', 'k', huge, 0.35),
  adding,
  batch,
  manyFilters,
  bytes,
  size,
];
