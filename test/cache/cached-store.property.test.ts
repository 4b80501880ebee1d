import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createCache, createCachedStore } from '../../src/cache/index.ts';

type Task = 'put' | 'put and leave' | 'read' | 'read and leave';
type Answer = 'works' | 'fails' | 'works, and says it failed';

const tasks = fc.array(fc.constantFrom<Task>('put', 'put', 'put and leave', 'read', 'read', 'read and leave'), {
  minLength: 2,
  maxLength: 16,
});

const answers = fc.array(fc.constantFrom<Answer>('works', 'works', 'fails', 'works, and says it failed'), {
  minLength: 1,
  maxLength: 6,
});

/** The row is a version. The store reads and writes it some time after it was asked, and answers some time after that. */
it('in any interleaving the store gets the writes of a key in order, and no read is older than a write that had ended before it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      tasks,
      answers,
      fc.constantFrom('through' as const, 'invalidate' as const),
      async (s, list, how, write) => {
        const travel = s.scheduleFunction(async () => {});
        let [row, version, acknowledged, calls, running] = [0, 0, 0, 0, 0];
        const stored: number[] = [];
        const cache = createCache<string, number>({ maxEntries: 9 });
        const cached = createCachedStore<string, number>(
          {
            load: async () => {
              await travel();
              const read = row;
              await travel();
              return read;
            },
            store: async (_, value) => {
              const answer = how[calls++ % how.length]!;
              expect(++running).toBe(1);
              stored.push(value);
              await travel();
              if (answer !== 'fails') row = value;
              await travel();
              running--;
              if (answer !== 'works') throw new Error(answer);
            },
          },
          { cache, write },
        );
        const begin = s.scheduleFunction(async (task: Task) => task);
        const run = async (task: Task): Promise<void> => {
          await begin(task);
          const leaver = new AbortController();
          const options = { signal: leaver.signal };
          const floor = acknowledged;
          const own = task.startsWith('put') ? ++version : 0;
          const done = own > 0 ? cached.put('a', own, options) : cached.get('a', options);
          if (task.endsWith('leave')) {
            await travel();
            leaver.abort('left');
          }
          const end = await done.then(
            (value) => ({ value }),
            () => undefined,
          );
          if (!end) return;
          if (own > 0) acknowledged = Math.max(acknowledged, own);
          else expect(end.value).toBeGreaterThanOrEqual(floor);
        };
        await s.waitFor(Promise.all(list.map(run)));
        await s.waitFor(cached.close());
        expect(stored).toEqual([...stored].sort((a, b) => a - b));
        expect([running, cached.pendingWrites]).toEqual([0, 0]);
        const kept = cache.peek('a');
        // A write that said it failed may have happened: then the cache is as it was, and older than the row.
        if (!how.includes('works, and says it failed')) expect(kept ?? row).toBe(row);
        else expect(kept ?? row).toBeGreaterThanOrEqual(acknowledged);
      },
    ),
  );
});
