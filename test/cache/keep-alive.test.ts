import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { createOrigin } from './origin.ts';

describe('the timer of hardTimeoutMs', () => {
  it('keeps the process alive as long as somebody waits for the load, and no longer', async () => {
    const virtual = createVirtualClock();
    let isKept = false;
    const handle = { ref: () => void (isKept = true), unref: () => void (isKept = false) };
    const clock = {
      now: () => virtual.now(),
      epochMs: () => virtual.epochMs(),
      setTimeout: (fn: () => void, ms: number) => {
        isKept = true;
        const timer = virtual.setTimeout(fn, ms);
        return Object.assign({ timer }, handle);
      },
      clearTimeout: (one: unknown) => virtual.clearTimeout((one as { timer: unknown }).timer),
    };
    const { load, loads } = createOrigin<string>();
    const cache = createCache<string, string>({
      maxEntries: 9,
      loader: load,
      ttlMs: 100,
      staleWhileRevalidateMs: 100,
      hardTimeoutMs: 1000,
      clock,
    });
    cache.set('a', 'old');
    await virtual.advance(100);
    expect(await cache.getOrLoad('a')).toBe('old');
    expect(isKept).toBe(false);
    const waits = cache.getOrLoad('a', { forceRefresh: true });
    expect([isKept, loads.length]).toEqual([true, 1]);
    loads[0]!.open('new');
    expect([await waits, virtual.pendingTimers]).toEqual(['new', 0]);
  });

  it('does not once callers were answered because of softTimeoutMs', async () => {
    const virtual = createVirtualClock();
    const kept = new Set<unknown>();
    const clock = {
      now: () => virtual.now(),
      epochMs: () => virtual.epochMs(),
      setTimeout: (fn: () => void, ms: number) => {
        const one = {
          timer: virtual.setTimeout(() => (kept.delete(one), fn()), ms),
          ref: () => void kept.add(one),
          unref: () => void kept.delete(one),
        };
        kept.add(one);
        return one;
      },
      clearTimeout: (one: unknown) => {
        kept.delete(one);
        virtual.clearTimeout((one as { timer: unknown }).timer);
      },
    };
    const { load } = createOrigin<string>();
    const cache = createCache<string, string>({
      maxEntries: 9,
      loader: load,
      ttlMs: 100,
      staleIfErrorMs: 500,
      softTimeoutMs: 20,
      hardTimeoutMs: 1000,
      clock,
    });
    cache.set('a', 'old');
    await virtual.advance(100);
    const caller = cache.getOrLoad('a');
    expect(kept.size).toBe(2);
    await virtual.advance(20);
    expect([await caller, kept.size, virtual.pendingTimers]).toEqual(['old', 0, 1]);
    cache.close();
  });
});
