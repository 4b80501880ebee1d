import { describe, expect, it } from 'vitest';
import { createRateLimiter, fixedWindow, slidingLog, slidingWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RateLimitPolicy, StoredReservation } from '../../src/rate-limit/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import { flush, gate } from '../support/gate.ts';
import { scripted } from './scripted-store.ts';

const HOUR = 3_600_000;
const small = fixedWindow({ limit: 5, windowMs: HOUR, name: 'small' });
const large = fixedWindow({ limit: 100, windowMs: HOUR, name: 'large' });

describe('what is made of the answer of a store', () => {
  it.each([
    // For each policy: free units, time to wait, time until it is as good as new.
    [1, '1,0,5,0,100,2,0,50', { allowed: true, policy: 'large', remaining: 2, resetAfterMs: 100, violated: [] }],
    [1, '1,0,2,0,50,2,0,100', { allowed: true, policy: 'small', remaining: 2, resetAfterMs: 100, violated: [] }],
    [0, '0,0,-3,0,100,9,0,50', { allowed: true, policy: 'small', remaining: 0, retryAfterMs: 0, violated: [] }],
    [4, '-1,0,4,0,9,3,40,50', { allowed: false, policy: 'large', retryAfterMs: 40, violated: ['large'] }],
    [4, '-1,0,2,40,9,1,40,50', { policy: 'large', remaining: 1, retryAfterMs: 40, violated: ['small', 'large'] }],
    [4, '-1,0,1,40,9,1,40,50', { policy: 'small', remaining: 1, retryAfterMs: 40 }],
    [4, '-1,0,1,70,9,0,40,50', { policy: 'small', remaining: 1, retryAfterMs: 70 }],
    [5, '-1,0,4,30,9,50,0,50', { policy: 'small', retryAfterMs: 30, violated: ['small'] }],
    [6, '-1,0,5,0,9,50,0,50', { policy: 'small', retryAfterMs: Infinity, violated: ['small'] }],
  ])('of a cost of %i: %s', async (cost, answer, decision) => {
    const store = scripted([small, large]);
    store.answers = () => answer;
    expect(await store.limiter.consume('k', cost)).toMatchObject(decision);
  });

  it('is each call’s own row where several came in one trip', async () => {
    const store = scripted(small);
    store.answers = () => '1,0,4,0,9,1,0,3,0,9,-1,0,3,8,9';
    const calls = await Promise.all([1, 1, 4].map((cost) => store.limiter.consume('k', cost)));
    expect(calls.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 4],
      [true, 3],
      [false, 3],
    ]);
  });
});

it('several policies have a row together', async () => {
  const store = scripted([small, large]);
  store.answers = () => '1,0,4,0,9,99,0,9,1,0,3,0,9,98,0,9';
  const calls = await Promise.all([store.limiter.consume('k'), store.limiter.consume('k')]);
  expect(calls.map(({ remaining }) => remaining)).toEqual([4, 3]);
});

describe('what a store is asked', () => {
  it('is no more than one unit above what any policy ever gives', async () => {
    const store = scripted([small, large], { denyCache: false });
    for (const cost of [50, 101, 102, Number.MAX_SAFE_INTEGER]) {
      await store.limiter.consume('k', cost);
      await store.limiter.peek('k', cost);
      await store.limiter.reserve('k', cost);
    }
    expect(store.trips.map((trip) => trip.slice(0, 2))).toEqual(
      ['50', '101', '101', '101'].flatMap((units) => ['1', '0', '2'].map((name) => [name, units])),
    );
  });

  it('is left out where it is one unit, which the script takes unless told otherwise', async () => {
    const store = scripted(small);
    await store.limiter.consume('k');
    await store.limiter.consume('k', 2);
    await store.limiter.peek('k', 1);
    await Promise.all([store.limiter.consume('k'), store.limiter.consume('k')]);
    expect(store.trips).toEqual([[], ['1', '2', '0'], ['0', '1', '0'], ['1', '1', '0', '1', '1', '0']]);
  });

  it('goes alone where the call before it has been sent, and each for itself without `batch`', async () => {
    const store = scripted(small);
    const late = gate<unknown>();
    store.answers = () => late.promise;
    const first = store.limiter.consume('k', 2);
    await flush();
    const second = store.limiter.consume('k', 3);
    await flush();
    expect(store.trips.length).toBe(2);
    late.open('2,0,9,0,9');
    await Promise.all([first, second]);
    const apart = scripted(small, { batch: false });
    await Promise.all([2, 3].map((cost) => apart.limiter.consume('k', cost)));
    expect(apart.trips).toEqual([
      ['1', '2', '0'],
      ['1', '3', '0'],
    ]);
  });

  it.each<readonly [RateLimitPolicy, readonly string[], string]>([
    [
      tokenBucket({ limit: 6, periodMs: 1000, burst: 7, name: 'a:b{c}' }),
      ['3500', '500', '3'],
      'a%3ab%7bc%7d=b3500-500-3',
    ],
    [tokenBucket({ limit: 7, periodMs: 9, name: 'prime' }), ['63', '9', '7'], 'prime=b63-9-7'],
    [fixedWindow({ limit: 5, windowMs: 90, name: 'f' }), ['5', '90', '0'], 'f=f5-90-0'],
    [fixedWindow({ limit: 5, windowMs: 90, align: 'epoch', name: 'e' }), ['5', '90', '0'], 'e=e5-90-0'],
    [slidingWindow({ limit: 5, windowMs: 90, name: 's' }), ['5', '90', '0'], 's=s5-90-0'],
    [slidingLog({ limit: 10, windowMs: 100, maxEntries: 6, name: 'l' }), ['10', '100', '20'], 'l=l10-100-20'],
    [slidingLog({ limit: 10, windowMs: 100, maxEntries: 10, name: 'l' }), ['10', '100', '1'], 'l=l10-100-1'],
  ])('names numbers and key of a policy as all versions do, which share them: %o', async (policy, numbers, name) => {
    const store = scripted(policy);
    await store.limiter.consume('k\0%{}\ud800');
    expect([store.numbers, store.keys]).toEqual([[numbers], [`holdfast:rate-limit:${name}:k%00%25%7b%7d%d800`]]);
    const both = scripted([policy, { ...large, name: 'other' }]);
    await both.limiter.consume();
    expect(both.keys).toEqual([`holdfast:rate-limit:${name},other=f100-${HOUR}-0:`]);
  });

  it.each<readonly [() => unknown, string]>([
    [() => redisRateLimiter(1 as never, small), 'send must be a function, as fromIoredis makes, got 1'],
    [() => scripted(small, { prefix: 1 as never }), 'prefix must be a text, got 1'],
    [() => scripted([]), 'policies must be one at least, got '],
    [() => scripted([small, large, small]), 'different names must be an integer of at least 3, got 2'],
    [() => scripted(small, { batch: 1 as never }), 'batch must be true or false, got 1'],
    [() => scripted(small, { onStoreError: null as never }), 'onStoreError must be'],
    [() => scripted(small, { lease: { units: 1, ttlMs: 1, maxKeys: -1 } }), 'lease.maxKeys must be'],
    [() => scripted({ ...small, kind: 'other' } as never), 'policy must be one that a factory of holdfast/rate-limit'],
    [
      () => scripted({ ...tokenBucket({ limit: 1, periodMs: 2 }), burst: 2 ** 52, initial: 2 ** 52 }),
      `burst must be an integer`,
    ],
    [() => scripted({ ...slidingWindow({ limit: 1, windowMs: 2 }), limit: 2 ** 52 }), 'limit must be an integer'],
    [
      () => scripted(tokenBucket({ limit: 1, periodMs: 2, burst: 2, initial: 1 })),
      'initial must be burst in a store, which forgets who is idle, got 1',
    ],
  ])('is refused with its name, the rule and the value where it cannot be: %#', (make, message) => {
    expect(make).toThrow(message);
  });
});

