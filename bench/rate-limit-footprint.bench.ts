import type { Case, Subject } from './support/case.ts';
import { retained } from './support/heap.ts';
import { bucket, express, flexible, load, makeKeys, MANY, ours } from './support/limiters.ts';
import type { Limiter } from './support/limiters.ts';
import { bundled } from './support/size.ts';

/** Bytes per key, beside the keys themselves. */
function keeping(
  name: string,
  make: () => Promise<(key: string) => unknown>,
): Subject<Readonly<Record<string, number>>> {
  return {
    name,
    prepare: async () => {
      const keys = makeKeys(100_000);
      const known = new Set(keys); // their hashes are counted for nobody
      const bytes = await retained(async () => {
        const ask = await make();
        for (const key of known) await ask(key);
        return ask;
      });
      return { memory: bytes / keys.length };
    },
  };
}

const memory: Case = {
  kind: 'observed',
  name: 'memory per key',
  about: 'bytes for each of 100 000 keys that have taken one unit, beside the key',
  rounds: 3,
  subjects: [
    keeping('holdfast', () => bucket(100_000)),
    keeping('rate-limiter-flexible', () => flexible(MANY)),
    keeping('express-rate-limit', express),
    keeping('limit: a map and a column', async () => {
      const slots = new Map<string, number>();
      const column = new Float64Array(100_000);
      return (key) => {
        column[slots.size] = 1;
        slots.set(key, slots.size);
        return column;
      };
    }),
  ],
  measures: [{ name: 'memory', unit: 'B', goals: [{ atMost: 64 }] }],
};

const source = (names: string): string => `export { ${names} } from 'holdfast/rate-limit';`;

const size: Case = {
  kind: 'observed',
  name: 'size of a limiter',
  about: 'what an import costs a browser, minified and as brotli',
  rounds: 1,
  subjects: [
    bundled('holdfast', source('createRateLimiter, tokenBucket')),
    bundled('holdfast, all policies', source('createRateLimiter, tokenBucket, fixedWindow, slidingWindow, slidingLog')),
    bundled('limiter', "export { RateLimiter } from 'limiter';"),
    bundled('rate-limiter-flexible', "export { RateLimiterMemory } from 'rate-limiter-flexible';"),
  ],
  measures: [
    { name: 'size', unit: 'B', goals: [{ atMost: 1200 }, { subject: 'holdfast, all policies', atMost: 2500 }] },
  ],
};

/** Tokens that a caller gets who asks for one every 10 ms for 100 s, at 10 a second from a bucket of 10, less than 1010. */
const drift: Case = {
  kind: 'observed',
  name: 'tokens lost to rounding',
  about: 'of the 1010 due to a caller who asks every 10 ms for 100 s, at 10 a second',
  rounds: 1,
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const { createRateLimiter, tokenBucket } = await ours();
        const clock = stoppedClock();
        const limiter = createRateLimiter(tokenBucket({ limit: 10, periodMs: 1000 }), { clock });
        return { lost: 1010 - got(clock, () => limiter.tryAcquire('key')) };
      },
    },
    {
      name: 'limiter',
      prepare: async () => {
        const clock = stoppedClock();
        const now = performance.now.bind(performance);
        try {
          performance.now = () => clock.nowMs; // it reads the process' own clock
          const { RateLimiter } = await load<Limiter>('limiter');
          const limiter = new RateLimiter({ tokensPerInterval: 10, interval: 1000 });
          return { lost: 1010 - got(clock, () => limiter.tryRemoveTokens(1)) };
        } finally {
          performance.now = now;
        }
      },
    },
  ],
  measures: [{ name: 'lost', unit: '', goals: [{ atMost: 0 }] }],
};

interface StoppedClock {
  nowMs: number;
  now(): number;
  epochMs(): number;
}

function stoppedClock(): StoppedClock {
  return {
    nowMs: 0,
    now() {
      return this.nowMs;
    },
    epochMs() {
      return this.nowMs;
    },
  };
}

/** How many of the tokens asked for are given. */
function got(clock: StoppedClock, take: () => boolean): number {
  let count = 0;
  for (let k = 0; k < 20; k++) if (take()) count++;
  for (let k = 0; k < 10_000; k++) {
    clock.nowMs += 10;
    for (let again = 0; again < 2; again++) if (take()) count++;
  }
  return count;
}

export const cases: readonly Case[] = [memory, size, drift];
