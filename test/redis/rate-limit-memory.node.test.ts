import { describe, expect, it } from 'vitest';
import { fixedWindow } from '../../src/rate-limit/index.ts';
import type { StoredRateLimitEvent } from '../../src/redis/index.ts';
import { gate, flush } from '../support/gate.ts';
import { generous, scripted } from './scripted-store.ts';

const hourly = fixedWindow({ limit: 100, windowMs: 3_600_000 });
const lease = { units: 10, ttlMs: 1000 };
const gone = (): Promise<never> => Promise.reject(new Error('gone'));

describe('leases', () => {
  it('of a key that has one are renewed with what is left of it, once it is too old or too small', async () => {
    const store = scripted(hourly, { lease });
    await store.limiter.consume('k');
    await store.limiter.consume('k', 9); // the last of it
    await store.limiter.consume('k');
    store.clock.setNow(500);
    await store.limiter.consume('k', 10); // 9 are left
    store.clock.setNow(1499);
    await store.limiter.consume('k', 0);
    expect(store.trips).toEqual([
      ['2', '1', '10'],
      ['3', '0', '7', '2', '1', '10'],
      ['3', '9', '7', '2', '10', '10'],
      ['1', '0', '0'],
    ]);
  });

  it('are for `maxKeys` keys, those on their way included, until the oldest are too old', async () => {
    const store = scripted(hourly, { lease: { ...lease, maxKeys: 2 } });
    await Promise.all(['a', 'b', 'c'].map((key) => store.limiter.consume(key)));
    await store.limiter.consume('d');
    store.clock.setNow(999);
    await store.limiter.consume('e');
    await store.limiter.consume('a', 4);
    await store.limiter.consume('a', 6); // its own is too small, and it has a place
    store.clock.setNow(1000);
    await store.limiter.consume('f');
    expect(store.trips.map(([name]) => name ?? '1')).toEqual(['2', '2', '1', '1', '1', '3', '2']);
  });

  it('are none where the store gave just what was asked for, or nothing', async () => {
    const store = scripted(hourly, { lease, denyCache: false });
    store.answers = () => '1,7,0,0,1000';
    await store.limiter.consume('k');
    store.answers = () => '-1,0,0,30,1000';
    const calls = await Promise.all([store.limiter.consume('k'), store.limiter.consume('k')]);
    expect(calls.map(({ allowed, retryAfterMs }) => [allowed, retryAfterMs])).toEqual([
      [false, 30],
      [false, 30],
    ]);
    // The second has waited for the first, and then asks for its own unit alone.
    expect(store.trips).toEqual([['2', '1', '10'], ['2', '1', '10'], []]);
  });

  it('are waited for by calls that come meanwhile, as long as they give anything', async () => {
    const store = scripted(hourly, { lease });
    const three = (): Promise<unknown[]> => Promise.all([1, 1, 1].map(() => store.limiter.consume('k')));
    await three();
    expect(store.trips).toEqual([['2', '1', '10']]);
    const bare = scripted(hourly, { lease });
    bare.answers = () => '1,7,0,0,1000';
    await Promise.all([bare.limiter.consume('k'), bare.limiter.consume('k')]);
    expect(bare.trips).toEqual([
      ['2', '1', '10'],
      ['2', '1', '10'],
    ]);
  });

  it('are not used any more once they were sent back, though nobody knows whether that has come', async () => {
    const store = scripted(hourly, { lease, onStoreError: 'deny' });
    await store.limiter.consume('k');
    store.answers = gone;
    expect((await store.limiter.consume('k', 10)).source).toBe('fallback');
    expect((await store.limiter.consume('k')).source).toBe('fallback');
  });

  it('that do not come are no longer waited for', async () => {
    const store = scripted(hourly, { lease, onStoreError: 'deny' });
    store.answers = gone;
    const calls = await Promise.all([store.limiter.consume('k'), store.limiter.consume('k')]);
    expect(calls.map(({ source }) => source)).toEqual(['fallback', 'fallback']);
    expect(store.trips).toEqual([['2', '1', '10']]);
    store.answers = (operations) => generous(operations);
    expect([(await store.limiter.consume('k')).source, (await store.limiter.consume('k')).source]).toEqual([
      'store',
      'lease',
    ]);
  });

  it('are waited for no longer than a trip may take, however many it takes', async () => {
    const store = scripted(hourly, { lease, timeoutMs: 100, onStoreError: 'allow' });
    store.answers = (operations) =>
      new Promise((resolve) => store.clock.setTimeout(() => resolve(generous(operations)), 60));
    const calls = Promise.all([8, 6, 4, 9].map((cost) => store.limiter.consume('k', cost)));
    await store.clock.advance(100);
    expect((await calls).map(({ source }) => source)).toEqual(['store', 'fallback', 'fallback', 'fallback']);
    // The lease comes when those are gone who have waited for it: they neither take of it nor ask for another.
    await store.clock.advance(100);
    expect([store.trips.length, store.clock.pendingTimers]).toEqual([2, 0]);
    expect((await store.limiter.consume('k', 4)).source).toBe('lease');
  });

  it('answer a peek that they can, and say how long ago the store was asked', async () => {
    const store = scripted(hourly, { lease });
    await store.limiter.consume('other'); // its time begins
    store.clock.setNow(5000);
    await store.limiter.consume('k');
    store.clock.setNow(5400);
    expect(await store.limiter.peek('k', 9)).toMatchObject({ source: 'lease', remaining: 9, resetAfterMs: 600 });
    expect(await store.limiter.consume('k', 2)).toMatchObject({ source: 'lease', remaining: 7, resetAfterMs: 600 });
    expect((await store.limiter.peek('k', 8)).source).toBe('store');
    expect((await store.limiter.peek('k', 0)).source).toBe('store');
    store.answers = () => '10,7,90,0,50';
    await store.limiter.consume('short');
    store.clock.setNow(5500);
    expect((await store.limiter.consume('short')).resetAfterMs).toBe(0);
  });

  it('are forgotten with their key', async () => {
    const store = scripted(hourly, { lease });
    await store.limiter.consume('k');
    await store.limiter.reset('k');
    expect((await store.limiter.consume('k')).source).toBe('store');
    expect(store.trips.at(-1)).toEqual(['2', '1', '10']);
  });

  it('go back at the close where they are not too old and the store knows them, and that once', async () => {
    const store = scripted(hourly, { lease });
    await store.limiter.consume('old');
    store.clock.setNow(600);
    await store.limiter.consume('young', 3);
    store.answers = () => '10,0,90,0,1000';
    await store.limiter.consume('unknown');
    store.clock.setNow(1000);
    await store.limiter[Symbol.asyncDispose]();
    expect(store.trips.slice(3)).toEqual([['3', '7', '7']]);
    await Promise.all([store.limiter.close(), store.limiter.close()]);
    expect(store.trips.length).toBe(4);
    await expect(store.limiter.consume('k')).rejects.toThrow('the rate limiter is closed');
  });
});

