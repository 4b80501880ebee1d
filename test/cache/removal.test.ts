import { describe, expect, it } from 'vitest';
import type { RemovalCause } from '../../src/cache/index.ts';
import { createCache, lru } from '../../src/cache/index.ts';
import { flush } from '../support/gate.ts';
import { timedCache } from './origin.ts';
import type { Removal } from './watched.ts';
import { watched, weigher } from './watched.ts';

describe('onRemoval', () => {
  it('is told once of each value that was written, and why it left', async () => {
    const { cache, removals } = watched({ maxEntries: 2, policy: lru(), tags: (key) => [key] });
    cache.set('a', 1);
    cache.set('a', 2);
    cache.set('b', 3);
    cache.set('c', 4);
    cache.delete('c');
    cache.delete('c');
    cache.invalidateTags(['b', 'x']);
    await cache.getOrLoad('d', () => 5);
    cache.set('e', 6, { ttlMs: 0 });
    cache.clear();
    expect(removals).toEqual([
      ['a', 1, 'replaced'],
      ['a', 2, 'evicted'],
      ['c', 4, 'deleted'],
      ['b', 3, 'invalidated'],
      ['e', 6, 'expired'],
      ['d', 5, 'deleted'],
    ]);
  });

  it('may use the cache: it is called when everything is in order', () => {
    const sizes: number[] = [];
    const cache = createCache<string, number>({
      maxWeight: 10,
      weigher,
      policy: lru(),
      onRemoval: (key, value, cause) => {
        sizes.push(cache.weight);
        expect(cache.peek(key)).toBe(undefined);
        if (cause === 'evicted' && value < 3) cache.set(`${key}'`, 3);
      },
    });
    for (const key of ['a', 'b', 'c', 'd']) cache.set(key, 2);
    cache.set('e', 9);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(10);
    expect(cache.weight).toBe([...cache.entries()].reduce((sum, [, weight]) => sum + weight, 0));
  });

  it('may write while the cache is cleared, and what it writes stays', () => {
    const cache = createCache<string, number>({
      maxEntries: 9,
      onRemoval: (key) => key.length < 2 && cache.set(`${key}!`, 1),
    });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    cache.clear();
    expect([...cache.entries()].map(([key]) => key).sort()).toEqual(['a!', 'b!', 'c!']);
  });

  it('that throws is reported and changes nothing', async () => {
    const reported: unknown[] = [];
    const { reportError } = globalThis;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const refuse = (key: string): never => {
        throw new Error(`no ${key}`);
      };
      const cache = createCache<string, number>({
        maxEntries: 1,
        policy: lru(),
        onRemoval: refuse,
        onError: (_, key) => refuse(key),
        ttlMs: 1e6,
        staleIfErrorMs: 1e6,
      });
      cache.set('a', 1);
      cache.set('b', 2);
      await cache.getOrLoad('b', () => refuse('load'), { forceRefresh: true });
      cache.clear();
      expect([cache.size, reported.map(String)]).toEqual([0, ['Error: no a', 'Error: no b', 'Error: no b']]);
    } finally {
      globalThis.reportError = reportError;
    }
  });

  it('is told at once, by the call that drops a value', async () => {
    const removals: Removal[] = [];
    const next = (): Removal | undefined => {
      expect(removals.length).toBeLessThan(2);
      return removals.shift();
    };
    const { cache, clock } = timedCache({ onRemoval: (...removal) => void removals.push(removal), tags: () => ['t'] });
    cache.set('a', '1');
    expect([cache.delete('a'), next()]).toEqual([true, ['a', '1', 'deleted']]);
    cache.set('a', '2');
    cache.invalidateTags(['t']);
    expect(next()).toEqual(['a', '2', 'invalidated']);
    cache.set('a', '3');
    await cache.getOrLoad('a', () => undefined, { forceRefresh: true });
    expect(next()).toEqual(['a', '3', 'deleted']);
    cache.set('a', '4');
    await clock.advance(100);
    expect([cache.get('a'), next()]).toEqual([undefined, ['a', '4', 'expired']]);
    cache.set('a', '5');
    await clock.advance(100);
    void cache.getOrLoad('a');
    expect(next()).toEqual(['a', '5', 'expired']);
    cache.set('a', '6');
    await clock.advance(100);
    cache.cleanUp();
    expect(next()).toEqual(['a', '6', 'expired']);
    cache.set('a', '7', { ttlMs: 0 });
    expect([next(), cache.size]).toEqual([['a', '7', 'expired'], 0]);
    cache.set('a', '8');
    await clock.advance(100);
    for (let k = 0; k < 4 && removals.length === 0; k++) cache.set('b', '1', { ttlMs: 0.5 + k });
    expect(removals.filter(([key]) => key === 'a')).toEqual([['a', '8', 'expired']]);
  });

  it('is told of values only, not of what was remembered as missing', async () => {
    const { cache, removals } = watched({ maxEntries: 9, negativeTtlMs: 1000 });
    await cache.getOrLoad('a', () => undefined);
    await cache.getOrLoad('b', () => undefined);
    expect(cache.size).toBe(2);
    cache.set('a', 1);
    cache.clear();
    expect(removals).toEqual([['a', 1, 'deleted']]);
  });

  it('that is left out is not missed', async () => {
    const reported: unknown[] = [];
    const { reportError } = globalThis;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const { cache, clock, loads } = timedCache({ maxEntries: 1, policy: lru(), staleWhileRevalidateMs: 100 });
      for (const key of ['a', 'a', 'b']) cache.set(key, key);
      await clock.advance(100);
      await cache.getOrLoad('b');
      loads[0]!.fail(new Error('told to nobody'));
      await flush();
      cache.clear();
    } finally {
      globalThis.reportError = reportError;
    }
    expect(reported).toEqual([]);
  });

  it('hears of as many evicted and expired values as stats counts', async () => {
    const removals: Removal[] = [];
    const { cache, clock } = timedCache({
      maxEntries: 2,
      maxWeight: 10,
      weigher: (value) => value.length,
      onRemoval: (...removal) => void removals.push(removal),
    });
    cache.set('heavy', 'x'.repeat(11));
    for (const key of ['a', 'b', 'c']) cache.set(key, 'one');
    cache.set('a', 'two');
    cache.delete('a');
    cache.set('none', 'one', { ttlMs: 0 });
    await clock.advance(100);
    cache.cleanUp();
    const count = (cause: RemovalCause): number => removals.filter(([, , own]) => own === cause).length;
    const { evictions, expirations } = cache.stats();
    expect([count('evicted'), count('expired')]).toEqual([evictions, expirations]);
    expect(evictions + expirations + count('deleted') + count('replaced')).toBe(6);
    expect([evictions > 1, expirations > 1]).toEqual([true, true]);
  });
});
