import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { hostileKeys } from '../support/arbitraries.ts';
import { timedCache } from './origin.ts';

describe('a value', () => {
  it('may be anything but undefined: null, NaN, false, 0 and an empty text are kept as others are', async () => {
    let loads = 0;
    const cache = createCache<number, unknown>({ maxEntries: 9 });
    for (const [key, value] of [null, NaN, false, 0, ''].entries()) {
      const load = (): unknown => (loads++, value);
      expect([await cache.getOrLoad(key, load), await cache.getOrLoad(key, load)]).toEqual([value, value]);
      expect([cache.get(key), cache.has(key), loads]).toEqual([value, true, key + 1]);
      cache.set(key, value);
      expect(cache.peek(key)).toEqual(value);
    }
  });

  it('of undefined is refused, by name', () => {
    const cache = createCache<string, unknown>({ maxEntries: 9 });
    cache.set('a', 1);
    expect(() => cache.set('a', undefined)).toThrow(
      new TypeError('value must be anything but undefined, which stands for a missing one, got undefined'),
    );
    expect(cache.get('a')).toBe(1);
  });

  it('may live longer than any timer runs', async () => {
    const { cache, clock } = timedCache({ ttlMs: 2 ** 40 });
    cache.set('a', 'one');
    await clock.advance(2 ** 40 - 1);
    expect([cache.get('a'), clock.pendingTimers]).toEqual(['one', 0]);
    await clock.advance(1);
    expect(cache.get('a')).toBe(undefined);
  });

  it('is found by getOrLoadMany whatever its key is made of', async () => {
    const keys = [...hostileKeys, 'toString', 'constructor'];
    const cache = createCache<string, string>({ maxEntries: 99 });
    const read = (): Promise<unknown> =>
      cache.getOrLoadMany(keys, (missing) => missing.map((key) => `value of ${key}`));
    const expected = new Map(keys.map((key) => [key, { ok: true, value: `value of ${key}` }]));
    expect([await read(), await read(), cache.stats().loads]).toEqual([expected, expected, expected.size]);
  });
});
