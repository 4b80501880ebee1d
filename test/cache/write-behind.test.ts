import { describe, expect, it } from 'vitest';
import { CacheClosedError, WritesFullError } from '../../src/cache/index.ts';
import { exponentialBackoff } from '../../src/core/backoff.ts';
import { isHoldfastError } from '../../src/core/errors.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { behind, setUp } from './cached-store-table.ts';

describe('a write behind', () => {
  it('resolves before the store has it, and is what reads see, also when the cache has evicted it', async () => {
    const { cached, clock, loads, log, peek, rows } = behind({}, { cache: { maxEntries: 1 } });
    await cached.put('a', 'new');
    expect([peek('a'), rows.get('a'), cached.pendingWrites]).toEqual(['new', 'old', 1]);
    for (const key of ['b', 'c', 'd']) await cached.put(key, key);
    expect([await cached.get('a'), await cached.get('b'), await cached.get('c'), loads]).toEqual(['new', 'b', 'c', []]);
    await clock.advance(10);
    expect([log, cached.pendingWrites]).toEqual([['a=new', 'b=b', 'c=c', 'd=d'], 0]);
    expect([await cached.get('a'), await cached.get('b')]).toEqual(['new', 'b']);
  });

  it('may be a delete: reads find nothing, and the store removes the row', async () => {
    const reported: unknown[] = [];
    const { reportError } = globalThis;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const { cached, clock, loads, log, rows } = behind();
      await cached.get('a');
      await cached.delete('a');
      const reads = [await cached.get('a'), await cached.get('a', { forceRefresh: true })];
      expect([reads, loads]).toEqual([[undefined, undefined], ['a']]);
      await clock.advance(10);
      expect([log, rows.size, await cached.get('a'), loads]).toEqual([['a!'], 0, undefined, ['a', 'a']]);
    } finally {
      globalThis.reportError = reportError;
    }
    expect(reported).toEqual([]);
  });

  it('voids a load that began before it', async () => {
    const { cached, clock, peek } = behind();
    const before = cached.get('a');
    await cached.put('a', 'new');
    expect(await before).toBe('old');
    await clock.advance(10);
    expect([peek('a'), await cached.get('a')]).toEqual(['new', 'new']);
  });

  it('of a key that is pending takes its place, so that the last one is written, once', async () => {
    const { cached, clock, log } = behind();
    await cached.put('a', '1');
    await cached.put('b', '1');
    await cached.delete('a');
    await cached.put('a', '2');
    await cached.put('b', '2');
    await cached.delete('b');
    expect(cached.pendingWrites).toBe(2);
    await clock.advance(1000);
    expect(log).toEqual(['a=2', 'b!']);
  });

  it('waits flushIntervalMs for others to go with it, and not once more for each of them', async () => {
    const { cached, clock, log } = behind({}, { isBatched: true });
    await cached.put('a', '1');
    await clock.advance(6);
    await cached.put('b', '2');
    await clock.advance(3);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect([log, clock.pendingTimers]).toEqual([['a=1 b=2'], 0]);
    await cached.put('c', '3');
    await clock.advance(9);
    expect(log).toHaveLength(1);
    await clock.advance(1);
    expect(log).toEqual(['a=1 b=2', 'c=3']);
  });

  it('goes at once where a batch is full, and batches hold maxBatchSize at most', async () => {
    const { cached, clock, log } = behind({ maxBatchSize: 2 }, { isBatched: true });
    for (const key of ['a', 'b', 'c']) await cached.put(key, '1');
    expect([log, cached.pendingWrites]).toEqual([['a=1 b=1'], 1]);
    await clock.advance(10);
    expect(log).toEqual(['a=1 b=1', 'c=1']);
    const limited = behind({ maxBatchSize: 3, maxConcurrent: 1 }, { isBatched: true });
    limited.mode = 'hold';
    for (let k = 0; k < 8; k++) await limited.cached.put(`k${k}`, '1');
    for (const call of [0, 1, 2]) {
      limited.calls[call]?.succeed();
      await limited.clock.advance(10);
    }
    expect(limited.calls.map(({ writes }) => writes.length)).toEqual([3, 3, 2]);
  });

  it('is under way once a key: a newer one goes when the store has answered, not before', async () => {
    const table = behind();
    const { cached, calls, clock, log, rows } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await clock.advance(10);
    await cached.put('a', '2');
    await cached.put('a', '3');
    await clock.advance(1000);
    expect([log, cached.pendingWrites, await cached.get('a')]).toEqual([['a=1'], 1, '3']);
    calls[0]!.succeed();
    await clock.advance(9);
    expect([log, cached.pendingWrites, rows.get('a')]).toEqual([['a=1'], 1, '1']);
    await clock.advance(1);
    calls[1]!.succeed();
    await flush();
    expect([log, cached.pendingWrites, rows.get('a')]).toEqual([['a=1', 'a=3'], 0, '3']);
  });

  it('is one of maxConcurrent calls of the store at most', async () => {
    const table = behind({ maxConcurrent: 2 });
    const { cached, calls, clock, log } = table;
    table.mode = 'hold';
    for (const key of ['a', 'b', 'c', 'd']) await cached.put(key, '1');
    await clock.advance(10);
    // Without timeoutMs a call of the store has no timer.
    expect([log, clock.pendingTimers]).toEqual([['a=1', 'b=1'], 0]);
    await cached.put('c', '2');
    calls[1]!.succeed();
    await flush();
    expect(log).toEqual(['a=1', 'b=1', 'c=2']);
    calls[0]!.fail(new Error('no'));
    await flush();
    expect(log).toEqual(['a=1', 'b=1', 'c=2', 'd=1']);
  });
});

