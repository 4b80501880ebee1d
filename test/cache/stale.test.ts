import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../src/testing/index.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { timedCache } from './origin.ts';

describe('staleWhileRevalidateMs', () => {
  it('serves a value out of date at once, and loads it anew once behind its callers', async () => {
    const { cache, clock, loads } = timedCache({ staleWhileRevalidateMs: 50 });
    cache.set('a', 'old');
    await clock.advance(149);
    expect(await Promise.all([cache.getOrLoad('a'), cache.getOrLoad('a'), cache.getOrLoad('a')])).toEqual([
      'old',
      'old',
      'old',
    ]);
    expect([loads.length, loads[0]!.ctx.stale, cache.stats().staleHits]).toEqual([1, { value: 'old', ageMs: 149 }, 3]);
    loads[0]!.open('new');
    await flush();
    expect([await cache.getOrLoad('a'), loads.length]).toEqual(['new', 1]);
    await clock.advance(150);
    expect(await outcomeOf(cache.getOrLoad('a'))).toEqual({ state: 'pending' });
    expect([cache.size, loads[1]!.ctx.stale]).toEqual([0, undefined]);
  });

  it('tells onError of a failed refresh, and nobody else', async () => {
    const errors: unknown[] = [];
    const { cache, clock, loads } = timedCache({
      staleWhileRevalidateMs: 50,
      onError: (...event) => void errors.push(event),
    });
    cache.set('a', 'old');
    await clock.advance(100);
    await cache.getOrLoad('a');
    loads[0]!.fail('down');
    await flush();
    expect(errors).toEqual([['down', 'a']]);
    expect(await cache.getOrLoad('a')).toBe('old');
    expect(loads.length).toBe(2);
  });

  it('serves what there is where there is no loader to load it anew', async () => {
    const errors: unknown[] = [];
    const { cache, clock } = timedCache({
      staleWhileRevalidateMs: 50,
      loader: undefined,
      onError: (...event) => void errors.push(event),
    });
    cache.set('a', 'old');
    await clock.advance(100);
    expect(await cache.getOrLoad('a')).toBe('old');
    await flush();
    expect([errors, cache.stats().loads, cache.stats().loadFailures]).toEqual([[], 0, 0]);
  });
});

describe('staleIfErrorMs', () => {
  it('serves a value out of date to those whose load failed, and loads no more until errorBackoffMs are over', async () => {
    const errors: unknown[] = [];
    const { cache, clock, loads } = timedCache({
      staleIfErrorMs: 500,
      errorBackoffMs: 30,
      onError: (...event) => void errors.push(event),
    });
    cache.set('a', 'old');
    await clock.advance(100);
    const callers = [cache.getOrLoad('a'), cache.getOrLoad('a')];
    for (const caller of callers) expect((await outcomeOf(caller)).state).toBe('pending');
    expect(clock.pendingTimers).toBe(0);
    loads[0]!.fail('down');
    expect([await Promise.all(callers), errors]).toEqual([['old', 'old'], [['down', 'a']]]);
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 2, staleHits: 1, loadFailures: 1 });
    await clock.advance(29);
    expect([await cache.getOrLoad('a'), loads.length]).toEqual(['old', 1]);
    await clock.advance(1);
    const next = cache.getOrLoad('a');
    loads[1]!.open('new');
    expect(await next).toBe('new');
    expect(cache.get('a')).toBe('new');
  });

  it('ends: a failure after that is the failure of its callers', async () => {
    const { cache, clock, loads } = timedCache({ staleIfErrorMs: 50, errorBackoffMs: 1000 });
    cache.set('a', 'old');
    await clock.advance(149);
    const served = cache.getOrLoad('a');
    loads[0]!.fail('down');
    expect(await served).toBe('old');
    await clock.advance(1);
    const failed = cache.getOrLoad('a');
    loads[1]!.fail('still down');
    await expect(failed).rejects.toBe('still down');
  });

  it('is counted up to the failure, however early the load began, and whatever else may be served stale', async () => {
    for (const [staleWhileRevalidateMs, afterMs, isServed] of [
      [0, 0.9, true],
      [0, 1, false],
      [500, 1, false],
      [500, 30, false],
    ] as const) {
      const { cache, clock, loads } = timedCache({ staleIfErrorMs: 50, staleWhileRevalidateMs }, 1000);
      cache.set('a', 'old');
      await clock.advance(149);
      const caller = cache.getOrLoad('a', { forceRefresh: true });
      await clock.advance(afterMs);
      loads[0]!.fail('down');
      expect(await outcomeOf(caller)).toEqual(
        isServed ? { state: 'fulfilled', value: 'old' } : { state: 'rejected', reason: 'down' },
      );
    }
  });

  it('and onError have no part in a failure that a caller is told of', async () => {
    const errors: unknown[] = [];
    const { cache, loads } = timedCache({ staleIfErrorMs: 50, onError: (...event) => void errors.push(event) });
    const failed = cache.getOrLoad('a');
    loads[0]!.fail('down');
    await expect(failed).rejects.toBe('down');
    expect(errors).toEqual([]);
  });

  it('is not there unless asked for: a failed refresh of a fresh value rejects, and the value stays', async () => {
    const { cache, loads } = timedCache({ staleWhileRevalidateMs: 50 });
    cache.set('a', 'old');
    const failed = cache.refresh('a');
    loads[0]!.fail('down');
    await expect(failed).rejects.toBe('down');
    expect(cache.get('a')).toBe('old');
  });

  it('serves no memory of a missing value', async () => {
    const { cache, clock, loads } = timedCache({ staleIfErrorMs: 500, staleWhileRevalidateMs: 500, negativeTtlMs: 10 });
    const first = cache.getOrLoad('a');
    loads[0]!.open(undefined);
    await first;
    await clock.advance(10);
    const failed = cache.getOrLoad('a');
    loads[1]!.fail('down');
    await expect(failed).rejects.toBe('down');
  });
});

