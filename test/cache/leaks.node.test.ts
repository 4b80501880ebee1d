import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { abortListeners, expectNoLeaks, heapGrowth } from '../support/leaks.ts';

describe('a cache', () => {
  it('leaves no listener, timer, load or unhandled rejection behind, whichever way its calls end', async () => {
    await expectNoLeaks(async ({ signal }) => {
      const cache = createCache<string, number>({
        maxEntries: 9,
        ttlMs: 1e6,
        staleWhileRevalidateMs: 1e6,
        staleIfErrorMs: 1e6,
        softTimeoutMs: 1e6,
        hardTimeoutMs: 1e6,
        refreshAhead: 0,
      });
      const fail = async (): Promise<never> => Promise.reject(new Error('down'));
      const never = (): Promise<never> => new Promise(() => {});
      const leaver = new AbortController();
      const ends = [
        cache.getOrLoad('a', async () => 1, { signal }),
        cache.getOrLoad('b', fail, { signal }),
        cache.getOrLoad('c', never, { signal: leaver.signal }),
        cache.getOrLoadMany(['d', 'e'], async () => [1, new Error('no')], { signal }),
      ];
      leaver.abort('left');
      await Promise.allSettled(ends);
      cache.set('f', 1);
      // Refreshes behind the back of their callers: one fails, one is superseded, one ends with the cache.
      for (const [key, load] of [
        ['f', fail],
        ['a', never],
        ['d', never],
      ] as const)
        await cache.getOrLoad(key, load);
      cache.delete('a');
      const last = Promise.allSettled([cache.getOrLoad('z', never, { signal })]);
      cache.close();
      await last;
      expect([cache.stats().loading, cache.size]).toEqual([0, 0]);
    });
  });

  it('does not grow with keys that come and go, loads that fail and callers that leave', async () => {
    const cache = createCache<string, number>({ maxEntries: 50, ttlMs: 1e6, staleIfErrorMs: 1e6, hardTimeoutMs: 1e6 });
    const { signal } = new AbortController();
    const growth = await heapGrowth(
      async (k) => {
        const caller = new AbortController();
        const ends = [
          cache.getOrLoad(`a${k}`, async () => k, { signal }),
          cache.getOrLoad(`b${k}`, async () => Promise.reject(new Error('down')), { signal }),
          cache.getOrLoad(`c${k}`, () => new Promise<never>(() => {}), { signal: caller.signal }),
        ];
        caller.abort('left');
        cache.set(`d${k}`, k, { tags: [`t${k}`] });
        if (k % 3 === 0) cache.delete(`d${k}`);
        if (k % 7 === 0) cache.invalidateTags([`t${k}`, `t${k - 1}`]);
        await Promise.allSettled(ends);
      },
      { operations: 5000 },
    );
    expect(growth).toBeLessThan(60_000);
    expect([cache.size, cache.stats().loading, abortListeners(signal)]).toEqual([50, 0, 0]);
    cache.close();
  });

  it.skipIf(!canRunTypeScript)('does not keep the process alive for a refresh that nobody waits for', () => {
    const script = `
      import { createCache } from './src/cache/index.ts';
      const cache = createCache({ maxEntries: 9, ttlMs: 1e6, refreshAhead: 0, hardTimeoutMs: 100_000 });
      cache.set('a', 1);
      await cache.getOrLoad('a', () => new Promise(() => {}));
      console.log('done');`;
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect([stdout.trim(), status]).toEqual(['done', 0]);
  });
});
