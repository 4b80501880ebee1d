import { describe, expect, it } from 'vitest';
import type { BatchLoader } from '../../src/cache/index.ts';
import { createCache } from '../../src/cache/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { gate } from '../support/gate.ts';
import { createOrigin } from './origin.ts';

const ok = <V>(value: V): { ok: true; value: V } => ({ ok: true, value });

describe('getOrLoadMany', () => {
  it('loads all keys that are missing with one call, and gives each key a result of its own', async () => {
    const calls: (readonly string[])[] = [];
    const cache = createCache<string, number>({ maxEntries: 99 });
    cache.set('kept', 0);
    const error = new Error('no c');
    const results = await cache.getOrLoadMany(['a', 'kept', 'b', 'c', 'a'], async (keys) => {
      calls.push(keys);
      return new Map<string, number | Error>([
        ['a', 1],
        ['c', error],
      ]);
    });
    expect(calls).toEqual([['a', 'b', 'c']]);
    expect([...results]).toEqual([
      ['a', ok(1)],
      ['kept', ok(0)],
      ['b', ok(undefined)],
      ['c', { ok: false, error }],
    ]);
    expect([cache.get('a'), cache.size]).toEqual([1, 2]);
  });

  it('takes a list in the order of the keys', async () => {
    const cache = createCache<string, string>({ maxEntries: 99, loadMany: (keys) => keys.map((key) => key + key) });
    expect([...(await cache.getOrLoadMany(new Set(['a', 'b'])))]).toEqual([
      ['a', ok('aa')],
      ['b', ok('bb')],
    ]);
  });

  it.each([
    ['a list of another length', () => [1], TypeError, 'a batch of 2 keys was answered with 1 results'],
    ['nothing', () => undefined, TypeError, ''],
    [
      'a thrown error',
      () => {
        throw new RangeError('down');
      },
      RangeError,
      'down',
    ],
    ['a rejection', async () => Promise.reject(new RangeError('down')), RangeError, 'down'],
  ])('fails every key of a batch that is not answered as it should be', async (_, answer, type, message) => {
    const cache = createCache<string, number>({
      maxEntries: 99,
      loadMany: answer as unknown as BatchLoader<string, number>,
    });
    for (const result of (await cache.getOrLoadMany(['a', 'b'])).values()) {
      expect(result.ok).toBe(false);
      expect(!result.ok && result.error).toBeInstanceOf(type);
      expect(String(!result.ok && result.error)).toContain(message);
    }
    expect([cache.size, cache.stats().loadFailures, cache.stats().loading]).toEqual([0, 2, 0]);
  });

  it('joins loads that are under way, and is joined by others', async () => {
    const { load, loads } = createOrigin<string>();
    const cache = createCache<string, string>({ maxEntries: 99, loader: load });
    const single = cache.getOrLoad('a');
    const batch = gate<string[]>();
    const asked: string[][] = [];
    const many = cache.getOrLoadMany(['a', 'b'], (keys) => (asked.push([...keys]), batch.promise));
    const joined = cache.getOrLoad('b');
    batch.open(['from the batch']);
    loads[0]!.open('single');
    expect([await single, await joined, asked, loads.length]).toEqual(['single', 'from the batch', [['b']], 1]);
    expect([...(await many).values()]).toEqual([ok('single'), ok('from the batch')]);
  });

  it('loads one by one where there is no batch loader', async () => {
    const cache = createCache<string, string>({ maxEntries: 99, loader: (key) => key.repeat(2) });
    expect([...(await cache.getOrLoadMany(['a', 'b'])).values()]).toEqual([ok('aa'), ok('bb')]);
    const none = createCache<string, string>({ maxEntries: 99 });
    expect([...(await none.getOrLoadMany(['a'])).values()]).toMatchObject([{ ok: false }]);
  });

  it('refreshes stale values with the same call, behind its caller', async () => {
    const clock = createVirtualClock();
    const asked: string[][] = [];
    const cache = createCache<string, string>({
      maxEntries: 99,
      ttlMs: 10,
      staleWhileRevalidateMs: 100,
      clock,
      loadMany: async (keys) => {
        asked.push([...keys]);
        return keys.map((key) => `new ${key}`);
      },
    });
    cache.set('a', 'old a');
    await clock.advance(10);
    expect([...(await cache.getOrLoadMany(['a', 'b'])).values()]).toEqual([ok('old a'), ok('new b')]);
    expect([asked, cache.get('a')]).toEqual([[['a', 'b']], 'new a']);
  });

  it('rejects with the reason of its signal, and aborts the batch when nobody waits for any of its keys', async () => {
    const signals: AbortSignal[] = [];
    const cache = createCache<string, number>({
      maxEntries: 99,
      loadMany: (_, { signal }) => (signals.push(signal), new Promise<never>(() => {})),
    });
    const [one, two] = [new AbortController(), new AbortController()];
    const many = cache.getOrLoadMany(['a', 'b'], { signal: one.signal });
    const single = cache.getOrLoad('b', { signal: two.signal });
    const ends = Promise.allSettled([many, single]);
    one.abort('one');
    expect(signals[0]!.aborted).toBe(false);
    two.abort('two');
    expect(signals[0]!.reason).toBe('two');
    expect(await ends).toEqual(['one', 'two'].map((reason) => ({ status: 'rejected', reason })));
    expect(cache.stats().loading).toBe(0);
  });

  it('aborts a signal that the batch reads only after some of its keys were left', async () => {
    let context: { readonly signal: AbortSignal } | undefined;
    const cache = createCache<string, number>({
      maxEntries: 99,
      loadMany: (_, ctx) => ((context = ctx), new Promise<never>(() => {})),
    });
    const [one, two] = [new AbortController(), new AbortController()];
    const ends = Promise.allSettled([
      cache.getOrLoadMany(['a', 'b'], { signal: one.signal }),
      cache.getOrLoad('b', { signal: two.signal }),
    ]);
    one.abort('one');
    expect(context!.signal.aborted).toBe(false);
    two.abort('two');
    expect(context!.signal.reason).toBe('two');
    await ends;
  });

  it('does not call the batch loader when everything is there', async () => {
    const cache = createCache<string, number>({
      maxEntries: 99,
      loadMany: () => {
        throw new Error('called');
      },
    });
    cache.set('a', 1);
    expect([[...(await cache.getOrLoadMany(['a']))], (await cache.getOrLoadMany([])).size]).toEqual([
      [['a', ok(1)]],
      0,
    ]);
  });

  it('keeps loads that callbacks start meanwhile out of the batch', async () => {
    const clock = createVirtualClock();
    const asked: string[][] = [];
    const side: unknown[] = [];
    const cache = createCache<string, string>({
      maxEntries: 99,
      ttlMs: 10,
      clock,
      onRemoval: () => void side.push(cache.getOrLoad('other', () => 'by its own loader')),
      loadMany: (keys) => (asked.push([...keys]), keys.map((key) => `batch ${key}`)),
    });
    cache.set('a', 'old');
    await clock.advance(10);
    expect([...(await cache.getOrLoadMany(['a', 'b'])).values()]).toEqual([ok('batch a'), ok('batch b')]);
    expect([asked, await side[0]]).toEqual([[['a', 'b']], 'by its own loader']);
  });

  it('fences each key of a batch by itself', async () => {
    const batch = gate<string[]>();
    const cache = createCache<string, string>({ maxEntries: 99, loadMany: () => batch.promise });
    const many = cache.getOrLoadMany(['a', 'b']);
    cache.delete('a');
    batch.open(['old a', 'b']);
    expect([...(await many).values()]).toEqual([ok('old a'), ok('b')]);
    expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 'b']);
  });
});
