import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { TierPartition } from '../../src/cache/index.ts';
import { createCache, createTieredCache } from '../../src/cache/index.ts';
import { expectNoLeaks, heapGrowth } from '../support/leaks.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { MemoryPartition } from './tiered-memory.ts';

/** One that works, and then one that does not. */
function failing(part: MemoryPartition, isDown: () => boolean): TierPartition {
  const verbs = ['read', 'extend', 'fill', 'write', 'invalidate', 'sync', 'lagging', 'leave'] as const;
  const call =
    (verb: (typeof verbs)[number]) =>
    async (...args: unknown[]): Promise<unknown> => {
      if (isDown()) throw new Error('down');
      return (part[verb] as (...all: unknown[]) => unknown).apply(part, args);
    };
  return Object.fromEntries(verbs.map((verb) => [verb, call(verb)])) as unknown as TierPartition;
}

const time = { now: (): number => performance.now() };

describe('a tiered cache', () => {
  it('leaves no listener, timer or unhandled rejection behind, whichever way its calls end', async () => {
    await expectNoLeaks(async ({ signal }) => {
      let isDown = false;
      const part = failing(new MemoryPartition(time), () => isDown);
      const cache = createTieredCache<number>({
        l1: createCache({ maxEntries: 9 }),
        tier: { partitions: [part] },
        ttlMs: 1e6,
        l1MaxStaleMs: 5,
      });
      const fail = async (): Promise<never> => Promise.reject(new Error('no'));
      const never = (): Promise<never> => new Promise(() => {});
      for (isDown of [false, true]) {
        const leaver = new AbortController();
        const ends = [
          cache.getOrLoad('a', async () => 1, { signal }),
          cache.getOrLoad('b', fail, { signal }),
          cache.getOrLoad('c', never, { signal: leaver.signal }),
          cache.get('d', { signal }),
          cache.get('d', { signal: leaver.signal }),
          cache.set('e', 1, { signal, wait: 'all' }),
          cache.delete('e', { signal, wait: 'all', timeoutMs: 1 }),
          cache.delete('f', { wait: 'local' }),
          cache.delete('f', { wait: 'all', signal: leaver.signal }),
          cache.invalidateTags(['t'], { signal }),
          cache.ready(),
        ];
        leaver.abort('left');
        await Promise.allSettled(ends);
      }
      const last = Promise.allSettled([cache.getOrLoad('z', never, { signal })]);
      await cache.close();
      await last;
    });
  });

  it('does not grow with keys that come and go, whether the tier works or not', async () => {
    let isDown = false;
    const memory = new MemoryPartition(time);
    const part = failing(memory, () => isDown);
    const cache = createTieredCache<number>({
      l1: createCache({ maxEntries: 50 }),
      tier: { partitions: [part] },
      ttlMs: 1e6,
      l1MaxStaleMs: 20,
      tierRetryMs: 1,
    });
    const { signal } = new AbortController();
    const growth = await heapGrowth(
      async (k) => {
        isDown = k % 100 > 50;
        const caller = new AbortController();
        const ends = [
          cache.getOrLoad(`a${k}`, async () => k, { signal }),
          cache.getOrLoad(`b${k}`, async () => Promise.reject(new Error('no')), { signal }),
          cache.getOrLoad(`c${k}`, () => new Promise<never>(() => {}), { signal: caller.signal }),
          cache.get(`d${k}`),
          cache.delete(`a${k}`, { wait: 'local' }),
          cache.set(`e${k}`, k),
        ];
        caller.abort('left');
        await Promise.allSettled(ends);
        memory.entries.clear();
        memory.leases.clear();
      },
      { operations: 2000 },
    );
    expect(growth).toBeLessThan(100_000);
    await cache.close();
  });

  it.skipIf(!canRunTypeScript)('keeps no process alive that nobody waits in', () => {
    const script = `
      import { createCache, createTieredCache } from './src/cache/index.ts';
      import { MemoryPartition } from './test/cache/tiered-memory.ts';
      const part = new MemoryPartition({ now: () => performance.now() });
      const cache = createTieredCache({
        l1: createCache({ maxEntries: 9 }),
        tier: { partitions: [new Proxy({}, { get: (_, verb) => verb === 'subscribe' ? undefined : async (...a) => part[verb](...a) })] },
        ttlMs: 1e6,
        l1MaxStaleMs: 300_000,
      });
      await cache.getOrLoad('a', async () => 1);
      void cache.getOrLoad('b', () => new Promise(() => {}));
      await cache.delete('a');
      console.log('done');`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect([stdout.trim(), status], stderr).toEqual(['done', 0]);
  });
});
