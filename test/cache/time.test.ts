import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cache, CacheOptions } from '../../src/cache/index.ts';
import { createCache } from '../../src/cache/index.ts';
import type { VirtualClock } from '../../src/testing/index.ts';
import { createSeededRandom, createVirtualClock } from '../../src/testing/index.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import type { Origin } from './origin.ts';
import { createOrigin } from './origin.ts';

interface Setup extends Origin<string> {
  readonly clock: VirtualClock;
  readonly cache: Cache<string, string>;
}

function setup(options: Partial<CacheOptions<string, string>> = {}, nowMs = 0): Setup {
  const clock = createVirtualClock({ nowMs });
  const origin = createOrigin<string>();
  const cache = createCache<string, string>({ maxEntries: 9, ttlMs: 100, loader: origin.load, clock, ...options });
  return { ...origin, clock, cache };
}

describe('a value', () => {
  it('is fresh for ttlMs from when it came, and not a moment longer', async () => {
    const { cache, clock, loads } = setup({}, -5000);
    const caller = cache.getOrLoad('a');
    await clock.advance(70);
    loads[0]!.open('one');
    await caller;
    await clock.advance(99);
    expect([cache.get('a'), cache.peek('a'), cache.has('a'), [...cache.entries()]]).toEqual([
      'one',
      'one',
      true,
      [['a', 'one']],
    ]);
    await clock.advance(1);
    expect([cache.peek('a'), cache.has('a'), [...cache.entries()]]).toEqual([undefined, false, []]);
    expect([cache.get('a'), cache.size, cache.stats().expirations]).toEqual([undefined, 0, 1]);
  });

  it('has the time to live that its write, its loader or the function of the cache gives it', async () => {
    const { cache, clock } = setup({ ttlMs: (key, value) => key.length * 10 + value.length });
    cache.set('aa', 'four');
    cache.set('b', 'one', { ttlMs: 50 });
    cache.set('c', 'one', { ttlMs: Infinity });
    await cache.getOrLoad('d', (_, ctx) => {
      ctx.ttlMs = 30;
      return 'one';
    });
    const left = (): string => [...cache.entries()].map(([key]) => key).join(' ');
    const seen: string[] = [];
    for (const ms of [23, 1, 5, 1, 19, 1, 1e9]) {
      await clock.advance(ms);
      seen.push(left());
    }
    expect(seen).toEqual(['aa b c d', 'b c d', 'b c d', 'b c', 'b c', 'c', 'c']);
  });

  it('with no time to live is not kept, and drops what was there before', async () => {
    const { cache } = setup();
    cache.set('a', 'one');
    cache.set('a', 'two', { ttlMs: 0 });
    expect([cache.get('a'), cache.size]).toEqual([undefined, 0]);
    expect(await cache.getOrLoad('a', (_, ctx) => ((ctx.ttlMs = 0), 'three'))).toBe('three');
    expect(cache.size).toBe(0);
  });

  it('that nobody asks for during expireAfterAccessMs is gone', async () => {
    const { cache, clock } = setup({ ttlMs: Infinity, expireAfterAccessMs: 50 });
    for (const key of ['a', 'b', 'c']) cache.set(key, key);
    for (let k = 0; k < 3; k++) {
      await clock.advance(49);
      expect([cache.get('a'), await cache.getOrLoad('b')]).toEqual(['a', 'b']);
      cache.peek('c');
    }
    expect([cache.peek('c'), cache.get('c')]).toEqual([undefined, undefined]);
    await clock.advance(50);
    expect([cache.get('a'), cache.get('b'), cache.size]).toEqual([undefined, undefined, 0]);
  });

  it('that no longer is fresh is never given by get or peek, whatever may be served stale', async () => {
    const { cache, clock } = setup({ staleWhileRevalidateMs: 1000, staleIfErrorMs: 1000 });
    cache.set('a', 'one');
    await clock.advance(100);
    expect([cache.get('a'), cache.peek('a'), cache.has('a'), [...cache.entries()], cache.delete('a')]).toEqual([
      undefined,
      undefined,
      false,
      [],
      false,
    ]);
  });

  it('that is found to be missing is remembered for negativeTtlMs', async () => {
    const { cache, clock, loads } = setup({ negativeTtlMs: 20 });
    const first = cache.getOrLoad('a');
    loads[0]!.open(undefined);
    await first;
    await clock.advance(19);
    expect([await cache.getOrLoad('a'), loads.length]).toEqual([undefined, 1]);
    expect([cache.has('a'), cache.get('a'), [...cache.entries()], cache.delete('a')]).toEqual([
      false,
      undefined,
      [],
      false,
    ]);
    const second = cache.getOrLoad('a');
    loads[1]!.open(undefined);
    await second;
    await clock.advance(20);
    void cache.getOrLoad('a');
    expect(loads.length).toBe(3);
  });

  it('lives ttlMs times 1 - ttlJitter ... 1 + ttlJitter, evenly drawn', async () => {
    const random = createSeededRandom(1);
    const drawn: number[] = [];
    const { cache, clock } = setup({
      ttlMs: 600_000,
      ttlJitter: 0.1,
      maxEntries: 2000,
      random: () => (drawn.push(random()), drawn.at(-1)!),
    });
    for (let k = 0; k < 1000; k++) cache.set(`${k}`, 'one');
    await clock.advance(9 * 60_000 - 1);
    expect([...cache.entries()].length).toBe(1000);
    for (let step = 1; step < 10; step++) {
      await clock.advance(step === 1 ? 12_001 : 12_000);
      const share = [...cache.entries()].length / 1000;
      expect(share).toBeCloseTo(drawn.slice(0, 1000).filter((x) => x > step / 10).length / 1000, 5);
      expect(Math.abs(share - (1 - step / 10))).toBeLessThan(0.05);
    }
    await clock.advance(12_000);
    expect([...cache.entries()].length).toBe(0);
  });

  it('ages no faster and never gets younger when the clock is set back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -1000, max: 40 }), { maxLength: 12 }), async (steps) => {
        const { cache, clock } = setup({}, 1e6);
        cache.set('a', 'one');
        let ageMs = 0;
        for (const ms of steps) {
          clock.setNow(clock.now() + ms);
          ageMs += Math.max(0, ms);
          expect(cache.peek('a')).toBe(ageMs < 100 ? 'one' : undefined);
        }
      }),
    );
  });

  it('needs no timer, and is dropped by the writes that follow its end', async () => {
    const { cache, clock } = setup({ maxEntries: 1000 });
    for (let k = 0; k < 100; k++) cache.set(`old ${k}`, 'one');
    await clock.advance(100);
    expect([clock.pendingTimers, cache.size]).toEqual([0, 100]);
    for (let k = 0; k < 100; k++) cache.set(`new ${k}`, 'one');
    expect(cache.size).toBe(100);
  });

  it('is dropped by cleanUp when it has expired', async () => {
    const { cache, clock } = setup();
    cache.set('a', 'one');
    cache.set('b', 'one', { ttlMs: 101 });
    await clock.advance(100);
    cache.cleanUp();
    expect([cache.size, cache.has('b')]).toEqual([1, true]);
  });

  it('with a time to live of its own may be the first in a cache without any', async () => {
    const { cache, clock } = setup({ ttlMs: Infinity });
    for (let k = 0; k < 5; k++) cache.set(`${k}`, 'for ever');
    cache.set('a', 'one', { ttlMs: 10 });
    await clock.advance(10);
    expect([cache.get('a'), cache.get('3'), cache.size]).toEqual([undefined, 'for ever', 5]);
  });
});