describe('maxPending', () => {
  it('is never passed: a write of another key waits for room, in order of arrival', async () => {
    const table = behind({ maxPending: 2 });
    const { cached, calls, clock, log } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await cached.put('b', '1');
    const [c, d, again] = [cached.put('c', '1'), cached.put('d', '1'), cached.put('c', '2')];
    expect([(await outcomeOf(c)).state, cached.pendingWrites, await cached.get('c')]).toEqual([
      'pending',
      2,
      undefined,
    ]);
    // Who waits makes those before it go.
    expect(log).toEqual(['a=1', 'b=1']);
    calls[1]!.succeed();
    await c;
    expect([(await outcomeOf(d)).state, cached.pendingWrites, await cached.get('c')]).toEqual(['pending', 2, '1']);
    calls[0]!.succeed();
    await Promise.all([d, again]);
    expect([cached.pendingWrites, await cached.get('c'), await cached.get('d')]).toEqual([2, '2', '1']);
    table.mode = 'work';
    for (const [at, call] of calls.entries()) if (at > 1) call.succeed();
    await clock.advance(10);
    expect([cached.pendingWrites, table.rows.get('c')]).toEqual([0, '2']);
  });

  it("rejects the write with WritesFullError instead where onFull is 'reject', and takes those of pending keys", async () => {
    const table = behind({ maxPending: 1, onFull: 'reject' });
    const { cached, clock, rows } = table;
    await cached.put('a', '1');
    const rejected = cached.put('b', '1');
    await expect(rejected).rejects.toThrow(WritesFullError);
    await expect(rejected).rejects.toMatchObject({ code: 'ERR_CACHE_WRITES_FULL', message: '1 writes are pending' });
    await expect(cached.delete('c')).rejects.toThrow(WritesFullError);
    await cached.put('a', '2');
    await clock.advance(10);
    expect([rows.get('a'), rows.has('b'), await cached.get('b')]).toEqual(['2', false, undefined]);
    await cached.put('b', '2');
  });

  it('lets nobody pass a write that waits, even where its own key is pending', async () => {
    const table = behind({ maxPending: 1 });
    const { cached, calls, rows } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    const b = cached.put('b', '1');
    const a = cached.put('a', '2');
    expect((await outcomeOf(a)).state).toBe('pending');
    calls[0]!.succeed();
    await b;
    table.mode = 'work';
    calls[1]!.succeed();
    await a;
    await cached.flush();
    expect([...rows]).toEqual([
      ['a', '2'],
      ['b', '1'],
    ]);
  });

  it('counts out a write whose caller leaves, which then never happens, and those behind it move up', async () => {
    const table = behind({ maxPending: 1 });
    const { cached, calls, log } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    const leaver = new AbortController();
    const left = cached.put('b', '1', { signal: leaver.signal });
    const next = cached.put('a', '2');
    await flush();
    leaver.abort('left');
    await expect(left).rejects.toBe('left');
    await next;
    calls[0]!.succeed();
    table.mode = 'work';
    await cached.close();
    expect(log).toEqual(['a=1', 'a=2']);
  });
});

