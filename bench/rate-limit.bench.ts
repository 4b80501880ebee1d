import type { Case, Loop, Subject } from './support/case.ts';
import { awaited, direct, rejected, time } from './support/case.ts';
import { bare, bucket, express, flexible, HOUR, load, makeKeys, MANY, ours } from './support/limiters.ts';
import type { Flexible, Limiter } from './support/limiters.ts';

/** A long walk over `count` keys, the k-th of them about 1 / k as often as the first. */
function zipf(count: number): string[] {
  const keys = makeKeys(count);
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  return Array.from({ length: 1 << 17 }, () => keys[Math.min(count - 1, Math.floor((count + 1) ** random()) - 1)]!);
}

const LIMIT = 'limit: read a map and the clock, compare';

function asked(name: string, keys: readonly string[], prepare: () => Promise<(key: string) => boolean>): Subject<Loop> {
  return {
    name,
    prepare: async () => {
      const ask = await prepare();
      for (const key of new Set(keys)) ask(key);
      let k = 0;
      return direct(() => ask(keys[k++ & (keys.length - 1)]!));
    },
  };
}

function askedAsync(
  name: string,
  keys: readonly string[],
  prepare: () => Promise<(key: string) => Promise<unknown>>,
): Subject<Loop> {
  return {
    name,
    counting: 'fewer',
    prepare: async () => {
      const ask = await prepare();
      for (const key of new Set(keys)) await ask(key);
      let k = 0;
      const next = (): Promise<unknown> => ask(keys[k++ & (keys.length - 1)]!);
      return { ...awaited(next), once: () => next().then(() => true) };
    },
  };
}

const hotKeys = makeKeys(1);

const hot: Case = {
  kind: 'loop',
  name: 'hot key',
  about: 'one unit of one key, allowed',
  isHot: true,
  expected: true,
  subjects: [
    asked('holdfast', hotKeys, () => bucket(1)),
    asked('holdfast, consume', hotKeys, async () => {
      const { createRateLimiter, tokenBucket } = await ours();
      const limiter = createRateLimiter(tokenBucket({ limit: MANY, periodMs: HOUR }));
      return (key) => limiter.consume(key).allowed;
    }),
    askedAsync('rate-limiter-flexible', hotKeys, () => flexible(MANY)),
    askedAsync('express-rate-limit', hotKeys, express),
    asked('limiter', hotKeys, async () => {
      const { RateLimiter } = await load<Limiter>('limiter');
      const limiter = new RateLimiter({ tokensPerInterval: MANY, interval: HOUR });
      return () => limiter.tryRemoveTokens(1);
    }),
    asked(LIMIT, hotKeys, async () => bare()),
  ],
  measures: [time({ against: LIMIT, ratio: 1.15 }, { against: 'rate-limiter-flexible', ratio: 0.2 })],
};

const denied: Case = {
  kind: 'loop',
  name: 'hot key, denied with its wait',
  about: 'one unit of a key that has none left, and how long to wait',
  isHot: true,
  expected: 'refused',
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const { createRateLimiter, tokenBucket } = await ours();
        const limiter = createRateLimiter(tokenBucket({ limit: 1, periodMs: HOUR }));
        limiter.tryAcquire('key');
        const ask = (): number => limiter.consume('key').retryAfterMs;
        return { ...direct(ask), once: () => (ask() > 0 ? 'refused' : 'allowed') };
      },
    },
    {
      name: 'rate-limiter-flexible',
      counting: 'fewer',
      prepare: async () => {
        const ask = await flexible(1);
        await ask('key');
        const loop = rejected(() => ask('key'));
        return { ...loop, once: () => ask('key').catch(() => 'refused') };
      },
    },
    {
      name: 'express-rate-limit',
      counting: 'fewer',
      prepare: async () => {
        const ask = await express();
        return { ...awaited(() => ask('key')), once: () => 'refused' };
      },
    },
    {
      name: LIMIT,
      isPart: true,
      prepare: async () => direct(() => bareAsk('key')),
    },
  ],
  measures: [
    time(
      { against: LIMIT, ratio: 1.4 },
      { against: 'rate-limiter-flexible', ratio: 1 },
      { against: 'express-rate-limit', ratio: 1 },
    ),
  ],
};