describe('staleWhileRevalidateMs', () => {
  it('serves a value out of date at once, and loads it anew once behind its callers', async () => {
    const { cache, clock, loads } = setup({ staleWhileRevalidateMs: 50 });
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
    const { cache, clock, loads } = setup({
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
});

describe('staleIfErrorMs', () => {
  it('serves a value out of date to those whose load failed, and loads no more until errorBackoffMs are over', async () => {
    const errors: unknown[] = [];
    const { cache, clock, loads } = setup({
      staleIfErrorMs: 500,
      errorBackoffMs: 30,
      onError: (...event) => void errors.push(event),
    });
    cache.set('a', 'old');
    await clock.advance(100);
    const callers = [cache.getOrLoad('a'), cache.getOrLoad('a')];
    loads[0]!.fail('down');
    expect([await Promise.all(callers), errors]).toEqual([['old', 'old'], [['down', 'a']]]);
    await clock.advance(29);
    expect([await cache.getOrLoad('a'), loads.length]).toEqual(['old', 1]);
    await clock.advance(1);
    const next = cache.getOrLoad('a');
    loads[1]!.open('new');
    expect(await next).toBe('new');
    expect(cache.get('a')).toBe('new');
  });

  it('ends: a failure after that is the failure of its callers', async () => {
    const { cache, clock, loads } = setup({ staleIfErrorMs: 50, errorBackoffMs: 1000 });
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

  it('is not there unless asked for: a failed refresh of a fresh value rejects, and the value stays', async () => {
    const { cache, loads } = setup({ staleWhileRevalidateMs: 50 });
    cache.set('a', 'old');
    const failed = cache.refresh('a');
    loads[0]!.fail('down');
    await expect(failed).rejects.toBe('down');
    expect(cache.get('a')).toBe('old');
  });

  it('serves no memory of a missing value', async () => {
    const { cache, clock, loads } = setup({ staleIfErrorMs: 500, staleWhileRevalidateMs: 500, negativeTtlMs: 10 });
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
    const { cache, clock, loads } = setup({ staleIfErrorMs: 500, softTimeoutMs: 20 });
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
    const { cache, clock, loads } = setup({ staleIfErrorMs: 500, softTimeoutMs: 20 });
    const caller = cache.getOrLoad('a');
    await clock.advance(5000);
    loads[0]!.open('new');
    expect(await caller).toBe('new');
  });
});

describe('hardTimeoutMs', () => {
  it('aborts the load and rejects its callers with LoadTimeoutError', async () => {
    const { cache, clock, loads } = setup({ hardTimeoutMs: 40 });
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
    const { cache, clock } = setup({ hardTimeoutMs: 40, staleIfErrorMs: 500 });
    cache.set('a', 'old');
    await clock.advance(100);
    const caller = cache.getOrLoad('a');
    await clock.advance(40);
    expect([await caller, clock.pendingTimers]).toEqual(['old', 0]);
  });

  it('ends a refresh that nobody waits for', async () => {
    const { cache, clock, loads } = setup({ hardTimeoutMs: 40, staleWhileRevalidateMs: 500 });
    cache.set('a', 'old');
    await clock.advance(100);
    await cache.getOrLoad('a');
    await clock.advance(40);
    expect([loads[0]!.ctx.signal.aborted, await cache.getOrLoad('a'), loads.length]).toEqual([true, 'old', 2]);
  });
});

describe('refreshAhead', () => {
  it('loads a value anew when it is asked for after that share of its time, without waiting', async () => {
    const { cache, clock, loads } = setup({ refreshAhead: 0.75 });
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
  });

  it('waits errorBackoffMs after a failed attempt', async () => {
    const { cache, clock, loads } = setup({ refreshAhead: 0.5, errorBackoffMs: 10 });
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
      const { cache, clock, loads } = setup({ earlyExpirationBeta: beta, random, maxEntries: trials });
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
    const { cache, clock, loads } = setup({ earlyExpirationBeta: 1000, random: () => 1e-9 });
    cache.set('a', 'one');
    await clock.advance(99);
    await cache.getOrLoad('a');
    expect(loads.length).toBe(0);
  });
});

describe('forceRefresh', () => {
  it('loads where a value is fresh, and gives the loader that value and its age', async () => {
    const { cache, clock, loads } = setup({ staleIfErrorMs: 1 });
    cache.set('a', 'old');
    await clock.advance(30);
    const caller = cache.getOrLoad('a', { forceRefresh: true });
    expect(loads[0]!.ctx.stale).toEqual({ value: 'old', ageMs: 30 });
    expect(await cache.getOrLoad('a')).toBe('old');
    loads[0]!.open('new');
    expect([await caller, cache.get('a')]).toEqual(['new', 'new']);
  });
});
