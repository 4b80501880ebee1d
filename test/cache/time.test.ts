import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { createSeededRandom } from '../../src/testing/index.ts';
import { timedCache } from './origin.ts';

describe('a value', () => {
  it('is fresh for ttlMs from when it came, and not a moment longer', async () => {
    const { cache, clock, loads } = timedCache({}, -5000);
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
    const { cache, clock } = timedCache({ ttlMs: (key, value) => key.length * 10 + value.length });
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
    const { cache } = timedCache();
    cache.set('a', 'one');
    cache.set('a', 'two', { ttlMs: 0 });
    expect([cache.get('a'), cache.size]).toEqual([undefined, 0]);
    expect(await cache.getOrLoad('a', (_, ctx) => ((ctx.ttlMs = 0), 'three'))).toBe('three');
    expect(cache.size).toBe(0);
  });

  it('that nobody asks for during expireAfterAccessMs is gone', async () => {
    const { cache, clock } = timedCache({ ttlMs: Infinity, expireAfterAccessMs: 50 });
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
    const { cache, clock } = timedCache({ staleWhileRevalidateMs: 1000, staleIfErrorMs: 1000 });
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
    const { cache, clock, loads } = timedCache({ negativeTtlMs: 20 });
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
    const { cache, clock } = timedCache({
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
        const { cache, clock } = timedCache({}, 1e6);
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
    const { cache, clock } = timedCache({ maxEntries: 1000 });
    for (let k = 0; k < 100; k++) cache.set(`old ${k}`, 'one');
    await clock.advance(100);
    expect([clock.pendingTimers, cache.size]).toEqual([0, 100]);
    for (let k = 0; k < 100; k++) cache.set(`new ${k}`, 'one');
    expect(cache.size).toBe(100);
  });

  it('is dropped by cleanUp when it has expired', async () => {
    const { cache, clock } = timedCache();
    cache.set('a', 'one');
    cache.set('b', 'one', { ttlMs: 101 });
    await clock.advance(100);
    cache.cleanUp();
    expect([cache.size, cache.has('b')]).toEqual([1, true]);
  });

  it('with a time to live of its own may be the first in a cache without any', async () => {
    const { cache, clock } = timedCache({ ttlMs: Infinity });
    for (let k = 0; k < 5; k++) cache.set(`${k}`, 'for ever');
    cache.set('a', 'one', { ttlMs: 10 });
    await clock.advance(10);
    expect([cache.get('a'), cache.get('3'), cache.size]).toEqual([undefined, 'for ever', 5]);
  });

  it('keeps its time whatever becomes of others: reads, removals and failed loads of other keys', async () => {
    const { cache, clock, loads } = timedCache({ maxEntries: 50 });
    const keys = Array.from({ length: 20 }, (_, k) => `${k}`);
    for (const key of keys) cache.set(key, 'one');
    await clock.advance(99);
    for (const key of keys) expect(cache.get(key)).toBe('one');
    const failed = cache.refresh('3');
    loads[0]!.fail(new Error('down'));
    await expect(failed).rejects.toThrow('down');
    expect(cache.delete('5')).toBe(true);
    expect([...cache.entries()].length).toBe(19);
    await clock.advance(1);
    expect([...cache.entries()].length).toBe(0);
  });

  it('takes no time over from the one that it replaces, or whose place it gets', async () => {
    const { cache, clock } = timedCache({ ttlMs: Infinity });
    cache.set('a', 'short', { ttlMs: 10 });
    cache.set('b', 'short', { ttlMs: 10 });
    cache.set('a', 'for ever');
    cache.delete('b');
    cache.set('c', 'for ever');
    await clock.advance(10);
    for (const key of ['d', 'e', 'f', 'g']) cache.set(key, 'for ever');
    cache.cleanUp();
    expect([cache.get('a'), cache.get('c'), cache.size, cache.stats().expirations]).toEqual([
      'for ever',
      'for ever',
      6,
      0,
    ]);
  });

  it('gets no younger when the clock is set back, and no older by the time that passes twice', async () => {
    const { cache, clock } = timedCache({}, 5000);
    cache.set('a', 'one');
    clock.setNow(5060);
    expect(cache.get('a')).toBe('one');
    clock.setNow(1000);
    expect(cache.get('a')).toBe('one');
    clock.setNow(1039);
    expect(cache.get('a')).toBe('one');
    clock.setNow(1040);
    expect(cache.get('a')).toBe(undefined);
  });

  it('for ever stays so, however wide ttlJitter is', () => {
    const { cache } = timedCache({ ttlMs: Infinity, ttlJitter: 1, random: () => 0 });
    cache.set('a', 'one');
    cache.set('b', 'one', { ttlMs: 50 });
    expect([cache.get('a'), cache.size]).toEqual(['one', 1]);
  });
});

describe('a cache without times to live', () => {
  it('reads no clock and sets no timer, whatever is asked of it', async () => {
    const never = (): never => {
      throw new Error('called');
    };
    const clock = { now: never, epochMs: never, setTimeout: never, clearTimeout: never };
    const cache = createCache<number, number>({
      maxEntries: 100,
      clock,
      ttlMs: Infinity,
      tags: () => ['t'],
      loader: (key) => key,
    });
    for (let key = 0; key < 300; key++) cache.set(key, key);
    for (let key = 250; key < 350; key++) expect(await cache.getOrLoad(key)).toBe(key);
    expect(await cache.refresh(340)).toBe(340);
    await expect(cache.getOrLoad(-1, async () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    const [[kept]] = [...cache.entries()] as [[number, number]];
    expect([cache.get(kept), cache.peek(kept), cache.has(kept), cache.delete(kept)]).toEqual([kept, kept, true, true]);
    cache.invalidateTags(['u']);
    expect(cache.stats().size).toBe(99);
    cache.close();
  });
});
