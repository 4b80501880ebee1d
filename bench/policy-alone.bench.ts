import type { Case, Loop, Subject } from './support/case.ts';
import { allocation, awaited, time, together } from './support/case.ts';
import { cockatiel, effect, policy, pLimit, pRetry, pTimeout } from './support/peers.ts';

const answer = { ok: true };
const succeed = async (): Promise<typeof answer> => answer;

const retrying: Case = {
  kind: 'loop',
  name: 'retry alone',
  about: 'a success at the first of three attempts',
  isHot: true,
  expected: answer,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const retry = (await policy()).retry({ maxAttempts: 3 });
        return awaited(() => retry.run(succeed));
      },
    },
    {
      name: 'p-retry',
      prepare: async () => {
        const retry = await pRetry();
        const options = { retries: 2 };
        return awaited(() => retry(succeed, options));
      },
    },
    {
      name: 'cockatiel',
      prepare: async () => {
        const peer = await cockatiel();
        const retry = peer.retry(peer.handleAll, { maxAttempts: 2 });
        return awaited(() => retry.execute(succeed));
      },
    },
    {
      name: 'effect',
      counting: 'fewer',
      prepare: async () => {
        const { Effect } = await effect();
        const call = Effect.retry(Effect.promise(succeed), { times: 2 });
        return awaited(() => Effect.runPromise(call));
      },
    },
  ],
  measures: [time({ against: 'p-retry', ratio: 0.15 })],
};

const limiting: Case = {
  kind: 'loop',
  name: 'timeout alone',
  about: 'a success within a limit of 1 s',
  isHot: true,
  expected: answer,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const timeout = (await policy()).timeout({ ms: 1000 });
        return awaited(() => timeout.run(succeed));
      },
    },
    {
      name: 'p-timeout',
      counting: 'fewer',
      prepare: async () => {
        const timeout = await pTimeout();
        const options = { milliseconds: 1000 };
        return awaited(() => timeout(succeed(), options));
      },
    },
    {
      name: 'cockatiel',
      counting: 'fewer',
      prepare: async () => {
        const peer = await cockatiel();
        const timeout = peer.timeout(1000, peer.TimeoutStrategy.Cooperative);
        return awaited(() => timeout.execute(succeed));
      },
    },
    {
      name: 'effect',
      counting: 'fewer',
      prepare: async () => {
        const { Effect } = await effect();
        const call = Effect.timeout(Effect.promise(succeed), 1000);
        return awaited(() => Effect.runPromise(call));
      },
    },
  ],
  measures: [time({ against: 'p-timeout', ratio: 0.3 })],
};

/** A bulkhead of each make, as a function that takes a call. */
const makers = {
  holdfast: async (slots: number) => {
    const bulkhead = (await policy()).createBulkhead({ maxConcurrent: slots, maxQueue: Infinity });
    return () => bulkhead.run(succeed);
  },
  cockatiel: async (slots: number) => {
    const bulkhead = (await cockatiel()).bulkhead(slots, Infinity);
    return () => bulkhead.execute(succeed);
  },
  'p-limit': async (slots: number) => {
    const limited = (await pLimit())(slots);
    return () => limited(succeed);
  },
  effect: async (slots: number) => {
    const { Effect, Semaphore } = await effect();
    const call = Semaphore.withPermits(Semaphore.makeUnsafe(slots), 1)(Effect.promise(succeed));
    return () => Effect.runPromise(call);
  },
} satisfies Record<string, (slots: number) => Promise<() => Promise<unknown>>>;

const bulkhead: Case = {
  kind: 'loop',
  name: 'bulkhead alone',
  about: 'a success with a slot free',
  isHot: true,
  expected: answer,
  subjects: Object.entries(makers).map(([name, make]) => ({ name, prepare: async () => awaited(await make(100)) })),
  measures: [time({ against: 'cockatiel', ratio: 1 }, { against: 'p-limit', ratio: 1 })],
};

/** Calls that are all started at once and go through 10 slots. */
function queued(maker: keyof typeof makers, size: number, name: string = maker): Subject<Loop> {
  return { name, prepare: async () => together(size, await makers[maker](10)) };
}

const queue: Case = {
  kind: 'loop',
  name: 'bulkhead queue',
  about: 'each of 1 000 calls that are started at once and wait for one of 10 slots',
  isHot: true,
  expected: answer,
  subjects: [queued('holdfast', 1000), queued('cockatiel', 1000), queued('p-limit', 1000), queued('effect', 1000)],
  measures: [time({ against: 'cockatiel', ratio: 1 }, { against: 'p-limit', ratio: 1 }), allocation()],
};

const longQueue: Case = {
  kind: 'loop',
  name: 'bulkhead long queue',
  about: 'each of 100 000 calls that are started at once and wait for one of 10 slots',
  expected: answer,
  subjects: [
    queued('holdfast', 100_000),
    queued('holdfast', 1000, 'holdfast, 1 000 calls'),
    queued('cockatiel', 20_000, 'cockatiel, 20 000 calls'),
    queued('p-limit', 100_000),
  ],
  measures: [
    time(
      { against: 'holdfast, 1 000 calls', ratio: 1.2 },
      { against: 'cockatiel, 20 000 calls', ratio: 1 },
      { against: 'p-limit', ratio: 1 },
    ),
  ],
};

export const cases: readonly Case[] = [retrying, limiting, bulkhead, queue, longQueue];
