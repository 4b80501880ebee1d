import { describe, expect, it } from 'vitest';
import type { CacheOptions } from '../../src/cache/index.ts';
import { createCache, lru, memoize } from '../../src/cache/index.ts';
import type { NumberRule } from '../support/arbitraries.ts';
import { badFunctions, badNumbers } from '../support/arbitraries.ts';

const rules: Readonly<Record<string, NumberRule>> = {
  maxEntries: { min: 0, isInteger: true },
  maxWeight: { min: 0, isInteger: true },
  expireAfterAccessMs: { min: 1, isUnbounded: true },
  ttlJitter: { min: 0, max: 1 },
  negativeTtlMs: { min: 0, isUnbounded: true },
  staleWhileRevalidateMs: { min: 0, isUnbounded: true },
  staleIfErrorMs: { min: 0, isUnbounded: true },
  errorBackoffMs: { min: 0, isUnbounded: true },
  refreshAhead: { min: 0, max: 1 },
  earlyExpirationBeta: { min: 0, isUnbounded: true },
};

const create = (options: object): unknown => createCache({ maxEntries: 9, ...options } as CacheOptions<string, number>);

describe('createCache', () => {
  it.each(
    Object.entries(rules).flatMap(([name, rule]) =>
      badNumbers(rule).map(([text, value]) => [name, text, value] as const),
    ),
  )('refuses %s of %s, naming the option', (name, _, value) => {
    expect(() => create({ [name]: value })).toThrow(new RegExp(`^${name} must be `));
  });

  it.each(['softTimeoutMs', 'hardTimeoutMs'])(
    'takes %s up to the longest that runtimes keep a timer, or Infinity',
    (name) => {
      for (const value of [0, -1, 2 ** 31, NaN, '1', null])
        expect(() => create({ [name]: value })).toThrow(`${name} must be`);
      for (const value of [1, 2 ** 31 - 1, Infinity, undefined]) create({ [name]: value });
    },
  );

  it.each(['weigher', 'loader', 'loadMany', 'tags', 'onRemoval', 'onError', 'random'])(
    'refuses %s that is no function',
    (name) => {
      for (const [, value] of badFunctions)
        expect(() => create({ [name]: value })).toThrow(`${name} must be a function`);
    },
  );

  it('takes a time to live as a number of at least 0 or a function', () => {
    for (const value of [-1, NaN, '1', null, {}]) expect(() => create({ ttlMs: value })).toThrow('ttlMs must be');
    for (const value of [0, 0.5, Infinity, undefined, () => 1]) create({ ttlMs: value });
  });

  it('refuses times to live and weights of single values by name, and keeps nothing of the write', async () => {
    for (const value of [-1, NaN, '1', null]) {
      const options = { ttlMs: value, weight: value } as never as { ttlMs: number; weight: number };
      const { ttlMs, weight } = options;
      const cache = createCache<string, number>({ maxWeight: 9, weigher: () => weight });
      expect(() => cache.set('a', 1, { ttlMs, weight: 1 })).toThrow(/^ttlMs must be a number of at least 0, got /);
      expect(() => cache.set('a', 1, { weight })).toThrow(/^weight must be an integer of at least 0, got /);
      expect(() => cache.set('a', 1)).toThrow(/^weight must be an integer of at least 0, got /);
      expect(cache.size).toBe(0);
    }
    const cache = createCache<string, number>({ maxEntries: 9, ttlMs: () => NaN });
    expect(() => cache.set('a', 1)).toThrow('ttlMs must be a number of at least 0, got NaN');
  });

  it('refuses a policy that is none', () => {
    for (const policy of ['lru', lru, null, {}] as never[])
      expect(() => createCache({ maxEntries: 9, policy })).toThrow('policy must be lru() or tinyLfu()');
  });

  it('wants a bound', () => {
    expect(() => createCache({})).toThrow(new TypeError('maxEntries must be given, or maxWeight, got undefined'));
    createCache({ maxWeight: 5 });
  });

  it('takes undefined for the default of every option', () => {
    const names = [
      ...Object.keys(rules),
      'ttlMs',
      'softTimeoutMs',
      'hardTimeoutMs',
      'clock',
      'policy',
      'loader',
      'random',
    ];
    const cache = createCache<string, number>({
      ...Object.fromEntries(names.map((name) => [name, undefined])),
      maxEntries: 1,
    });
    cache.set('a', 1);
    expect(cache.get('a')).toBe(1);
  });

  it('reads no clock, draws no number and starts nothing when it is made', () => {
    const never = (): never => {
      throw new Error('called');
    };
    const clock = { now: never, epochMs: never, setTimeout: never, clearTimeout: never };
    create({ ttlMs: 1, staleIfErrorMs: 1, hardTimeoutMs: 1, ttlJitter: 1, clock, random: never, loader: never });
  });
});

describe('set', () => {
  it.each(badNumbers({ min: 0, isUnbounded: true }))('refuses ttlMs of %s, and keeps what was there', (_, value) => {
    const cache = createCache<string, number>({ maxEntries: 9 });
    cache.set('a', 1);
    expect(() => cache.set('a', 2, { ttlMs: value as number })).toThrow('ttlMs must be');
    expect(cache.get('a')).toBe(1);
  });

  it.each(badNumbers({ min: 0, isInteger: true }))('refuses weight of %s', (_, value) => {
    const cache = createCache<string, number>({ maxWeight: 9 });
    expect(() => cache.set('a', 2, { weight: value as number })).toThrow('weight must be');
    expect(cache.size).toBe(0);
  });

  it('refuses undefined, which stands for a missing value', () => {
    const cache = createCache<string, number | undefined>({ maxEntries: 9 });
    expect(() => cache.set('a', undefined)).toThrow(TypeError);
    const nothing = createCache<string, null>({ maxEntries: 9 });
    nothing.set('a', null);
    expect(nothing.get('a')).toBe(null);
  });
});

describe('memoize', () => {
  it('refuses bad options like the cache', () => {
    expect(() => memoize(() => 1, { key: () => '', maxEntries: -1 })).toThrow('maxEntries must be');
    expect(() => memoize(() => 1, { maxEntries: 9 } as never)).toThrow('key must be a function');
    expect(() => memoize(1 as never, { key: () => '', maxEntries: 9 })).toThrow('fn must be a function');
  });
});