describe('refusals', () => {
  const refusal = '-1,0,0,500,800';

  it('are remembered for every verb that takes, with the time that has gone by, until they are due', async () => {
    const store = scripted(hourly);
    await store.limiter.consume('other'); // its time begins
    store.clock.setNow(70);
    store.answers = () => refusal;
    await store.limiter.consume('k', 3);
    store.clock.setNow(170);
    expect(await store.limiter.consume('k', 3)).toMatchObject({
      allowed: false,
      source: 'deny-cache',
      retryAfterMs: 400,
      resetAfterMs: 700,
    });
    expect(await store.limiter.reserve('k', 3)).toBeUndefined();
    expect(store.trips.length).toBe(2);
    expect((await store.limiter.peek('k', 3)).source).toBe('store');
    store.clock.setNow(570);
    expect((await store.limiter.consume('k', 3)).source).toBe('store');
  });

  it('are not remembered without a deny cache', async () => {
    const store = scripted(hourly, { denyCache: false });
    store.answers = () => refusal;
    for (let k = 0; k < 3; k++) expect((await store.limiter.consume('k')).source).toBe('store');
  });

  it('of a reservation are remembered too', async () => {
    const store = scripted(hourly);
    store.answers = () => refusal;
    await store.limiter.reserve('k', 3);
    expect((await store.limiter.consume('k', 3)).source).toBe('deny-cache');
  });

  it('are forgotten as soon as units are given back, also for calls of the same tick', async () => {
    const store = scripted(hourly);
    const reservation = (await store.limiter.reserve('k', 3))!;
    store.answers = () => refusal;
    await store.limiter.consume('k');
    store.answers = (operations) => generous(operations);
    const [, decision] = await Promise.all([reservation.cancel(), store.limiter.consume('k')]);
    expect(decision.source).toBe('store');
  });

  it('are forgotten at a reset, what is refused while that is on its way included', async () => {
    const store = scripted(hourly);
    store.answers = () => refusal;
    await store.limiter.consume('k');
    const reset = store.limiter.reset('k');
    expect((await store.limiter.consume('k')).source).toBe('store');
    await reset;
    const late = gate<unknown>();
    store.answers = ([name]) => (name === '4' ? late.promise : refusal);
    const second = store.limiter.reset('k');
    await flush();
    await store.limiter.consume('k');
    late.open('');
    await second;
    expect((await store.limiter.consume('k')).source).toBe('store');
  });

  it('of the keys that were refused last are kept, a key that is refused again among the last', async () => {
    const store = scripted(hourly, { denyCache: { maxKeys: 2 } });
    store.answers = () => refusal;
    for (const key of ['a', 'b']) await store.limiter.consume(key);
    await store.limiter.consume('b', 2); // another cost: asked, and remembered in place of the first
    expect((await store.limiter.consume('a')).source).toBe('deny-cache');
    await store.limiter.consume('c');
    const sources = [];
    for (const [key, cost] of [
      ['b', 2],
      ['c', 1],
      ['a', 1],
    ] as const) {
      sources.push((await store.limiter.consume(key, cost)).source);
    }
    expect(sources).toEqual(['deny-cache', 'deny-cache', 'store']);
  });

  it('are forgotten when units of the key go back, and not when none do', async () => {
    const store = scripted(hourly);
    const [one, other] = [(await store.limiter.reserve('k', 3))!, (await store.limiter.reserve('k', 3))!];
    store.answers = () => refusal;
    await store.limiter.consume('k', 9);
    await one.settle(5);
    expect((await store.limiter.consume('k', 9)).source).toBe('deny-cache');
    await other.settle(2);
    expect((await store.limiter.consume('k', 9)).source).toBe('store');
  });
});

