import { describe, expect, it } from 'vitest';
import type { WriteBehindEvent } from '../../src/cache/index.ts';
import { flush } from '../support/gate.ts';
import { behind, unwritten } from './cached-store-table.ts';

describe('a write behind that fails', () => {
  it('is tried again after its backoff, with what failed before counted', async () => {
    const asked: [number, number][] = [];
    const backoff = (attempt: number, previousMs: number): number => {
      asked.push([attempt, previousMs]);
      return attempt * 100;
    };
    const events: WriteBehindEvent<string, string>[] = [];
    const table = behind({ backoff, onEvent: (event) => void events.push(event) });
    const { cached, clock, log, peek, rows } = table;
    table.mode = 'fail';
    await cached.put('a', '1');
    await clock.advance(10);
    await clock.advance(109);
    expect([log.length, cached.pendingWrites, peek('a'), await cached.get('a')]).toEqual([1, 1, '1', '1']);
    await clock.advance(1);
    expect(log).toHaveLength(2);
    table.mode = 'work';
    await clock.advance(210);
    expect([log, rows.get('a'), cached.pendingWrites]).toEqual([['a=1', 'a=1', 'a=1'], '1', 0]);
    expect(asked).toEqual([
      [1, 0],
      [2, 100],
    ]);
    expect(events).toMatchObject([
      { type: 'retry', key: 'a', delayMs: 100, error: { message: 'down' } },
      { type: 'retry', key: 'a', delayMs: 200, error: { message: 'down' } },
    ]);
  });

  it('and succeeds later is not written once more by a flush', async () => {
    const table = behind();
    const { cached, clock, log, rows } = table;
    table.mode = 'fail';
    await cached.put('a', '1');
    await clock.advance(10);
    table.mode = 'work';
    await clock.advance(110);
    rows.set('a', 'changed by others');
    await cached.flush();
    expect([log, rows.get('a'), clock.pendingTimers]).toEqual([['a=1', 'a=1'], 'changed by others', 0]);
  });

  it('never comes on top of a newer write of its key', async () => {
    const table = behind();
    const { cached, calls, clock, log, rows } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await clock.advance(10);
    await cached.put('a', '2');
    calls[0]!.fail(new Error('lost on the way'));
    await clock.advance(50);
    await cached.put('a', '3');
    table.mode = 'work';
    await clock.advance(10_000);
    expect([log, rows.get('a'), cached.pendingWrites]).toEqual([['a=1', 'a=3'], '3', 0]);
  });

  it('fails nobody else: an Error in the answer of a batch is that of the write in its place', async () => {
    const table = behind({}, { isBatched: true });
    const { cached, calls, clock, log } = table;
    table.mode = 'hold';
    for (const key of ['a', 'b', 'c']) await cached.put(key, '1');
    await clock.advance(10);
    calls[0]!.open([undefined, new Error('refused'), undefined]);
    await flush();
    expect([cached.pendingWrites, await cached.get('b')]).toEqual([1, '1']);
    await clock.advance(110);
    expect(log).toEqual(['a=1 b=1 c=1', 'b=1']);
  });

  it('as a whole batch is tried again in halves, and counts as a failure of none of its writes', async () => {
    const table = behind({ maxAttempts: 2, onEvent: () => {} }, { isBatched: true });
    const { cached, clock, log, rows } = table;
    table.mode = 'hold';
    for (const key of ['a', 'b', 'c', 'd', 'e']) await cached.put(key, '1');
    // The store takes no batch with c in it.
    for (let round = 0; round < 60 && cached.pendingWrites > 0; round++) {
      for (const call of table.calls) {
        if (call.isSettled) continue;
        if (call.writes.some(({ key }) => key === 'c')) call.fail(new Error('poison'));
        else call.succeed();
      }
      await clock.advance(10);
    }
    expect(log).toEqual(['a=1 b=1 c=1 d=1 e=1', 'a=1 b=1', 'c=1 d=1', 'e=1', 'c=1', 'd=1', 'c=1']);
    expect([...rows.keys()].sort()).toEqual(['a', 'b', 'd', 'e']);
    expect(cached.failedWrites()).toEqual(['c']);
  });

  it('because a batch was answered with too short a list is tried again', async () => {
    const errors: unknown[] = [];
    const table = behind({ onEvent: ({ error }) => void errors.push(error) }, { isBatched: true });
    const { cached, calls, clock, log } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await cached.put('b', '1');
    await clock.advance(10);
    calls[0]!.open([undefined]);
    await flush();
    expect(cached.pendingWrites).toBe(2);
    expect(errors[0]).toEqual(new TypeError('a batch of 2 writes was answered with 1 results'));
    table.mode = 'work';
    await clock.advance(110);
    expect(log).toEqual(['a=1 b=1', 'a=1', 'b=1']);
  });

  it('maxAttempts times is told of once and dropped, and its cache entry with it', async () => {
    const events: WriteBehindEvent<string, string>[] = [];
    const table = behind({ maxAttempts: 2, onEvent: (event) => void events.push(event) });
    const { cached, clock, log, peek } = table;
    table.mode = 'fail';
    await cached.put('a', '1');
    await clock.advance(10_000);
    expect([log, cached.pendingWrites, peek('a'), cached.failedWrites()]).toEqual([
      ['a=1', 'a=1'],
      0,
      undefined,
      ['a'],
    ]);
    expect(events.map(({ type }) => type)).toEqual(['retry', 'lost']);
    expect(events[1]).toMatchObject({
      key: 'a',
      write: { type: 'put', key: 'a', value: '1' },
      error: { message: 'down' },
    });
    expect(await cached.get('a')).toBe('old');
  });

  it('leaves a newer write of its key all of maxAttempts', async () => {
    const table = behind({ maxAttempts: 2, onEvent: () => {} });
    const { cached, clock, log } = table;
    table.mode = 'fail';
    await cached.put('a', '1');
    await clock.advance(10);
    await cached.put('a', '2');
    await clock.advance(110);
    expect([log, cached.pendingWrites]).toEqual([['a=1', 'a=2'], 1]);
    await clock.advance(110);
    expect([log, cached.pendingWrites]).toEqual([['a=1', 'a=2', 'a=2'], 0]);
  });

  it('counts as a failure of none but itself: a newer one that waits behind it is still to be tried', async () => {
    const table = behind({ maxAttempts: 1, onEvent: () => {} });
    const { cached, calls, clock, log, rows } = table;
    table.mode = 'hold';
    await cached.put('a', '1');
    await clock.advance(10);
    await cached.put('a', '2');
    calls[0]!.fail(new Error('no'));
    table.mode = 'work';
    await clock.advance(110);
    expect([log, rows.get('a'), cached.failedWrites()]).toEqual([['a=1', 'a=2'], '2', []]);
  });

  it('for good is reported as an error where nobody listens', async () => {
    const reported: unknown[] = [];
    const { reportError } = globalThis;
    globalThis.reportError = (error) => void reported.push(error);
    try {
      const table = behind({ maxAttempts: 1 });
      table.mode = 'fail';
      await table.cached.put('a', '1');
      await table.clock.advance(10);
      expect(reported).toMatchObject([{ code: 'ERR_CACHE_WRITE_FAILED', key: 'a', cause: { message: 'down' } }]);
    } finally {
      globalThis.reportError = reportError;
    }
  });

  it('is no more a failed write when its key has been written anew, and no more than maxPending are remembered', async () => {
    const table = behind({ maxAttempts: 1, maxPending: 2, onEvent: () => {} });
    const { cached, clock } = table;
    table.mode = 'fail';
    for (const key of ['a', 'b', 'c']) {
      await cached.put(key, '1');
      await clock.advance(10);
    }
    expect(cached.failedWrites()).toEqual(['b', 'c']);
    table.mode = 'work';
    await cached.put('b', '2');
    await clock.advance(10);
    expect([cached.failedWrites(), await unwritten(cached.flush())]).toEqual([['c'], ['c']]);
  });

  it('waits no time, and at most the longest that runtimes keep a timer, whatever its backoff says', async () => {
    const delays: unknown[] = [];
    const table = behind({
      backoff: (attempt) => [NaN, -5, Infinity][attempt - 1]!,
      onEvent: (event) => void delays.push(event.type === 'retry' && event.delayMs),
    });
    table.mode = 'fail';
    await table.cached.put('a', '1');
    await table.clock.advance(1000);
    expect(delays).toEqual([0, 0, 2_147_483_647]);
  });
});
