import type { Case, Loop, Subject } from './support/case.ts';
import { allocation, awaited, rejected, time } from './support/case.ts';
import { answer, fail, fired, ours, succeed, successes, theirs } from './support/circuits.ts';
import { mollitia } from './support/peers.ts';

/** A count window that is full, so that each call pushes one out. */
function fullWindow(name: string, size: number): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const circuit = await ours(
        ({ countWindow }) => countWindow({ size, failureRateThreshold: 0.5 }),
        successes(size),
      );
      return awaited(() => circuit.run(succeed));
    },
  };
}

/** The two handlers of a call that is counted, and nothing else. */
function counting(): {
  readonly ok: <T>(value: T) => T;
  readonly bad: (error: unknown) => never;
  calls: number;
  failures: number;
} {
  const counts = {
    calls: 0,
    failures: 0,
    ok: <T>(value: T): T => {
      counts.calls++;
      return value;
    },
    bad: (error: unknown): never => {
      counts.calls++;
      counts.failures++;
      throw error;
    },
  };
  return counts;
}

const success: Case = {
  kind: 'loop',
  name: 'success',
  about: 'a call that succeeds through a closed circuit that opens after five failures in a row',
  isHot: true,
  expected: answer,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const circuit = await ours(({ consecutiveFailures }) => consecutiveFailures(5));
        return awaited(() => circuit.run(succeed));
      },
    },
    {
      name: 'cockatiel',
      prepare: async () => {
        const circuit = await theirs('consecutive');
        return awaited(() => circuit.execute(succeed));
      },
    },
    {
      name: 'opossum',
      prepare: async () => {
        const circuit = await fired(succeed);
        return awaited(() => circuit.fire());
      },
    },
    {
      name: 'limit: op().then(f, g)',
      prepare: () => {
        const { ok, bad } = counting();
        return awaited(() => succeed().then(ok, bad));
      },
    },
    { name: 'raw call', prepare: () => awaited(succeed) },
  ],
  measures: [
    time({ against: 'cockatiel', ratio: 0.6 }, { against: 'limit: op().then(f, g)', ratio: 1.4 }),
    allocation({ against: 'raw call', above: 160 }),
  ],
};

const counted: Case = {
  kind: 'loop',
  name: 'count window',
  about: 'a success recorded in a full window of the last 100 000 calls',
  isHot: true,
  expected: answer,
  subjects: [
    fullWindow('holdfast', 100_000),
    fullWindow('holdfast, 10 calls', 10),
    {
      name: 'mollitia, 1000 calls',
      counting: 'none',
      prepare: async () => {
        const { Circuit, SlidingCountBreaker } = await mollitia();
        const module = new SlidingCountBreaker({
          slidingWindowSize: 1000,
          minimumNumberOfCalls: 1000,
          failureRateThreshold: 50,
        });
        const circuit = new Circuit({ func: succeed, options: { modules: [module] } });
        for (let k = 0; k < 1000; k++) await circuit.execute();
        return awaited(() => circuit.execute());
      },
    },
  ],
  measures: [time({ against: 'holdfast, 10 calls', ratio: 1.15 }, { against: 'mollitia, 1000 calls', ratio: 0.01 })],
};

const timed: Case = {
  kind: 'loop',
  name: 'time window',
  about:
    'a success recorded in a window of 10 s that judges failures and slow calls (cockatiel and opossum: failures only)',
  isHot: true,
  expected: answer,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const slow = { slowCallRateThreshold: 0.5, slowCallDurationMs: 1000 };
        const circuit = await ours(({ timeWindow }) =>
          timeWindow({ durationMs: 10_000, failureRateThreshold: 0.5, ...slow }),
        );
        return awaited(() => circuit.run(succeed));
      },
    },
    {
      name: 'holdfast, failures only',
      prepare: async () => {
        const circuit = await ours(({ timeWindow }) => timeWindow({ durationMs: 10_000, failureRateThreshold: 0.5 }));
        return awaited(() => circuit.run(succeed));
      },
    },
    {
      name: 'cockatiel',
      prepare: async () => {
        const circuit = await theirs('sampling');
        return awaited(() => circuit.execute(succeed));
      },
    },
    {
      name: 'opossum',
      prepare: async () => {
        const circuit = await fired(succeed);
        return awaited(() => circuit.fire());
      },
    },
    {
      name: 'limit: two clock reads',
      prepare: () => {
        let slowCalls = 0;
        return awaited(() => {
          const startMs = performance.now();
          return succeed().then(
            (value) => {
              if (performance.now() - startMs > 1000) slowCalls++;
              return value;
            },
            (error: unknown) => {
              slowCalls++;
              throw error;
            },
          );
        });
      },
    },
  ],
  measures: [time({ against: 'cockatiel', ratio: 0.8 }, { against: 'limit: two clock reads', ratio: 1.6 })],
};

const failed: Case = {
  kind: 'loop',
  name: 'failed call',
  about: 'a call that fails, with 10 000 calls in a window of 10 s and a volume at which nothing opens',
  expected: 'rejected',
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const circuit = await ours(
          ({ timeWindow }) => timeWindow({ durationMs: 10_000, failureRateThreshold: 0.5, minimumThroughput: 1e9 }),
          successes(10_000),
        );
        return rejected(() => circuit.run(fail));
      },
    },
    {
      name: 'cockatiel',
      prepare: async () => {
        const circuit = await theirs('sampling');
        for (let k = 0; k < 10_000; k++) await circuit.execute(succeed);
        return rejected(() => circuit.execute(fail));
      },
    },
    {
      name: 'opossum',
      prepare: async () => {
        const circuit = await fired(fail, { volumeThreshold: 1e9, errorThresholdPercentage: 50 });
        for (let k = 0; k < 10_000; k++) await circuit.fire().catch(() => {});
        return rejected(() => circuit.fire());
      },
    },
    {
      name: 'limit: op().then(f, g)',
      prepare: () => {
        const { ok, bad } = counting();
        return rejected(() => fail().then(ok, bad));
      },
    },
  ],
  measures: [time({ against: 'limit: op().then(f, g)', ratio: 1.5 }, { against: 'opossum', ratio: 0.01 })],
};

export const cases: readonly Case[] = [success, counted, timed, failed];
