import { describe, expect, it } from 'vitest';
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