describe('softTimeoutMs', () => {
  it('answers callers with a value out of date when the load takes too long; it goes on and lands', async () => {
    const { cache, clock, loads } = timedCache({ staleIfErrorMs: 500, softTimeoutMs: 20 });
    cache.set('a', 'old');
    await clock.advance(100);
    const leaver = new AbortController();
    const callers = [cache.getOrLoad('a'), cache.getOrLoad('a'), cache.getOrLoad('a', { signal: leaver.signal })];
    await clock.advance(19);
    expect(await outcomeOf(callers[0]!)).toEqual({ state: 'pending' });
    await clock.advance(1);
    expect(await Promise.all(callers)).toEqual(['old', 'old', 'old']);
    leaver.abort();
    expect(loads[0]!.ctx.signal.aborted).toBe(false);
    expect([await cache.getOrLoad('a'), loads.length]).toEqual(['old', 1]);
    loads[0]!.open('new');
    await flush();
    expect([cache.get('a'), clock.pendingTimers]).toEqual(['new', 0]);
  });

  it('does nothing where there is no value to serve', async () => {
    const { cache, clock, loads } = timedCache({ staleIfErrorMs: 500, softTimeoutMs: 20 });
    const caller = cache.getOrLoad('a');
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(5000);
    loads[0]!.open('new');
    expect(await caller).toBe('new');
  });

  it('lets callers wait on where the value out of date may not be served, or has been replaced', async () => {
    const plain = timedCache({ staleWhileRevalidateMs: 500, softTimeoutMs: 20 });
    plain.cache.set('a', 'old');
    const refreshed = plain.cache.refresh('a');
    const replaced = timedCache({ staleIfErrorMs: 500, softTimeoutMs: 20 });
    replaced.cache.set('a', 'old');
    await replaced.clock.advance(100);
    const caller = replaced.cache.getOrLoad('a');
    replaced.cache.set('a', 'set');
    for (const { clock } of [plain, replaced]) await clock.advance(20);
    for (const waiting of [refreshed, caller]) expect((await outcomeOf(waiting)).state).toBe('pending');
    for (const { loads } of [plain, replaced]) loads[0]!.open('new');
    expect([await refreshed, await caller, replaced.cache.get('a')]).toEqual(['new', 'new', 'set']);
  });

  it('leaves the failure of a load that it has answered for to onError, and nobody can abort that load', async () => {
    const errors: unknown[] = [];
    const { cache, clock, loads } = timedCache({
      staleIfErrorMs: 500,
      softTimeoutMs: 20,
      errorBackoffMs: 50,
      onError: (...event) => void errors.push(event),
    });
    cache.set('a', 'old');
    await clock.advance(100);
    const caller = cache.getOrLoad('a');
    await clock.advance(20);
    expect([await caller, cache.stats().staleHits]).toEqual(['old', 1]);
    const leaver = new AbortController();
    const left = cache.getOrLoad('a', { forceRefresh: true, signal: leaver.signal });
    leaver.abort('left');
    await expect(left).rejects.toBe('left');
    expect([loads.length, loads[0]!.ctx.signal.aborted]).toEqual([1, false]);
    loads[0]!.fail('down');
    await flush();
    expect(errors).toEqual([['down', 'a']]);
  });

  it('leaves that failure to onError even when the value out of date may be served no more', async () => {
    const errors: unknown[] = [];
    const { cache, clock, loads } = timedCache({
      staleIfErrorMs: 50,
      softTimeoutMs: 20,
      onError: (...event) => void errors.push(event),
    });
    cache.set('a', 'old');
    await clock.advance(100);
    const caller = cache.getOrLoad('a');
    await clock.advance(60);
    expect(await caller).toBe('old');
    loads[0]!.fail('down');
    await flush();
    expect(errors).toEqual([['down', 'a']]);
  });

  it('and hardTimeoutMs leave no timer behind a load that ends in time, or that its callers leave', async () => {
    const { cache, clock, loads } = timedCache({ staleIfErrorMs: 500, softTimeoutMs: 20, hardTimeoutMs: 40 });
    cache.set('a', 'old');
    await clock.advance(100);
    const leaver = new AbortController();
    const callers = [cache.getOrLoad('a'), cache.getOrLoad('b'), cache.getOrLoad('c', { signal: leaver.signal })];
    expect(clock.pendingTimers).toBe(4);
    leaver.abort('left');
    await expect(callers[2]).rejects.toBe('left');
    loads[0]!.open('new');
    loads[1]!.fail('down');
    await expect(callers[1]).rejects.toBe('down');
    expect([await callers[0], clock.pendingTimers]).toEqual(['new', 0]);
  });
});

