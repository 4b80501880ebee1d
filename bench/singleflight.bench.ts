import type * as SingleflightModule from '../src/singleflight/index.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { time } from './support/case.ts';
import { bundled } from './support/size.ts';

const ours = async (): Promise<typeof SingleflightModule> =>
  (await import('holdfast/singleflight' as string)) as typeof SingleflightModule;

/** Gives every waiting crowd its value when the loop says so, so that no timer is measured. */
interface Origin {
  load(): Promise<number>;
  answer(): void;
}

function origin(): Origin {
  let resolve!: (value: number) => void;
  // Made at once: some ask for it later than others.
  const value = new Promise<number>((give) => (resolve = give));
  return { load: () => value, answer: () => resolve(1) };
}

/** A loop over callers that come in crowds of `size` for one key that nobody has loaded. */
function crowds(size: number, ask: (key: number, from: Origin) => Promise<number>): Loop {
  let key = 0;
  const crowd = async (count: number): Promise<number[]> => {
    const from = origin();
    key++;
    const callers: Promise<number>[] = [];
    for (let k = 0; k < count; k++) callers.push(ask(key, from));
    from.answer();
    return Promise.all(callers);
  };
  return {
    once: async () => (await crowd(1))[0],
    batch: size,
    many: async (n) => {
      for (let done = 0; done < n; done += size) await crowd(size);
    },
  };
}

function subjects(size: number): readonly Subject<Loop>[] {
  return [
    {
      name: 'holdfast',
      prepare: async () => {
        const flights = (await ours()).createSingleflight<number, number>();
        return crowds(size, (key, from) => flights.run(key, from.load));
      },
    },
    {
      name: 'holdfast, with signals',
      prepare: async () => {
        const flights = (await ours()).createSingleflight<number, number>();
        const options = { signal: new AbortController().signal };
        return crowds(size, (key, from) => flights.run(key, from.load, options));
      },
    },
    {
      name: 'limit: a Map of promises',
      prepare: () => {
        const flights = new Map<number, Promise<number>>();
        const release = (key: number, value: number): number => {
          flights.delete(key);
          return value;
        };
        return crowds(size, (key, from) => {
          let flight = flights.get(key);
          if (!flight) flights.set(key, (flight = from.load().then((value) => release(key, value))));
          return flight;
        });
      },
    },
    {
      name: 'p-memoize, no cache',
      prepare: async () => {
        const { default: memoize } = (await import('p-memoize' as string)) as {
          default: (
            fn: (key: number, from: Origin) => Promise<number>,
            options: object,
          ) => (key: number, from: Origin) => Promise<number>;
        };
        return crowds(
          size,
          memoize((_key, from) => from.load(), { cache: false }),
        );
      },
    },
  ];
}

function crowd(size: number): Case {
  return {
    kind: 'loop',
    name: `crowd of ${size}`,
    about: `per caller, ${size} callers that want one key at the same time; one load answers them all`,
    isHot: size === 100,
    expected: 1,
    subjects: subjects(size),
    measures: [time({ against: 'limit: a Map of promises', ratio: 2 })],
  };
}

const sizes: Case = {
  kind: 'observed',
  name: 'size of singleflight',
  about: 'minified and compressed with brotli',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { createSingleflight } from 'holdfast/singleflight';"),
    bundled('p-memoize', "export { default } from 'p-memoize';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ atMost: 800 }] }],
};

export const cases: readonly Case[] = [crowd(1), crowd(10), crowd(100), crowd(10_000), sizes];