describe('the end of a reservation', () => {
  it('gives back, books, or sends nothing, and that once', async () => {
    for (const [actual, trip] of [
      [1, ['3', '2', '7']],
      [5, ['3', '0', '7', '5', '2', '0']],
      [3, undefined],
    ] as const) {
      const store = scripted(small);
      const reservation = (await store.limiter.reserve('k', 3))!;
      await reservation.settle(actual);
      for (const end of [reservation.settle(0), reservation.cancel(), reservation[Symbol.asyncDispose]()]) await end;
      expect(store.trips.slice(1)).toEqual(trip ? [trip] : []);
    }
  });

  it('without an id books what was used above it, and gives nothing back', async () => {
    const store = scripted(small);
    store.answers = () => '3,0,2,0,9';
    await (await store.limiter.reserve('k', 3))!.settle(4);
    await (await store.limiter.reserve('k', 3))!.cancel();
    expect(store.trips.slice(1)).toEqual([
      ['5', '1', '0'],
      ['2', '3', '0'],
    ]);
  });

  it('that nobody booked sends nothing', async () => {
    const store = scripted(small, { onStoreError: 'allow' });
    store.answers = () => Promise.reject(new Error('gone'));
    const reservation = (await store.limiter.reserve('k', 3))!;
    await reservation.settle(5);
    expect(store.trips.length).toBe(1);
  });

  it('at the end of a block keeps its cost, and cannot be changed any more', async () => {
    const store = scripted(small);
    let ended: StoredReservation;
    {
      await using reservation = (await store.limiter.reserve('k', 3))!;
      expect(reservation.cost).toBe(3);
      ended = reservation;
    }
    await ended.cancel();
    expect(store.trips.length).toBe(1);
    await (await store.limiter.reserve('k', 3))!.cancel();
    expect(store.trips.at(-1)).toEqual(['3', '3', '7']);
  });
});

it('a reset forgets the key in the limiter of this process as well', async () => {
  const store = scripted(small, { onStoreError: createRateLimiter(fixedWindow({ limit: 1, windowMs: HOUR })) });
  store.answers = () => Promise.reject(new Error('gone'));
  expect((await store.limiter.consume('k')).allowed).toBe(true);
  expect((await store.limiter.consume('k')).allowed).toBe(false);
  await expect(store.limiter.reset('k')).rejects.toThrow('gone');
  expect((await store.limiter.consume('k')).allowed).toBe(true);
});

it.each([null, 1, {}, Symbol('key')])(
  'a key that is no text is the fault of the caller, not of the store: %s',
  async (key) => {
    const store = scripted(small, { onStoreError: 'allow', onEvent: () => expect.unreachable('no event') });
    for (const call of ['consume', 'peek', 'reserve', 'reset'] as const) {
      await expect(store.limiter[call](key as string)).rejects.toThrow('key must be a text');
    }
    expect(store.trips).toEqual([]);
  },
);

it('calls without a key are of the key of no characters', async () => {
  const store = scripted(small, { denyCache: false });
  await store.limiter.consume();
  await store.limiter.peek();
  await store.limiter.reserve();
  await store.limiter.reset();
  expect(new Set(store.keys)).toEqual(new Set([`holdfast:rate-limit:small=f5-${HOUR}-0:`]));
});
