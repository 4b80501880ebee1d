import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createCache, createCachedStore } from '../../src/cache/index.ts';
import { abortListeners, expectNoLeaks, heapGrowth } from '../support/leaks.ts';
import { canRunTypeScript } from '../support/processes.ts';
import { createTable } from './cached-store-table.ts';

describe.each(['through', 'invalidate', 'behind'] as const)('a cached store written by %s', (write) => {
  it('leaves no listener, timer or unhandled rejection behind when its calls have ended', async () => {
    await expectNoLeaks(async ({ signal }) => {
      const table = createTable();
      const behind = { maxPending: 2, maxAttempts: 2, timeoutMs: 1e6, flushIntervalMs: 1e6, onEvent: () => {} };
      const cached = createCachedStore(table.single, {
        cache: createCache<string, string>({ maxEntries: 9 }),
        write,
        behind: write === 'behind' ? behind : undefined,
      });
      const leaver = new AbortController();
      table.mode = 'fail';
      const ends = [
        cached.put('a', '1', { signal }),
        cached.put('a', '2', { signal: leaver.signal }),
        cached.put('b', '1', { signal: leaver.signal }),
        cached.put('c', '1', { signal: leaver.signal }),
        cached.delete('d', { signal }),
        cached.get('e', { signal }),
        cached.flush({ signal: leaver.signal }),
        cached.flush({ signal }),
      ];
      leaver.abort('left');
      table.mode = 'work';
      await Promise.allSettled([...ends, cached.close({ signal })]);
      await cached.close();
      expect([cached.pendingWrites, abortListeners(leaver.signal)]).toEqual([0, 0]);
    });
  });
});

describe('a cached store', () => {
  it('does not grow with keys that are written, lost and left', async () => {
    const { signal } = new AbortController();
    const table = createTable();
    const cached = createCachedStore<string, string>(
      {
        load: () => undefined,
        store: (key) => (key.startsWith('lost') ? Promise.reject(new Error('down')) : undefined),
      },
      {
        cache: createCache({ maxEntries: 50 }),
        write: 'behind',
        behind: { flushIntervalMs: 0, maxPending: 20, maxAttempts: 1, onEvent: () => {} },
      },
    );
    const direct = createCachedStore(table.single, { cache: createCache({ maxEntries: 50 }), write: 'through' });
    const growth = await heapGrowth(
      async (k) => {
        const caller = new AbortController();
        const ends = [
          cached.put(`kept ${k}`, 'x', { signal }),
          cached.put(`lost ${k}`, 'x', { signal }),
          cached.put(`left ${k}`, 'x', { signal: caller.signal }),
          direct.put('a', String(k), { signal }),
          direct.put('a', String(k), { signal: caller.signal }),
        ];
        caller.abort('left');
        await Promise.allSettled(ends);
        if (k % 5 === 0) await cached.flush({ signal }).catch(() => {});
        (table.calls as unknown[]).length = (table.log as unknown[]).length = 0;
      },
      { operations: 2000 },
    );
    await cached.close().catch(() => {});
    expect(growth).toBeLessThan(60_000);
    expect([cached.pendingWrites, direct.pendingWrites, abortListeners(signal)]).toEqual([0, 0, 0]);
  });
});

describe.each(['through', 'behind'] as const)('a cached store written by %s', (write) => {
  it('does not grow with flushes that are given up while the store hangs', async () => {
    const cached = createCachedStore<string, string>(
      { load: () => undefined, store: () => new Promise(() => {}) },
      { cache: createCache({ maxEntries: 50 }), write },
    );
    for (const key of ['a', 'b', 'c']) cached.put(key, '1').catch(() => {});
    const growth = await heapGrowth(
      async () => {
        const leaver = new AbortController();
        const left = cached.flush({ signal: leaver.signal }).catch((reason: unknown) => reason);
        leaver.abort('left');
        await left;
      },
      { operations: 5000 },
    );
    expect(growth).toBeLessThan(100_000);
    expect(cached.pendingWrites).toBe(3);
  });
});

describe.skipIf(!canRunTypeScript)('a process', () => {
  const run = (body: string): [string, number | null] => {
    const script = `
      import { createCache, createCachedStore } from './src/cache/index.ts';
      let isDown = true;
      const open = (behind = {}) => createCachedStore(
        {
          load: () => undefined,
          store: async (key, value) => {
            if (isDown) throw new Error('down');
            console.log(key, value);
          },
        },
        { cache: createCache({ maxEntries: 9 }), write: 'behind', behind },
      );
      ${body}`;
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      encoding: 'utf8',
      timeout: 15_000,
    });
    return [stdout.trim(), status];
  };

  it('is kept alive by writes behind until they are durable, those whose close has failed included', () => {
    const body = `
      const cached = open({ flushIntervalMs: 30, backoff: () => 30 });
      cached.put('a', 1);
      cached.close().catch(({ errors }) => {
        console.log('not', errors[0].key);
        isDown = false;
      });`;
    expect(run(body)).toEqual(['not a\na 1', 0]);
    expect(run(`isDown = false; open({ flushIntervalMs: 50 }).put('a', 1);`)).toEqual(['a 1', 0]);
  });

  it('is not kept alive by a cached store with nothing to write', () => {
    const body = `
      isDown = false;
      const cached = open({ flushIntervalMs: 100_000, timeoutMs: 100_000 });
      await cached.put('a', 1);
      await cached.flush();
      await cached.get('b');`;
    expect(run(body)).toEqual(['a 1', 0]);
  });
});