describe('timeoutMs', () => {
  it('aborts the signal of a call, whose key stays taken until the call has ended', async () => {
    const table = behind({ timeoutMs: 50 });
    const { cached, calls, clock, log, rows } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await clock.advance(10);
    const { signal } = calls[0]!.ctx;
    await clock.advance(49);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect([signal.aborted, isHoldfastError(signal.reason, 'ERR_TIMEOUT')]).toEqual([true, true]);
    expect((signal.reason as Error).message).toBe('a write took longer than 50 ms');
    await cached.put('a', '2');
    await clock.advance(1000);
    expect(log).toEqual(['a=1']);
    calls[0]!.succeed();
    table.mode = 'work';
    await clock.advance(10);
    expect([log, rows.get('a'), clock.pendingTimers]).toEqual([['a=1', 'a=2'], '2', 0]);
  });
});

describe('what is called by a cached store', () => {
  it('may write while it is called', async () => {
    const table = behind({
      onEvent: ({ type, key }) => void (type === 'lost' && cached.put('dead letter', key)),
      maxAttempts: 1,
    });
    const { cached, clock, rows } = table;
    table.mode = 'hold';
    await cached.put('b', '1');
    await clock.advance(10);
    table.calls[0]!.fail(new Error('no'));
    table.mode = 'work';
    await clock.advance(10);
    expect([rows.has('b'), rows.get('dead letter'), cached.pendingWrites]).toEqual([false, 'b', 0]);
  });
});

describe('options that are left out', () => {
  it('mean rounds of 100 ms, batches of 100, four calls at once and 10 000 keys', async () => {
    const table = setUp('behind', { isBatched: true });
    const { cached, calls, clock, log } = table;
    table.mode = 'hold';
    for (let k = 0; k < 99; k++) await cached.put(`k${k}`, '1');
    await clock.advance(99);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toHaveLength(1);
    for (let k = 0; k < 500; k++) await cached.put(`n${k}`, '1');
    expect(calls.map(({ writes }) => writes.length)).toEqual([99, 100, 100, 100]);
    for (let k = cached.pendingWrites; k < 10_000; k++) await cached.put(`m${k}`, '1');
    const full = cached.put('one more', '1');
    expect([(await outcomeOf(full)).state, cached.pendingWrites]).toEqual(['pending', 10_000]);
    const closed = cached.close();
    await expect(full).rejects.toThrow(CacheClosedError);
    table.mode = 'work';
    for (const call of calls) call.succeed();
    await closed;
  });

  it('mean the waits of exponentialBackoff() after failures, for ever', async () => {
    const { random } = Math;
    Math.random = () => 0.75;
    try {
      const table = setUp('behind');
      const { cached, clock, log } = table;
      table.mode = 'fail';
      await cached.put('a', '1');
      const [backoff, times] = [exponentialBackoff(), Array.from({ length: 14 }, (_, k) => k + 1)];
      await clock.advance(100);
      for (const time of times) {
        expect(log).toHaveLength(time);
        const waitMs = backoff(time, 0) + 100;
        await clock.advance(waitMs - 0.1);
        expect(log).toHaveLength(time);
        await clock.advance(0.1);
      }
      expect([cached.pendingWrites, cached.failedWrites()]).toEqual([1, []]);
    } finally {
      Math.random = random;
    }
  });
});
