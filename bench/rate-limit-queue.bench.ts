import type * as RateLimitModule from '../src/rate-limit/index.ts';
import type { Case, Loop, Subject } from './support/case.ts';
import { awaited, direct, time } from './support/case.ts';
import { retained } from './support/heap.ts';
import { bundled } from './support/size.ts';

type Ours = typeof RateLimitModule;
type Clock = RateLimitModule.Clock;

/** Loaded by name, so that types and lint need no peer. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

const ours = (): Promise<Ours> => load('holdfast/rate-limit');

interface Bottleneck {
  schedule(fn: () => Promise<void>): Promise<void>;
}
interface PQueue {
  add(fn: () => Promise<void>): Promise<void>;
}
interface Limiter {
  removeTokens(count: number): Promise<number>;
}

const nothing = async (): Promise<void> => {};

const free: Case = {
  kind: 'loop',
  name: 'queue, free',
  about: 'a call that need not wait, by a limit that is never reached',
  isHot: true,
  expected: undefined,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const { createRateQueue, tokenBucket } = await ours();
        const queue = createRateQueue(tokenBucket({ limit: 1_000_000, periodMs: 1 }));
        return awaited(() => queue.acquire());
      },
    },
    {
      name: 'holdfast, run',
      prepare: async () => {
        const { createRateQueue, tokenBucket } = await ours();
        const queue = createRateQueue(tokenBucket({ limit: 1_000_000, periodMs: 1 }));
        return awaited(() => queue.run(nothing));
      },
    },
    {
      name: 'p-throttle',
      prepare: async () => {
        const peer = await load<{ default: (o: object) => (fn: () => Promise<void>) => () => Promise<void> }>(
          'p-throttle',
        );
        return awaited(peer.default({ limit: 1e9, interval: 1 })(nothing));
      },
    },
    {
      name: 'p-queue',
      prepare: async () => {
        const { default: Peer } = await load<{ default: new (o: object) => PQueue }>('p-queue');
        const queue = new Peer({ intervalCap: 1e9, interval: 1 });
        return awaited(() => queue.add(nothing));
      },
    },
    {
      name: 'limiter',
      isPart: true, // answers with the tokens that are left, and runs nothing
      prepare: async () => {
        const { RateLimiter } = await load<{ RateLimiter: new (o: object) => Limiter }>('limiter');
        const limiter = new RateLimiter({ tokensPerInterval: 1e9, interval: 1 });
        return awaited(() => limiter.removeTokens(1));
      },
    },
    {
      name: 'bottleneck',
      counting: 'none', // a timer a call
      prepare: async () => {
        const { default: Peer } = await load<{ default: new (o: object) => Bottleneck }>('bottleneck');
        const queue = new Peer({ reservoir: 1e12 });
        return awaited(() => queue.schedule(nothing));
      },
    },
    {
      name: 'limit: a clock, a number, a promise',
      prepare: () => {
        const done = Promise.resolve();
        let [tokens, lastMs] = [1e6, 0];
        return awaited(() => {
          const nowMs = Math.floor(performance.now());
          tokens = Math.min(1e6, tokens + (nowMs - lastMs) * 1e6) - 1;
          lastMs = nowMs;
          return tokens >= 0 ? done : undefined;
        });
      },
    },
  ],
  measures: [
    time(
      { against: 'limit: a clock, a number, a promise', ratio: 1.5 },
      { against: 'p-throttle', ratio: 1 },
      { against: 'p-queue', ratio: 0.2 },
      { against: 'bottleneck', ratio: 0.01 },
      { subject: 'holdfast, run', against: 'p-throttle', ratio: 1 },
    ),
  ],
};

/** A clock that goes on when it is told to, with the one timer that is set. */
function handClock(): Clock & { tick(): void } {
  let nowMs = 0;
  let timer: (() => void) | undefined;
  return {
    now: () => nowMs,
    epochMs: () => nowMs,
    setTimeout: (fn) => (timer = fn),
    clearTimeout: () => (timer = undefined),
    tick() {
      nowMs++;
      const fn = timer;
      timer = undefined;
      fn?.();
    },
  };
}

interface Place {
  readonly resolve: () => void;
  next: Place | undefined;
}

/** What nothing can do without: a promise for each call, a list, and the clock. */
function listQueue(clock: Clock): () => Promise<void> {
  let head: Place | undefined;
  let tail: Place | undefined;
  let takenMs = 0;
  const pump = (): void => {
    while (head && takenMs < clock.now()) {
      takenMs = clock.now();
      head.resolve();
      head = head.next;
    }
    if (head) clock.setTimeout(pump, 1);
  };
  return () =>
    new Promise((resolve) => {
      const place: Place = { resolve, next: undefined };
      if (head) tail!.next = place;
      else head = place;
      tail = place;
      if (head === place) pump();
    });
}

/** `size` calls wait; one joins at the end and one goes on at the front. */
function joining(name: string, size: number, make: (clock: Clock) => Promise<() => Promise<void>>): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const clock = handClock();
      const acquire = await make(clock);
      for (let k = 0; k <= size; k++) void acquire();
      const one = (): Promise<void> => {
        const call = acquire();
        clock.tick();
        return call;
      };
      return { ...direct(one), once: () => one() instanceof Promise };
    },
  };
}