describe('hardTimeoutMs', () => {
  it('aborts the load and rejects its callers with LoadTimeoutError', async () => {
    const { cache, clock, loads } = timedCache({ hardTimeoutMs: 40 });
    const callers = Promise.allSettled([cache.getOrLoad('a'), cache.getOrLoad('a')]);
    await clock.advance(39);
    expect(loads[0]!.ctx.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(await callers).toMatchObject([
      { reason: { code: 'ERR_TIMEOUT' } },
      { reason: { message: 'a load took longer than 40 ms' } },
    ]);
    expect(loads[0]!.ctx.signal.reason).toMatchObject({ name: 'LoadTimeoutError' });
    loads[0]!.open('late');
    await flush();
    expect([cache.size, cache.stats().loadFailures, cache.stats().loading]).toEqual([0, 1, 0]);
  });

  it('is a failure like others: a value out of date is served where it may be', async () => {
    const { cache, clock } = timedCache({ hardTimeoutMs: 40, staleIfErrorMs: 500 });
    cache.set('a', 'old');
    await clock.advance(100);
    const caller = cache.getOrLoad('a');
    await clock.advance(40);
    expect([await caller, clock.pendingTimers]).toEqual(['old', 0]);
  });

  it('ends a refresh that nobody waits for', async () => {
    const { cache, clock, loads } = timedCache({ hardTimeoutMs: 40, staleWhileRevalidateMs: 500 });
    cache.set('a', 'old');
    await clock.advance(100);
    await cache.getOrLoad('a');
    await clock.advance(40);
    expect([loads[0]!.ctx.signal.aborted, await cache.getOrLoad('a'), loads.length]).toEqual([true, 'old', 2]);
  });
});

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