describe('failures', () => {
  it('that others have had answers after, do not suspend the store', async () => {
    const events: StoredRateLimitEvent['type'][] = [];
    const store = scripted(hourly, { onStoreError: 'allow', onEvent: ({ type }) => void events.push(type) });
    const late = gate<unknown>();
    store.answers = () => late.promise;
    const failing = ['a', 'b', 'c', 'd'].map((key) => store.limiter.consume(key));
    await flush();
    store.answers = (operations) => generous(operations);
    await store.limiter.consume('fine');
    late.fail(new Error('gone'));
    for (const call of failing) expect((await call).source).toBe('fallback');
    expect(events).toEqual(Array(4).fill('store-error'));
    expect((await store.limiter.consume('fine')).source).toBe('store');
  });

  it('count in a row: an answer between them begins anew', async () => {
    const events: StoredRateLimitEvent['type'][] = [];
    const store = scripted(hourly, { onStoreError: 'allow', onEvent: ({ type }) => void events.push(type) });
    for (const answers of [gone, gone, generous, gone, gone, generous]) {
      store.answers = (operations) => answers(operations);
      await store.limiter.consume('k');
    }
    expect(events).toEqual(Array(4).fill('store-error'));
  });

  it('of the one call that tries the store let another try it after the next pause', async () => {
    const store = scripted(hourly, { onStoreError: 'allow', cooldownMs: 100 });
    store.answers = gone;
    for (let k = 0; k < 3; k++) await store.limiter.consume('k');
    for (const [atMs, trips] of [
      [99, 3],
      [100, 4],
      [199, 4],
      [200, 5],
    ] as const) {
      store.clock.setNow(atMs);
      await Promise.all(['a', 'b'].map((key) => store.limiter.consume(key)));
      expect([atMs, store.trips.length]).toEqual([atMs, trips]);
    }
    store.answers = (operations) => generous(operations);
    store.clock.setNow(300);
    await store.limiter.consume('k');
    const calls = await Promise.all(['a', 'b'].map((key) => store.limiter.consume(key)));
    expect(calls.map(({ source }) => source)).toEqual(['store', 'store']);
  });
});
