import { describe, expect, it } from 'vitest';
import type { Cache } from '../../src/cache/index.ts';
import { createCache } from '../../src/cache/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush } from '../support/gate.ts';
import { createOrigin } from './origin.ts';

type Change = (cache: Cache<string, string>) => void;

const changes: readonly (readonly [string, Change, string | undefined])[] = [
  ['delete', (cache) => void cache.delete('a'), undefined],
  ['clear', (cache) => cache.clear(), undefined],
  ['invalidateTags', (cache) => cache.invalidateTags(['t']), undefined],
  ['set', (cache) => cache.set('a', 'set'), 'set'],
];

describe('a load under way', () => {
  it.each(changes)('never brings back what a write or a removal has put an end to', async (_, change, kept) => {
    const { load, loads } = createOrigin<string>();
    const cache = createCache<string, string>({ maxEntries: 9, loader: load, tags: () => ['t'] });
    const before = cache.getOrLoad('a');
    change(cache);
    loads[0]!.open('old');
    expect([await before, cache.get('a')]).toEqual(['old', kept]);
  });

  it.each(changes)('is not joined by who comes after a write or a removal', async (_, change, kept) => {
    const { load, loads } = createOrigin<string>();
    const cache = createCache<string, string>({ maxEntries: 9, loader: load, tags: () => ['t'] });
    const before = cache.getOrLoad('a');
    change(cache);
    const after = cache.getOrLoad('a', { forceRefresh: true });
    expect(loads.length).toBe(2);
    // The one that began first ends last, and must touch nothing of its successor.
    loads[1]!.open('new');
    expect([await after, cache.get('a')]).toEqual(['new', 'new']);
    const third = cache.getOrLoad('a', { forceRefresh: true });
    loads[0]!.open('old');
    expect([await before, cache.get('a')]).toEqual(['old', 'new']);
    void cache.getOrLoad('a', { forceRefresh: true });
    expect(loads.length).toBe(3);
    loads[2]!.open('newest');
    expect([await third, cache.get('a'), kept === undefined || kept === 'set']).toEqual(['newest', 'newest', true]);
  });

  it.each(changes)(
    'that fails after it was superseded still answers its callers, and touches nothing',
    async (_, change) => {
      const { load, loads } = createOrigin<string>();
      const cache = createCache<string, string>({ maxEntries: 9, loader: load, tags: () => ['t'] });
      const before = cache.getOrLoad('a');
      change(cache);
      cache.set('a', 'set');
      loads[0]!.fail(new Error('late'));
      await expect(before).rejects.toThrow('late');
      expect(cache.get('a')).toBe('set');
    },
  );

  it('counts tags that its loader sets at its end against invalidations made meanwhile', async () => {
    const { load, loads } = createOrigin<string>();
    const cache = createCache<string, string>({ maxEntries: 9, loader: load });
    const callers = [cache.getOrLoad('a'), cache.getOrLoad('b'), cache.getOrLoad('c')];
    cache.invalidateTags(['t', 'u']);
    loads[0]!.ctx.tags = ['s', 't'];
    loads[1]!.ctx.tags = ['s'];
    for (const started of loads) started.open(started.key);
    await Promise.all(callers);
    expect([cache.get('a'), cache.get('b'), cache.get('c'), cache.stats().loading]).toEqual([undefined, 'b', 'c', 0]);
    void cache.getOrLoad('a');
    expect(loads.length).toBe(4);
  });

  it('that finds nothing drops nothing that was written meanwhile', async () => {
    const { load, loads } = createOrigin<string>();
    const cache = createCache<string, string>({ maxEntries: 9, loader: load });
    const before = cache.getOrLoad('a');
    cache.set('a', 'set');
    loads[0]!.open(undefined);
    expect([await before, cache.get('a')]).toEqual([undefined, 'set']);
  });

  it('that brings nothing after an invalidation of its tags leaves no memory of that', async () => {
    const { load, loads } = createOrigin<string>();
    const cache = createCache<string, string>({ maxEntries: 9, loader: load, negativeTtlMs: 1000 });
    const caller = cache.getOrLoad('a');
    cache.invalidateTags(['t']);
    loads[0]!.ctx.tags = ['t'];
    loads[0]!.open(undefined);
    expect([await caller, cache.size]).toEqual([undefined, 0]);
  });

  it('keeps a value in place whose new tags were invalidated while it was loaded anew', async () => {
    const { load, loads } = createOrigin<string>();
    const cache = createCache<string, string>({ maxEntries: 9, loader: load });
    cache.set('a', 'first');
    const caller = cache.refresh('a');
    cache.invalidateTags(['t']);
    loads[0]!.ctx.tags = ['t'];
    loads[0]!.open('second');
    expect([await caller, cache.get('a')]).toEqual(['second', 'first']);
  });

  it('of a refresh does not bring back a value deleted while it was served stale', async () => {
    const clock = createVirtualClock();
    const { load, loads } = createOrigin<string>();
    const cache = createCache<string, string>({
      maxEntries: 9,
      loader: load,
      ttlMs: 10,
      staleWhileRevalidateMs: 100,
      staleIfErrorMs: 100,
      clock,
    });
    cache.set('a', 'old');
    await clock.advance(20);
    expect(await cache.getOrLoad('a')).toBe('old');
    cache.delete('a');
    loads[0]!.open('refreshed');
    await flush();
    expect([cache.get('a'), cache.size]).toEqual([undefined, 0]);
    const next = cache.getOrLoad('a');
    loads[1]!.fail(new Error('down'));
    await expect(next).rejects.toThrow('down');
  });

  it.each(changes.slice(0, 3))(
    'that fails does not bring back, as stale, what a removal has put an end to',
    async (_, change) => {
      const clock = createVirtualClock();
      const { load, loads } = createOrigin<string>();
      const cache = createCache<string, string>({
        maxEntries: 9,
        loader: load,
        ttlMs: 10,
        staleWhileRevalidateMs: 100,
        staleIfErrorMs: 100,
        softTimeoutMs: 5,
        errorBackoffMs: 50,
        tags: () => ['t'],
        clock,
      });
      cache.set('a', 'old');
      await clock.advance(10);
      const [before] = [cache.refresh('a')];
      change(cache);
      const after = cache.getOrLoad('a');
      for (const started of loads) started.fail(new Error('down'));
      await expect(before).rejects.toThrow('down');
      await expect(after).rejects.toThrow('down');
      expect([loads.map(({ ctx }) => ctx.stale?.value), cache.size]).toEqual([['old', undefined], 0]);
    },
  );

  it('loses to a write made by the callbacks that judge its value', async () => {
    const cache = createCache<string, number>({
      maxWeight: 9,
      weigher: (value) => {
        if (value === 1) cache.set('a', 2);
        return 1;
      },
    });
    expect([await cache.getOrLoad('a', () => 1), cache.get('a')]).toEqual([1, 2]);
  });
});
