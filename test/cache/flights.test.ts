import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CacheClosedError, createCache } from '../../src/cache/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { anyOperation } from '../support/arbitraries.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { createOrigin } from './origin.ts';

describe('a load', () => {
  it('runs once for all callers of a key that come before its result', async () => {
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({ maxEntries: 9, loader: load });
    const callers = [cache.getOrLoad('a'), cache.getOrLoad('a', load), cache.getOrLoad('a', { signal: undefined })];
    await flush();
    callers.push(cache.getOrLoad('a'), cache.refresh('a'));
    loads[0]!.open(7);
    expect(await Promise.all(callers)).toEqual([7, 7, 7, 7, 7]);
    expect([loads.length, cache.get('a')]).toEqual([1, 7]);
  });

  it('that fails runs once for a thousand callers, who all get the identical error', async () => {
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({ maxEntries: 9, loader: load });
    const callers = Array.from({ length: 1000 }, () => cache.getOrLoad('a').catch((error: unknown) => error));
    const error = new Error('down');
    loads[0]!.fail(error);
    expect(new Set(await Promise.all(callers))).toEqual(new Set([error]));
    expect([loads.length, cache.size, cache.stats().loading, cache.stats().loadFailures]).toEqual([1, 0, 0, 1]);
    void cache.getOrLoad('a');
    expect(loads.length).toBe(2);
  });

  it('of one key does not wait for that of another', async () => {
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({ maxEntries: 9, loader: load });
    const [a, b] = [cache.getOrLoad('a'), cache.getOrLoad('b')];
    loads[1]!.open(2);
    expect(await b).toBe(2);
    expect(await outcomeOf(a)).toEqual({ state: 'pending' });
  });

  it('takes plain values, thenables and thrown errors of loaders', async () => {
    await fc.assert(
      fc.asyncProperty(anyOperation(), async (operation) => {
        const cache = createCache<string, unknown>({ maxEntries: 9 });
        const [one] = await Promise.allSettled([cache.getOrLoad('a', () => operation.run())]);
        expect(one).toEqual(operation.outcome);
        const isKept = operation.outcome.status === 'fulfilled' && operation.outcome.value !== undefined;
        expect(cache.size).toBe(isKept ? 1 : 0);
      }),
    );
  });

  it('that finds nothing answers undefined, keeps nothing, and drops what was kept', async () => {
    const cache = createCache<string, number>({ maxEntries: 9 });
    cache.set('a', 1);
    expect(await cache.getOrLoad('a', () => undefined, { forceRefresh: true })).toBe(undefined);
    expect([cache.size, cache.has('a')]).toEqual([0, false]);
  });

  it('is refused where no loader was given', async () => {
    const cache = createCache<string, number>({ maxEntries: 9 });
    await expect(cache.getOrLoad('a')).rejects.toThrow(new TypeError('no loader was given'));
    await expect(cache.refresh('a')).rejects.toThrow(TypeError);
    cache.set('a', 1);
    expect(await cache.getOrLoad('a')).toBe(1);
    expect(cache.stats().loading).toBe(0);
  });

  it('of a cache without room still serves all its callers', async () => {
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({ maxEntries: 0, loader: load });
    const callers = [cache.getOrLoad('a'), cache.getOrLoad('a')];
    loads[0]!.open(1);
    expect([await Promise.all(callers), cache.size, loads.length]).toEqual([[1, 1], 0, 1]);
  });

  it('whose value has no time to live still serves all its callers, also where it is loaded anew', async () => {
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({ maxEntries: 9, ttlMs: 0, staleIfErrorMs: 10, loader: load });
    const callers = [cache.getOrLoad('a'), cache.refresh('a'), cache.getOrLoad('a', { forceRefresh: true })];
    loads[0]!.open(1);
    expect([await Promise.all(callers), cache.size, loads.length]).toEqual([[1, 1, 1], 0, 1]);
  });

  it('runs alongside more others than the cache has room for', async () => {
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({ maxEntries: 2, loader: load });
    const callers = Array.from({ length: 50 }, (_, k) => cache.getOrLoad(`key ${k}`));
    for (const [k, started] of loads.entries()) started.open(k);
    expect(await Promise.all(callers)).toEqual(Array.from({ length: 50 }, (_, k) => k));
    expect(cache.size).toBe(2);
  });
});

