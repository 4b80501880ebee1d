import { describe, expect, it } from 'vitest';
import type { BackingStore, CachedStore } from '../../src/cache/index.ts';
import { CacheClosedError, createCache, createCachedStore } from '../../src/cache/index.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';
import { createOrigin } from './origin.ts';
import { setUp } from './cached-store-table.ts';

const direct = ['through', 'invalidate'] as const;
const all = [...direct, 'behind'] as const;

describe.each(all)('a store written by %s: a read', (write) => {
  it('loads what the cache lacks, once for all callers, and keeps it', async () => {
    const { cached, loads, peek } = setUp(write);
    expect(await Promise.all([cached.get('a'), cached.get('a')])).toEqual(['old', 'old']);
    expect([await cached.get('a'), await cached.get('none'), peek('a'), loads]).toEqual([
      'old',
      undefined,
      'old',
      ['a', 'none'],
    ]);
  });

  it('takes a signal and forceRefresh, as a read of the cache does', async () => {
    const { cached, loads, rows } = setUp(write);
    await cached.get('a');
    rows.set('a', 'changed by others');
    expect(await cached.get('a', { forceRefresh: true })).toBe('changed by others');
    const left = { signal: AbortSignal.abort('left') };
    await expect(cached.get('b', left)).rejects.toBe('left');
    await cached.put('a', 'new');
    await expect(cached.get('a', left)).rejects.toBe('left');
    expect(loads).toEqual(['a', 'a']);
  });

  it('rejects with what the load fails with', async () => {
    const store = { load: async (): Promise<string> => Promise.reject(new Error('down')) };
    const cached = createCachedStore<string, string>(store, { cache: createCache({ maxEntries: 9 }), write });
    await expect(cached.get('a')).rejects.toThrow('down');
  });
});