const bareAsk = bare();

function many(count: number): Case {
  const keys = zipf(count);
  return {
    kind: 'loop',
    name: `zipf, ${count / 1000}k keys`,
    about: `one unit of one of ${count} keys, the k-th asked about 1 / k as often as the first`,
    expected: true,
    subjects: [
      asked('holdfast', keys, () => bucket(count)),
      askedAsync('rate-limiter-flexible', keys, () => flexible(MANY, 0)), // without a timer per key
      asked(LIMIT, keys, async () => bare()),
    ],
    measures: [time({ against: LIMIT, ratio: 1.25 }, { against: 'rate-limiter-flexible', ratio: 0.5 })],
  };
}

/** Keys that come once each. */
function flooding(name: string, ask: (key: string) => unknown): Loop {
  let k = 0;
  return { ...direct(() => ask(`flood:${k++}`)), once: () => name };
}

const flood: Case = {
  kind: 'loop',
  name: 'flood of new keys',
  about: 'keys that come once each, where 1000 are remembered',
  expected: 'asked',
  subjects: [
    {
      name: 'holdfast',
      prepare: async () => {
        const { createRateLimiter, tokenBucket } = await ours();
        const limiter = createRateLimiter(tokenBucket({ limit: 5, periodMs: HOUR }), { maxKeys: 1000 });
        return flooding('asked', (key) => limiter.tryAcquire(key));
      },
    },
    {
      name: 'holdfast, keys idle at once',
      prepare: async () => {
        const { createRateLimiter, tokenBucket } = await ours();
        const limiter = createRateLimiter(tokenBucket({ limit: 1000, periodMs: 1 }), { maxKeys: 1000 });
        return flooding('asked', (key) => limiter.tryAcquire(key));
      },
    },
    {
      name: 'limit: a map that drops the oldest',
      prepare: async () => {
        const entries = new Map<string, { untilMs: number; count: number }>();
        return flooding('asked', (key) => {
          if (entries.get(key) !== undefined) return false;
          entries.set(key, { untilMs: performance.now() + HOUR, count: 1 });
          for (const oldest of entries.keys()) {
            if (entries.size > 1000) entries.delete(oldest);
            break;
          }
          return true;
        });
      },
    },
  ],
  measures: [time({ against: 'limit: a map that drops the oldest', ratio: 2 })],
};

const three: Case = {
  kind: 'loop',
  name: 'three limits at once',
  about: 'one unit of a key under three limits, all or nothing (the peer charges each for itself)',
  isHot: true,
  expected: true,
  subjects: [
    asked('holdfast', hotKeys, async () => {
      const { createRateLimiter, tokenBucket } = await ours();
      const limiter = createRateLimiter(
        [1, 2, 3].map((k) => tokenBucket({ limit: MANY, periodMs: k * HOUR, name: `${k} h` })),
      );
      return (key) => limiter.tryAcquire(key);
    }),
    askedAsync('rate-limiter-flexible, union', hotKeys, async () => {
      const { RateLimiterMemory, RateLimiterUnion } = await load<Flexible>('rate-limiter-flexible');
      const limiters = [1, 2, 3].map(
        (k) => new RateLimiterMemory({ points: MANY, duration: k * 3600, keyPrefix: `${k}` }),
      );
      const union = new RateLimiterUnion(...limiters);
      return (key) => union.consume(key);
    }),
    asked(LIMIT, hotKeys, async () => bare()),
  ],
  measures: [time({ against: LIMIT, ratio: 1.5 }, { against: 'rate-limiter-flexible, union', ratio: 0.25 })],
};

export const cases: readonly Case[] = [hot, denied, many(10_000), many(100_000), many(1_000_000), flood, three];