describe('an abort', () => {
  it('rejects that caller at once with the reason of its signal, and touches no other', async () => {
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({ maxEntries: 9, loader: load });
    const caller = countingSignal();
    const [first, second] = [cache.getOrLoad('a', { signal: caller.signal }), cache.getOrLoad('a')];
    const reason = { left: true };
    caller.abort(reason);
    expect(await outcomeOf(first)).toEqual({ state: 'rejected', reason });
    expect(loads[0]!.ctx.signal.aborted).toBe(false);
    loads[0]!.open(7);
    expect([await second, cache.get('a'), loads.length]).toEqual([7, 7, 1]);
  });

  it('of the last caller aborts the load with that reason, frees the key at once, and nothing late is kept', async () => {
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({ maxEntries: 9, loader: load });
    const [one, two] = [new AbortController(), new AbortController()];
    const callers = [one, two].map(({ signal }) => cache.getOrLoad('a', { signal }));
    const ends = Promise.allSettled(callers);
    one.abort('one');
    two.abort('two');
    expect(loads[0]!.ctx.signal.reason).toBe('two');
    const next = cache.getOrLoad('a');
    expect(loads.length).toBe(2);
    loads[0]!.open(1);
    await flush();
    expect(cache.get('a')).toBe(undefined);
    loads[1]!.open(2);
    expect([await next, cache.get('a'), cache.stats().loadFailures]).toEqual([2, 2, 0]);
    expect(await ends).toEqual(['one', 'two'].map((reason) => ({ status: 'rejected', reason })));
  });

  it('of the last caller keeps what comes late from the callbacks that judge a value', async () => {
    const { load, loads } = createOrigin<number>();
    const judged: unknown[] = [];
    const cache = createCache<string, number>({
      maxWeight: 9,
      weigher: (value) => judged.push(value),
      tags: (_, value) => [`${judged.push(value)}`],
      loader: load,
    });
    const caller = new AbortController();
    const left = cache.getOrLoad('a', { signal: caller.signal });
    caller.abort('left');
    await expect(left).rejects.toBe('left');
    loads[0]!.open(1);
    await flush();
    expect([judged, cache.size]).toEqual([[], 0]);
  });

  it('that came before the call starts nothing, joins nothing and is counted as nothing', async () => {
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({ maxEntries: 9, loader: load, loadMany: () => new Map() });
    const signal = AbortSignal.abort('before');
    cache.set('a', 1);
    for (const key of ['a', 'b']) await expect(cache.getOrLoad(key, { signal })).rejects.toBe('before');
    await expect(cache.getOrLoadMany(['a', 'b'], { signal })).rejects.toBe('before');
    await expect(cache.getOrLoadMany([], { signal })).rejects.toBe('before');
    expect([loads.length, cache.stats().hits, cache.stats().misses, cache.stats().loads]).toEqual([0, 0, 0, 0]);
  });

  it('leaves a load that nobody asked for alone', async () => {
    const clock = createVirtualClock();
    const { load, loads } = createOrigin<number>();
    const cache = createCache<string, number>({
      maxEntries: 9,
      loader: load,
      ttlMs: 10,
      staleWhileRevalidateMs: 10,
      clock,
    });
    cache.set('a', 1);
    await clock.advance(10);
    expect(await cache.getOrLoad('a')).toBe(1);
    const caller = new AbortController();
    const joined = cache.getOrLoad('a', { signal: caller.signal, forceRefresh: true });
    const stays = cache.getOrLoad('a', { forceRefresh: true });
    caller.abort('left');
    await expect(joined).rejects.toBe('left');
    expect([loads.length, loads[0]!.ctx.signal.aborted]).toEqual([1, false]);
    loads[0]!.open(2);
    expect([await stays, cache.get('a')]).toEqual([2, 2]);
  });
});

describe('close', () => {
  it('aborts every load, rejects its callers with CacheClosedError, and drops everything for good', async () => {
    const { load, loads } = createOrigin<number>();
    const removed: unknown[] = [];
    const cache = createCache<string, number>({
      maxEntries: 9,
      loader: load,
      onRemoval: (...event) => void removed.push(event),
    });
    cache.set('b', 2);
    const superseded = cache.getOrLoad('a');
    cache.delete('a');
    const callers = [superseded, cache.getOrLoad('a'), cache.getOrLoad('c')];
    const ends = Promise.allSettled(callers);
    cache.close();
    cache.close();
    for (const end of await ends) expect(end).toMatchObject({ reason: { code: 'ERR_CACHE_CLOSED' } });
    expect(loads.map(({ ctx }) => ctx.signal.reason instanceof CacheClosedError)).toEqual([true, true, true]);
    cache.set('d', 4);
    for (const started of loads) started.open(1);
    await flush();
    expect([cache.size, cache.get('d'), cache.stats().loading, removed]).toEqual([
      0,
      undefined,
      0,
      [['b', 2, 'deleted']],
    ]);
    await expect(cache.getOrLoad('a')).rejects.toMatchObject({
      name: 'CacheClosedError',
      message: 'the cache is closed',
    });
    expect(await cache.getOrLoadMany(['a'])).toMatchObject(new Map([['a', { ok: false }]]));
    expect(loads.length).toBe(3);
  });

  it('is what disposing does', () => {
    const cache = createCache<string, number>({ maxEntries: 9 });
    cache.set('a', 1);
    cache[Symbol.dispose]();
    cache.set('a', 1);
    expect(cache.size).toBe(0);
  });
});