async function ourQueue(clock: Clock): Promise<() => Promise<void>> {
  const { createRateQueue, tokenBucket } = await ours();
  const queue = createRateQueue(tokenBucket({ limit: 1, periodMs: 1 }), { clock, maxQueue: Infinity });
  return () => queue.acquire();
}

async function ourFairQueue(clock: Clock): Promise<() => Promise<void>> {
  const { createRateQueue, tokenBucket } = await ours();
  const queue = createRateQueue(tokenBucket({ limit: 1, periodMs: 1 }), { clock, maxQueue: Infinity, fair: true });
  const lanes = Array.from({ length: 64 }, (_, k) => ({ lane: `tenant-${k}` }));
  let k = 0;
  return () => queue.acquire(lanes[k++ & 63]);
}

const asList = async (clock: Clock): Promise<() => Promise<void>> => listQueue(clock);

const behind: Case = {
  kind: 'loop',
  name: 'queue, behind others',
  about: 'one call joins behind 1 000, 10 000 or 100 000 that wait, and the first of them goes on',
  isHot: true,
  expected: true,
  subjects: [
    joining('holdfast', 1000, ourQueue),
    joining('holdfast, 10 000', 10_000, ourQueue),
    joining('holdfast, 100 000', 100_000, ourQueue),
    joining('holdfast, 64 lanes', 1000, ourFairQueue),
    joining('limit: promises in a list', 1000, asList),
    joining('limit: promises in a list, 100 000', 100_000, asList),
  ],
  measures: [
    time(
      { against: 'limit: promises in a list', ratio: 3 },
      { subject: 'holdfast, 10 000', against: 'holdfast', ratio: 1.5 },
      { subject: 'holdfast, 100 000', against: 'holdfast', ratio: 1.5 },
    ),
  ],
};

/** 10 000 calls wait; one more joins and its signal aborts. */
function aborting(name: string, make: () => Promise<(signal: AbortSignal) => Promise<void>>): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const acquire = await make();
      const never = new AbortController().signal;
      for (let k = 0; k < 10_000; k++) void acquire(never);
      return awaited(async () => {
        const caller = new AbortController();
        const call = acquire(caller.signal);
        caller.abort('gone');
        try {
          await call;
        } catch (reason) {
          return reason;
        }
        return undefined;
      });
    },
  };
}

const abort: Case = {
  kind: 'loop',
  name: 'queue, abort among 10 000',
  about: 'a call joins behind 10 000 and is aborted',
  isHot: true,
  expected: 'gone',
  subjects: [
    aborting('holdfast', async () => {
      const { createRateQueue, tokenBucket } = await ours();
      const queue = createRateQueue(tokenBucket({ limit: 1, periodMs: 1e9 }), {
        clock: handClock(),
        maxQueue: Infinity,
      });
      return (signal) => queue.acquire({ signal });
    }),
    aborting(
      'limit: a promise and a listener',
      async () => (signal) =>
        new Promise((_, reject) => {
          const onAbort = (): void => {
            signal.removeEventListener('abort', onAbort);
            reject(signal.reason);
          };
          signal.addEventListener('abort', onAbort);
        }),
    ),
  ],
  measures: [time({ against: 'limit: a promise and a listener', ratio: 1.3 })],
};

const memory: Case = {
  kind: 'observed',
  name: 'queue, memory',
  about: 'what each of 100 000 waiting calls keeps, its promise included',
  rounds: 3,
  subjects: [
    { name: 'holdfast', prepare: async () => ({ memory: await bytesPerWait(ourQueue) }) },
    { name: 'limit: promises in a list', prepare: async () => ({ memory: await bytesPerWait(asList) }) },
  ],
  measures: [{ name: 'memory', unit: 'B', goals: [{ against: 'limit: promises in a list', ratio: 2 }] }],
};

async function bytesPerWait(make: (clock: Clock) => Promise<() => Promise<void>>): Promise<number> {
  const COUNT = 100_000;
  const fill = async (count: number): Promise<unknown> => {
    const acquire = await make(handClock());
    const calls = Array.from({ length: count }, acquire);
    return [acquire, calls];
  };
  await fill(10); // loads the module, which is not the queue's
  return (await retained(() => fill(COUNT))) / COUNT;
}

const size: Case = {
  kind: 'observed',
  name: 'size of the queue',
  about: 'the queue with a token bucket as a browser gets it, minified and as brotli',
  rounds: 1,
  subjects: [
    bundled('holdfast', "export { createRateQueue, tokenBucket } from 'holdfast/rate-limit';"),
    bundled('p-throttle', "export { default } from 'p-throttle';"),
    bundled('p-queue', "export { default } from 'p-queue';"),
    bundled('bottleneck', "export { default } from 'bottleneck';"),
  ],
  measures: [{ name: 'size', unit: 'B', goals: [{ against: 'p-queue', ratio: 1 }] }],
};

export const cases: readonly Case[] = [free, behind, abort, memory, size];
