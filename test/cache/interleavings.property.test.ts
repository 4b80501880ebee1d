import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createCache } from '../../src/cache/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush } from '../support/gate.ts';

type Task = 'read' | 'read and leave' | 'read many' | 'write' | 'delete' | 'clear' | 'invalidate' | 'wait';

const tasks = fc.array(
  fc.constantFrom<Task>(
    'read',
    'read',
    'read',
    'read and leave',
    'read many',
    'write',
    'delete',
    'clear',
    'invalidate',
    'wait',
  ),
  { minLength: 2, maxLength: 14 },
);

/**
 * The origin is a counter that each change raises before the cache is told, as a database is written before the cache
 * is. A load reads it when it starts, and brings what it has read some time later.
 */
it('in any interleaving at most one load of a key can be joined, and no read is older than a change that had ended before it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), tasks, fc.boolean(), async (s, list, isStaleServed) => {
      const clock = createVirtualClock();
      let version = 1;
      let acknowledged = 1;
      let running = 0;
      const travel = s.scheduleFunction(async (value: number) => value);
      const load = async (): Promise<number> => {
        const read = version;
        running++;
        try {
          return await travel(read);
        } finally {
          running--;
        }
      };
      const cache = createCache<string, number>({
        maxEntries: 4,
        ttlMs: 100,
        staleWhileRevalidateMs: isStaleServed ? 100 : 0,
        staleIfErrorMs: isStaleServed ? 100 : 0,
        clock,
        tags: () => ['t'],
      });
      const change = (task: Task): void => {
        const next = ++version;
        if (task === 'write') cache.set('a', next);
        else if (task === 'delete') cache.delete('a');
        else if (task === 'clear') cache.clear();
        else cache.invalidateTags(['t']);
        acknowledged = next;
      };
      const read = async (task: Task): Promise<void> => {
        const floor = acknowledged;
        if (task === 'read many') {
          const results = await cache.getOrLoadMany(['a'], async () => [await load()]);
          const result = results.get('a')!;
          expect(result.ok && result.value! >= floor).toBe(true);
          return;
        }
        const caller = new AbortController();
        const value = cache.getOrLoad('a', load, { signal: caller.signal });
        if (task === 'read and leave') {
          caller.abort('left');
          await value.then(
            (kept) => expect(kept).toBeGreaterThanOrEqual(floor),
            (reason: unknown) => expect(reason).toBe('left'),
          );
        } else expect(await value).toBeGreaterThanOrEqual(floor);
      };
      const begin = s.scheduleFunction(async (task: Task) => task);
      const run = async (task: Task): Promise<void> => {
        await begin(task);
        if (task === 'wait') await clock.advance(60);
        else if (task.startsWith('read')) await read(task);
        else change(task);
      };
      await s.waitFor(Promise.all(list.map(run)));
      while (running > 0) await s.waitNext(1);
      // A batch hands its results on some promise callbacks after the last load of it.
      await flush();
      expect(cache.stats().loading).toBe(0);
      const kept = cache.get('a');
      expect(kept === undefined || kept >= acknowledged).toBe(true);
    }),
  );
});

it('leaves no moment between a result and its place in the cache in which a second load could begin', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 12 }), async (s, callers) => {
      let loads = 0;
      const load = s.scheduleFunction(async () => ++loads);
      const cache = createCache<string, number>({ maxEntries: 4, loader: load });
      const begin = s.scheduleFunction(async () => {});
      const read = async (): Promise<void> => {
        await begin();
        expect(await cache.getOrLoad('a')).toBe(1);
        expect(await cache.getOrLoad('a')).toBe(1);
      };
      await s.waitFor(Promise.all(Array.from({ length: callers }, read)));
      expect(loads).toBe(1);
    }),
  );
});
