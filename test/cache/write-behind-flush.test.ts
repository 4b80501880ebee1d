import { describe, expect, it } from 'vitest';
import { CacheClosedError } from '../../src/cache/index.ts';
import { flush, outcomeOf } from '../support/gate.ts';
import { behind, unwritten } from './cached-store-table.ts';

describe('flush of writes behind', () => {
  it('resolves when all that was written before is durable, and waits for no interval and no backoff', async () => {
    const table = behind({ flushIntervalMs: 1000 });
    const { cached, calls, clock, rows } = table;
    table.mode = 'fail';
    await cached.put('a', '1');
    await clock.advance(1000);
    table.mode = 'hold';
    await cached.put('b', '1');
    const flushed = cached.flush();
    await flush();
    expect([calls.length, (await outcomeOf(flushed)).state]).toEqual([3, 'pending']);
    calls[1]!.succeed();
    expect((await outcomeOf(flushed)).state).toBe('pending');
    calls[2]!.succeed();
    await flushed;
    expect([rows.get('a'), rows.get('b'), cached.pendingWrites, clock.pendingTimers]).toEqual(['1', '1', 0, 0]);
    await cached.flush();
  });

  it('waits for the newest write of a key that is under way, and for none that comes after', async () => {
    const table = behind();
    const { cached, calls, clock, log } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await clock.advance(10);
    const first = cached.flush();
    await cached.put('a', '2');
    const second = cached.flush();
    calls[0]!.succeed();
    await first;
    expect([log, (await outcomeOf(second)).state]).toEqual([['a=1', 'a=2'], 'pending']);
    await cached.put('a', '3');
    calls[1]!.succeed();
    await second;
    expect(cached.pendingWrites).toBe(1);
  });

  it('rejects with an AggregateError that names each key that failed, and these stay pending', async () => {
    const table = behind();
    const { cached, clock, rows } = table;
    await cached.put('ok', '1');
    await cached.flush();
    table.mode = 'fail';
    await cached.put('a', '1');
    await cached.delete('ok');
    const [first, second] = [unwritten(cached.flush()), unwritten(cached.flush())];
    expect([await first, await second]).toEqual([
      ['a', 'ok'],
      ['a', 'ok'],
    ]);
    expect([cached.pendingWrites, await cached.get('a'), await cached.get('ok')]).toEqual([2, '1', undefined]);
    table.mode = 'work';
    await clock.advance(110);
    expect([rows.get('a'), rows.has('ok'), cached.pendingWrites]).toEqual(['1', false, 0]);
  });

  it('tries a newer write at once where the one under way fails, and answers by that', async () => {
    const table = behind();
    const { cached, calls, clock, log } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await clock.advance(10);
    await cached.put('a', '2');
    const flushed = cached.flush();
    calls[0]!.fail(new Error('no'));
    await flush();
    expect(log).toEqual(['a=1', 'a=2']);
    calls[1]!.succeed();
    await flushed;
  });

  it('waits for a newer write that has replaced the one it waited for, where that one fails', async () => {
    const table = behind();
    const { cached, calls, clock, log } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await clock.advance(10);
    const flushed = cached.flush();
    await cached.put('a', '2');
    calls[0]!.fail(new Error('no'));
    expect([(await outcomeOf(flushed)).state, log]).toEqual(['pending', ['a=1', 'a=2']]);
    calls[1]!.succeed();
    await flushed;
  });

  it('tells once of writes that were lost before', async () => {
    const table = behind({ maxAttempts: 1, onEvent: () => {} });
    const { cached, clock } = table;
    table.mode = 'fail';
    await cached.put('a', '1');
    await clock.advance(10);
    table.mode = 'hold';
    await cached.put('b', '1');
    const both = [unwritten(cached.flush()), unwritten(cached.flush())];
    table.calls[1]!.succeed();
    expect(await Promise.all(both)).toEqual([['a'], ['a']]);
    expect([await unwritten(cached.flush()), cached.failedWrites()]).toEqual([[], []]);
    table.mode = 'fail';
    await cached.put('b', '2');
    expect([await unwritten(cached.flush()), cached.pendingWrites, cached.failedWrites()]).toEqual([['b'], 0, []]);
  });

  it('ends for a caller who leaves, and the writes go on', async () => {
    const table = behind();
    const { cached, calls, rows } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    const leaver = new AbortController();
    const left = cached.flush({ signal: leaver.signal });
    leaver.abort('left');
    await expect(left).rejects.toBe('left');
    await expect(cached.flush({ signal: leaver.signal })).rejects.toBe('left');
    calls[0]!.succeed();
    await flush();
    expect([rows.get('a'), cached.pendingWrites]).toEqual(['1', 0]);
  });
});

describe('close of writes behind', () => {
  it('refuses writes, those that wait for room included, and resolves when all that were taken on are durable', async () => {
    const table = behind({ maxPending: 2 });
    const { cached, calls, clock, log, rows } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await cached.put('b', '1');
    const waiting = [cached.put('c', '1'), cached.put('a', '2')];
    const closed = cached.close();
    for (const put of [...waiting, cached.put('b', '2'), cached.delete('a')])
      await expect(put).rejects.toThrow(new CacheClosedError('cached store'));
    expect([(await outcomeOf(closed)).state, await cached.get('a')]).toEqual(['pending', '1']);
    for (const call of calls) call.succeed();
    await closed;
    await clock.advance(1000);
    expect([log, rows.get('a'), rows.get('b'), clock.pendingTimers]).toEqual([['a=1', 'b=1'], '1', '1', 0]);
    await cached.close();
  });

  it('that could not write everything names it and goes on trying, so that a later one resolves', async () => {
    const table = behind();
    const { cached, clock, rows } = table;
    table.mode = 'fail';
    await cached.put('a', '1');
    expect(await unwritten(cached.close())).toEqual(['a']);
    expect(await unwritten(cached.close())).toEqual(['a']);
    expect(clock.pendingTimers).toBe(1);
    table.mode = 'work';
    await clock.advance(110);
    await cached.close();
    expect([rows.get('a'), clock.pendingTimers]).toEqual(['1', 0]);
  });

  it('is what the end of an `await using` block does', async () => {
    const { cached, rows } = behind();
    {
      await using own = cached;
      await own.put('a', '1');
    }
    expect(rows.get('a')).toBe('1');
    await expect(cached.put('a', '2')).rejects.toThrow(CacheClosedError);
  });

  it('is given up by its signal, and has closed all the same', async () => {
    const table = behind();
    table.mode = 'hold';
    await table.cached.put('a', '1');
    await expect(table.cached.close({ signal: AbortSignal.abort('left') })).rejects.toBe('left');
    await expect(table.cached.put('a', '2')).rejects.toThrow(CacheClosedError);
  });
});