describe.each(direct)('a write %s', (write) => {
  it('reaches the store first, and the cache when the store has it', async () => {
    const table = setUp(write);
    const { cached, calls, peek } = table;
    await cached.get('a');
    table.mode = 'hold';
    const put = cached.put('a', 'new');
    await flush();
    expect([peek('a'), cached.pendingWrites]).toEqual(['old', 1]);
    calls[0]!.succeed();
    await put;
    expect([peek('a'), cached.pendingWrites]).toEqual([write === 'through' ? 'new' : undefined, 0]);
    expect(await cached.get('a')).toBe('new');
  });

  it('that the store fails rejects with its error and leaves the cache as it was', async () => {
    const table = setUp(write);
    const { cached, peek } = table;
    await cached.get('a');
    table.mode = 'fail';
    await expect(cached.put('a', 'new')).rejects.toThrow('down');
    await expect(cached.delete('a')).rejects.toThrow('down');
    expect([peek('a'), cached.pendingWrites, cached.failedWrites()]).toEqual(['old', 0, []]);
  });

  it('of a key waits for the one before it, and comes after it, well or badly as that may end', async () => {
    const table = setUp(write);
    const { cached, calls, log, rows } = table;
    table.mode = 'hold';
    const ends = Promise.allSettled([cached.put('a', '1'), cached.delete('a'), cached.put('a', '3')]);
    await flush();
    expect(log).toEqual(['a=1']);
    calls[0]!.fail(new Error('no'));
    await flush();
    expect(log).toEqual(['a=1', 'a!']);
    calls[1]!.succeed();
    await flush();
    calls[2]!.succeed();
    expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect([log, rows.get('a'), await cached.get('a')]).toEqual([['a=1', 'a!', 'a=3'], '3', '3']);
  });

  it('of one key does not hold up that of another', async () => {
    const table = setUp(write);
    table.mode = 'hold';
    const first = table.cached.put('a', '1');
    await flush();
    table.mode = 'work';
    await table.cached.put('b', '2');
    expect((await outcomeOf(first)).state).toBe('pending');
  });

  it('is not overwritten by a load that began before it was over', async () => {
    const { load, loads } = createOrigin<string>();
    const stored = gate();
    const cache = createCache<string, string>({ maxEntries: 9 });
    const cached = createCachedStore<string, string>({ load, store: () => stored.promise }, { cache, write });
    const before = cached.get('a');
    const put = cached.put('a', 'new');
    const during = cached.get('a');
    await flush();
    stored.open();
    await put;
    loads[0]!.open('old');
    expect([await before, await during]).toEqual(['old', 'old']);
    expect(cache.peek('a')).toBe(write === 'through' ? 'new' : undefined);
    const after = cached.get('a');
    if (write === 'invalidate') loads[1]!.open('new');
    expect(await after).toBe('new');
  });

  it('that waits for its turn never happens when its caller leaves', async () => {
    const table = setUp(write);
    const { cached, calls, log } = table;
    table.mode = 'hold';
    const first = cached.put('a', '1');
    const leaver = new AbortController();
    const second = cached.put('a', '2', { signal: leaver.signal });
    await flush();
    leaver.abort('left');
    await expect(second).rejects.toBe('left');
    calls[0]!.succeed();
    await first;
    await flush();
    expect([log, cached.pendingWrites]).toEqual([['a=1'], 0]);
    await expect(cached.put('a', '3', { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(log).toEqual(['a=1']);
  });

  it('that the store had begun when its caller left reaches the cache if the store ends it well', async () => {
    const table = setUp(write);
    const { cached, calls, peek } = table;
    await cached.get('a');
    table.mode = 'hold';
    const leaver = new AbortController();
    const put = cached.put('a', 'new', { signal: leaver.signal });
    await flush();
    const { signal } = calls[0]!.ctx;
    leaver.abort('left');
    await expect(put).rejects.toBe('left');
    expect([signal.aborted, signal.reason, peek('a'), cached.pendingWrites]).toEqual([true, 'left', 'old', 1]);
    calls[0]!.succeed();
    await cached.flush();
    expect([peek('a'), cached.pendingWrites]).toEqual([write === 'through' ? 'new' : undefined, 0]);
  });

  it('goes through writeMany where that is all there is, and fails with its own Error', async () => {
    const table = setUp(write, { isBatched: true });
    const { cached, calls, log, rows } = table;
    await cached.put('a', 'new');
    await cached.delete('a');
    table.mode = 'hold';
    const put = cached.put('a', 'newer');
    await flush();
    calls[2]!.open([new Error('refused')]);
    await expect(put).rejects.toThrow('refused');
    expect([log, rows.has('a')]).toEqual([['a=new', 'a!', 'a=newer'], false]);
  });

  it('is waited for by flush, which leaves failures to their callers and an abort to its own', async () => {
    const table = setUp(write);
    const { cached, calls } = table;
    await cached.flush();
    table.mode = 'hold';
    const put = cached.put('a', 'new');
    const leaver = new AbortController();
    const [flushed, left] = [cached.flush(), cached.flush({ signal: leaver.signal })];
    leaver.abort('left');
    await expect(left).rejects.toBe('left');
    expect((await outcomeOf(flushed)).state).toBe('pending');
    calls[0]!.fail(new Error('no'));
    await expect(put).rejects.toThrow('no');
    await flushed;
  });

  it('is refused after close, which waits for those under way and leaves reads alone', async () => {
    const table = setUp(write);
    const { cached, calls, log } = table;
    table.mode = 'hold';
    const put = cached.put('a', 'new');
    const closed = cached.close();
    await expect(cached.put('a', 'late')).rejects.toThrow(CacheClosedError);
    await expect(cached.delete('a')).rejects.toThrow('the cached store is closed');
    expect((await outcomeOf(closed)).state).toBe('pending');
    calls[0]!.succeed();
    await Promise.all([put, closed]);
    expect([log, await cached.get('a')]).toEqual([['a=new'], 'new']);
  });
});

describe('a write through', () => {
  it('of a value that the cache throws at drops the key, and is written all the same', async () => {
    const reported: unknown[] = [];
    const { reportError } = globalThis;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const weigher = (value: string): number => (value === 'new' ? NaN : 1);
      const { cached, peek, rows } = setUp('through', { cache: { maxWeight: 9, weigher } });
      await cached.get('a');
      await cached.put('a', 'new');
      expect([peek('a'), rows.get('a'), reported.length]).toEqual([undefined, 'new', 1]);
    } finally {
      globalThis.reportError = reportError;
    }
  });

  it('calls the functions of the store as methods', async () => {
    class Rows implements BackingStore<string, string> {
      readonly rows = new Map<string, string>();
      load(key: string): string | undefined {
        return this.rows.get(key);
      }
      store(key: string, value: string): void {
        this.rows.set(key, value);
      }
      remove(key: string): void {
        this.rows.delete(key);
      }
    }
    const rows = new Rows();
    await using cached = createCachedStore(rows, {
      cache: createCache<string, string>({ maxEntries: 0 }),
      write: 'through',
    });
    await cached.put('a', '1');
    expect([await cached.get('a'), rows.rows.size]).toEqual(['1', 1]);
    await cached.delete('a');
    expect([await cached.get('a'), rows.rows.size]).toEqual([undefined, 0]);
  });
});

describe.each(all)('a store written by %s', (write) => {
  const create = (store: BackingStore<string, string>): CachedStore<string, string> =>
    createCachedStore(store, { cache: createCache({ maxEntries: 9 }), write });

  it('refuses undefined as a value, which stands for a missing one', async () => {
    const { cached, log } = setUp(write);
    await expect(cached.put('a', undefined as never)).rejects.toThrow(
      new TypeError('value must be anything but undefined, which stands for a missing one, got undefined'),
    );
    await cached.close();
    expect(log).toEqual([]);
  });

  it('refuses a write that its store has no function for', async () => {
    const cached = create({ load: () => '1' });
    await expect(cached.put('a', '1')).rejects.toThrow(new TypeError('the store cannot put'));
    await expect(create({ load: () => '1', store: () => {} }).delete('a')).rejects.toThrow('the store cannot delete');
    expect([await cached.get('a'), cached.pendingWrites]).toEqual(['1', 0]);
  });
});
