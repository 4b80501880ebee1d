import type * as RateLimitModule from '../src/rate-limit/index.ts';
import { simulate } from '../test/rate-limit/simulated-server.ts';
import type { Case, Measure, Subject } from './support/case.ts';
import { awaited, direct, time } from './support/case.ts';
import { pLimit, testing } from './support/peers.ts';

type Ours = typeof RateLimitModule;

/** Loaded by name, so that it is the built package that is measured. */
async function ours(): Promise<Ours> {
  const name: string = 'holdfast/rate-limit';
  return (await import(name)) as Ours;
}

const permits: Case = {
  kind: 'loop',
  name: 'concurrency limiter, permit',
  about: 'a permit is taken and given back',
  isHot: true,
  expected: true,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const limiter = (await ours()).createConcurrencyLimiter({ limit: 10 });
        return direct(() => limiter.tryAcquire()!.release() === undefined);
      },
    },
    {
      name: 'holdfast, bbrLimit',
      prepare: async () => {
        const { bbrLimit, createConcurrencyLimiter } = await ours();
        const limiter = createConcurrencyLimiter({ limit: bbrLimit() });
        return direct(() => limiter.tryAcquire()!.release() === undefined);
      },
    },
    {
      name: 'limit: two readings of the clock',
      prepare: () => direct(() => performance.now() <= performance.now()),
    },
  ],
  measures: [time({ subject: 'holdfast, bbrLimit', against: 'limit: two readings of the clock', ratio: 1.5 })],
};

const answer = { ok: true };
const succeed = async (): Promise<typeof answer> => answer;

const running: Case = {
  kind: 'loop',
  name: 'concurrency limiter, run',
  about: 'a call that finds a permit free',
  isHot: true,
  expected: answer,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const limiter = (await ours()).createConcurrencyLimiter({ limit: 10, maxQueue: 1000 });
        return awaited(() => limiter.run(succeed));
      },
    },
    {
      name: 'holdfast, bbrLimit',
      prepare: async () => {
        const { bbrLimit, createConcurrencyLimiter } = await ours();
        const limiter = createConcurrencyLimiter({ limit: bbrLimit(), maxQueue: 1000 });
        return awaited(() => limiter.run(succeed));
      },
    },
    {
      name: 'p-limit',
      prepare: async () => {
        const limited = (await pLimit())(10);
        return awaited(() => limited(succeed));
      },
    },
  ],
  measures: [time({ against: 'p-limit', ratio: 1 }, { subject: 'holdfast, bbrLimit', against: 'p-limit', ratio: 1 })],
};

const LOADS = [0.3, 0.7, 1, 1.25, 2, 3];

/** What an algorithm makes of a server with 20 cores and calls of 5 to 15 ms, at each load. */
function simulated(
  name: string,
  limitOf: (module: Ours) => RateLimitModule.LimitAlgorithm | number,
): Subject<Readonly<Record<string, number>>> {
  return {
    name,
    prepare: async () => {
      const module = await ours();
      const { createVirtualClock } = await testing();
      const entries = LOADS.flatMap((load) => {
        const clock = createVirtualClock();
        const limiter = module.createConcurrencyLimiter({ limit: limitOf(module), clock });
        const options = { cores: 20, serviceMs: 10, durationMs: 60_000, warmUpMs: 5000, seed: 1 };
        const { goodput, p99 } = simulate(limiter, clock, { ...options, load: () => load });
        const lost = Math.max(0, 100 - 100 * goodput);
        return [
          [`lost at ${load}`, lost],
          [`p99 at ${load}`, p99],
        ] as const;
      });
      return Object.fromEntries(entries);
    },
  };
}

const adaptive: Case = {
  kind: 'observed',
  name: 'adaptive limits',
  about:
    'a simulated server of 20 cores, calls of 5 to 15 ms, offered 0.3 to 3 times what it can serve for a minute: what of the possible is not served, and the latency of 99 % in mean service times',
  rounds: 1,
  subjects: [
    simulated('holdfast', ({ bbrLimit }) => bbrLimit()),
    simulated('holdfast, vegasLimit', ({ vegasLimit }) => vegasLimit()),
    simulated('holdfast, gradientLimit', ({ gradientLimit }) => gradientLimit()),
    simulated('holdfast, aimdLimit of 25 ms', ({ aimdLimit }) => aimdLimit({ timeoutMs: 25 })),
    simulated('fixed limit of 20', () => 20),
    simulated('fixed limit of 200', () => 200),
  ],
  measures: LOADS.flatMap((load): Measure[] => [
    { name: `lost at ${load}`, unit: '%', goals: [{ atMost: 7 }] },
    { name: `p99 at ${load}`, unit: 'service times', goals: [{ atMost: 3 }] },
  ]),
};

export const cases: readonly Case[] = [permits, running, adaptive];
