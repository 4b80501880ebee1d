import { describe, expect, it } from 'vitest';
import { createRateLimiter, fixedWindow, tokenBucket } from '../../src/rate-limit/index.ts';
import type { RedisSend } from '../../src/redis/index.ts';
import { redisRateLimiter } from '../../src/redis/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';
import { expectNoLeaks } from '../support/leaks.ts';

const hourly = fixedWindow({ limit: 1000, windowMs: 3_600_000 });
const never: RedisSend = () => new Promise(() => {});
const failing: RedisSend = () => Promise.reject(new Error('gone'));

describe('a store that hangs', () => {
  it('costs `timeoutMs`, not a millisecond more, and then what `onStoreError` says', async () => {
    const clock = createVirtualClock();
    const local = createRateLimiter(fixedWindow({ limit: 1, windowMs: 1000 }), { clock });
    const answers: unknown[] = [];
    for (const onStoreError of ['throw', 'allow', 'deny', local] as const) {
      const limiter = redisRateLimiter(never, hourly, { clock, timeoutMs: 100, onStoreError });
      const call = limiter.consume('k');
      await clock.advance(99);
      expect((await outcomeOf(call)).state).toBe('pending');
      const outcome = outcomeOf(call);
      await clock.advance(1);
      answers.push(await outcome);
    }
    expect(answers).toMatchObject([
      { state: 'rejected', reason: { code: 'ERR_STORE_TIMEOUT' } },
      { state: 'fulfilled', value: { allowed: true, source: 'fallback', violated: [] } },
      { state: 'fulfilled', value: { allowed: false, source: 'fallback' } },
      { state: 'fulfilled', value: { allowed: true, source: 'fallback', remaining: 0 } },
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is not asked again until `cooldownMs` is over, and then by one call', async () => {
    const clock = createVirtualClock();
    const events: string[] = [];
    let sends = 0;
    let reply: RedisSend = never;
    const limiter = redisRateLimiter((...call) => (sends++, reply(...call)), hourly, {
      clock,
      timeoutMs: 100,
      cooldownMs: 1000,
      onStoreError: 'allow',
      onEvent: ({ type }) => void events.push(type),
    });
    for (let k = 0; k < 3; k++) {
      const call = limiter.consume(`k${k}`);
      await clock.advance(100);
      await call;
    }
    for (let k = 0; k < 50; k++) expect((await limiter.consume('k')).source).toBe('fallback');
    expect([sends, clock.pendingTimers]).toEqual([3, 0]);
    await clock.advance(1000);
    reply = () => Promise.resolve([1, 0, 999, 0, 1000]);
    const calls = await Promise.all(['a', 'b', 'c'].map((key) => limiter.consume(key)));
    expect(calls.map(({ source }) => source)).toEqual(['store', 'fallback', 'fallback']);
    expect((await limiter.consume('k')).source).toBe('store');
    expect(sends).toBe(5);
    expect(events).toEqual(['store-error', 'store-error', 'store-error', 'store-suspended', 'store-resumed']);
  });

  it('is left alone anew when the one call that tries it fails', async () => {
    const clock = createVirtualClock();
    let sends = 0;
    const limiter = redisRateLimiter((...call) => (sends++, failing(...call)), hourly, { clock, onStoreError: 'deny' });
    for (let k = 0; k < 10; k++) await limiter.consume('k');
    await clock.advance(1000);
    for (let k = 0; k < 10; k++) {
      expect(await limiter.consume('k')).toMatchObject({ allowed: false, retryAfterMs: 1000, source: 'fallback' });
    }
    expect(sends).toBe(4);
  });

  it('is tried by one call at a time, also when an older call ends meanwhile', async () => {
    const clock = createVirtualClock();
    const [older, trial] = [gate<unknown>(), gate<unknown>()];
    const replies = [
      older.promise,
      ...Array.from({ length: 3 }, () => Promise.reject(new Error('gone'))),
      trial.promise,
    ];
    for (const reply of replies) reply.catch(() => {});
    let sends = 0;
    const limiter = redisRateLimiter(() => replies[sends++]!, hourly, {
      clock,
      timeoutMs: 10_000,
      cooldownMs: 1_000,
      onStoreError: 'allow',
    });
    const calls = ['older', 'a', 'b', 'c'].map((key) => limiter.consume(key));
    await Promise.all(calls.slice(1));
    await clock.advance(1_000);
    calls.push(limiter.consume('trial'));
    await flush();
    expect(sends).toBe(5);
    older.fail(new Error('gone'));
    await calls[0];
    await clock.advance(1_000);
    expect([(await limiter.consume('d')).source, sends]).toEqual(['fallback', 5]);
    trial.fail(new Error('gone'));
    await Promise.all(calls);
  });

  it('gets no call twice, and what comes too late changes nothing', async () => {
    const clock = createVirtualClock();
    const late = gate<unknown>();
    let sends = 0;
    const limiter = redisRateLimiter(() => (sends++, late.promise), hourly, {
      clock,
      timeoutMs: 10,
      onStoreError: 'deny',
    });
    const call = limiter.consume('k');
    await clock.advance(10);
    expect((await call).allowed).toBe(false);
    late.open([1, 0, 999, 0, 1000]);
    await flush();
    await clock.advance(10_000);
    expect([sends, clock.pendingTimers]).toEqual([1, 0]);
  });

  it('lets reservations be made and ended as `onStoreError` says', async () => {
    const options = { timeoutMs: 1000 } as const;
    const local = createRateLimiter(fixedWindow({ limit: 5, windowMs: 3_600_000 }));
    const by = redisRateLimiter(failing, hourly, { ...options, onStoreError: local });
    const reservation = (await by.reserve('k', 4))!;
    expect(reservation.decision).toMatchObject({ remaining: 1, source: 'fallback' });
    expect(await by.reserve('k', 2)).toBeUndefined();
    await reservation.settle(1);
    expect(await by.peek('k', 4)).toMatchObject({ allowed: true, source: 'fallback' });
    const allowing = await redisRateLimiter(failing, hourly, { ...options, onStoreError: 'allow' }).reserve('k');
    await allowing!.settle(3);
    expect(await redisRateLimiter(failing, hourly, { ...options, onStoreError: 'deny' }).reserve('k')).toBeUndefined();
    await expect(redisRateLimiter(failing, hourly, options).reserve('k')).rejects.toThrow('gone');
  });

  it('fails a reset, whatever `onStoreError` says, and the end of a reservation where it says so', async () => {
    for (const onStoreError of ['throw', 'allow'] as const) {
      let send: RedisSend = () => Promise.resolve([1, 7, 999, 0, 1000]);
      const limiter = redisRateLimiter((...call) => send(...call), hourly, { onStoreError });
      const reservation = (await limiter.reserve('k', 2))!;
      send = failing;
      const end = reservation.settle(1);
      if (onStoreError === 'throw') await expect(end).rejects.toThrow('gone');
      else await end;
      await expect(limiter.reset('k')).rejects.toThrow('gone');
    }
  });
});

describe('close', () => {
  it('leaves nothing behind, and makes later calls reject', async () => {
    await expectNoLeaks(async () => {
      const limiter = redisRateLimiter(failing, hourly, { lease: { units: 5, ttlMs: 1000 }, onStoreError: 'allow' });
      await Promise.all([limiter.consume('a'), limiter.consume('a'), limiter.peek('b'), limiter.reserve('c')]);
      await limiter.close();
      await limiter.close();
      for (const call of [limiter.consume('a'), limiter.peek('a'), limiter.reserve('a'), limiter.reset('a')]) {
        await expect(call).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_CLOSED' });
      }
    });
  });

  it('waits for leases that are on their way, and gives them back', async () => {
    const reply = gate<unknown>();
    const sent: (readonly string[])[] = [];
    const limiter = redisRateLimiter((command) => (sent.push(command), reply.promise), hourly, {
      lease: { units: 5, ttlMs: 10_000 },
    });
    const call = limiter.consume('k');
    await flush();
    const closed = limiter.close();
    reply.open([5, 77, 995, 0, 1000]);
    expect((await call).allowed).toBe(true);
    await closed;
    expect(sent.at(-1)!.slice(-3)).toEqual(['3', '4', '77']);
  });
});

it.each([
  ['send', () => redisRateLimiter(undefined as never, hourly)],
  ['prefix', () => redisRateLimiter(never, hourly, { prefix: 1 as never })],
  ['policies', () => redisRateLimiter(never, [])],
  ['policy', () => redisRateLimiter(never, { ...hourly, kind: 'other' } as never)],
  ['initial', () => redisRateLimiter(never, tokenBucket({ limit: 1, periodMs: 1, burst: 2, initial: 1 }))],
  ['timeoutMs', () => redisRateLimiter(never, hourly, { timeoutMs: 0 })],
  ['timeoutMs', () => redisRateLimiter(never, hourly, { timeoutMs: Infinity })],
  ['cooldownMs', () => redisRateLimiter(never, hourly, { cooldownMs: -1 })],
  ['onStoreError', () => redisRateLimiter(never, hourly, { onStoreError: 'open' as never })],
  ['lease.units', () => redisRateLimiter(never, hourly, { lease: { units: 0.5, ttlMs: 1 } })],
  ['lease.ttlMs', () => redisRateLimiter(never, hourly, { lease: { units: 1, ttlMs: Number.NaN } })],
  ['denyCache.maxKeys', () => redisRateLimiter(never, hourly, { denyCache: { maxKeys: -1 } })],
  ['denyCache.maxMs', () => redisRateLimiter(never, hourly, { denyCache: { maxMs: '1' as never } })],
  ['batch', () => redisRateLimiter(never, hourly, { batch: 1 as never })],
  ['onEvent', () => redisRateLimiter(never, hourly, { onEvent: 1 as never })],
  ['limit', () => redisRateLimiter(never, { ...hourly, limit: 0 })],
  ['windowMs', () => redisRateLimiter(never, { ...hourly, windowMs: 0.5 })],
])('a bad `%s` is refused when the limiter is made', (name, make) => {
  expect(make).toThrow(new RegExp(`^${name} must be`));
});
