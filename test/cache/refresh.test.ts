import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../src/testing/index.ts';
import { flush } from '../support/gate.ts';
import { timedCache } from './origin.ts';

describe('refreshAhead', () => {
  it('loads a value anew when it is asked for after that share of its time, without waiting', async () => {
    const { cache, clock, loads } = timedCache({ refreshAhead: 0.75 });
    cache.set('a', 'old');
    await clock.advance(74);
    await cache.getOrLoad('a');
    expect(loads.length).toBe(0);
    await clock.advance(1);
    expect([await cache.getOrLoad('a'), await cache.getOrLoad('a'), loads.length]).toEqual(['old', 'old', 1]);
    loads[0]!.open('new');
    await flush();
    await clock.advance(74);
    expect([await cache.getOrLoad('a'), loads.length]).toEqual(['new', 1]);
    await clock.advance(1);
    expect([await cache.getOrLoad('a'), loads.length]).toEqual(['new', 2]);
  });

  it('draws no random number and begins nothing for values that live for ever', async () => {
    const never = (): never => {
      throw new Error('called');
    };
    const { cache, clock, loads } = timedCache({ ttlMs: Infinity, refreshAhead: 0.5, random: never });
    cache.set('a', 'old');
    await clock.advance(1e9);
    expect([await cache.getOrLoad('a'), loads.length]).toEqual(['old', 0]);
  });

  it('waits errorBackoffMs after a failed attempt', async () => {
    const { cache, clock, loads } = timedCache({ refreshAhead: 0.5, errorBackoffMs: 10 });
    cache.set('a', 'old');
    await clock.advance(50);
    await cache.getOrLoad('a');
    loads[0]!.fail('down');
    await flush();
    await clock.advance(9);
    await cache.getOrLoad('a');
    expect(loads.length).toBe(1);
    await clock.advance(1);
    await cache.getOrLoad('a');
    expect(loads.length).toBe(2);
  });
});

describe('earlyExpirationBeta', () => {
  it('loads a value anew beforehand with the chance exp(-remaining / (beta x time of the load))', async () => {
    const random = createSeededRandom(7);
    for (const [beta, loadMs, atMs] of [
      [1, 20, 70],
      [1, 20, 95],
      [2, 10, 60],
      [0.5, 40, 80],
    ] as const) {
      const expected = Math.exp(-(100 - atMs) / (beta * loadMs));
      let refreshes = 0;
      const trials = 2000;
      const { cache, clock, loads } = timedCache({ earlyExpirationBeta: beta, random, maxEntries: trials }, 777);
      const keys = Array.from({ length: trials }, (_, k) => `${k}`);
      const first = Promise.all(keys.map((key) => cache.getOrLoad(key)));
      await clock.advance(loadMs);
      for (const started of loads) started.open('one');
      await first;
      await clock.advance(atMs);
      for (const key of keys) void cache.getOrLoad(key);
      refreshes = loads.length - trials;
      // Four standard deviations of the binomial law.
      expect(Math.abs(refreshes - trials * expected)).toBeLessThan(4 * Math.sqrt(trials * expected * (1 - expected)));
    }
  });

  it('leaves values alone that were not loaded', async () => {
    const { cache, clock, loads } = timedCache({ earlyExpirationBeta: 1000, random: () => 1e-9 });
    cache.set('a', 'one');
    await clock.advance(99);
    await cache.getOrLoad('a');
    expect(loads.length).toBe(0);
  });
});

describe('forceRefresh', () => {
  it('loads where a value is fresh, and gives the loader that value and its age', async () => {
    const { cache, clock, loads } = timedCache({ staleIfErrorMs: 1 }, 500);
    cache.set('a', 'old');
    await clock.advance(30);
    const caller = cache.getOrLoad('a', { forceRefresh: true });
    expect(loads[0]!.ctx.stale).toEqual({ value: 'old', ageMs: 30 });
    expect(await cache.getOrLoad('a')).toBe('old');
    loads[0]!.open('new');
    expect([await caller, cache.get('a')]).toEqual(['new', 'new']);
  });

  it('gives the loader nothing where the cache keeps nothing out of date', async () => {
    const { cache, loads } = timedCache();
    cache.set('a', 'old');
    const caller = cache.refresh('a');
    expect(loads[0]!.ctx.stale).toBe(undefined);
    loads[0]!.open('new');
    expect(await caller).toBe('new');
  });

  it('that fails rejects with what the loader has thrown, in a cache of any kind', async () => {
    for (const options of [{}, { ttlMs: Infinity }, { staleWhileRevalidateMs: 50 }, { staleIfErrorMs: 50 }]) {
      const { cache, loads } = timedCache(options);
      const first = cache.getOrLoad('none');
      loads[0]!.fail('down');
      await expect(first).rejects.toBe('down');
      cache.set('a', 'old');
      const failed = cache.refresh('a');
      loads[1]!.fail('still down');
      if ('staleIfErrorMs' in options) expect(await failed).toBe('old');
      else await expect(failed).rejects.toBe('still down');
      expect(cache.get('a')).toBe('old');
    }
  });
});
