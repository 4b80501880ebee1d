import { describe, expect, it } from 'vitest';
import { isRejection } from '../../src/policy/index.ts';
import { bbrLimit, createConcurrencyLimiter, RateLimitError } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { badFunctions, badNumbers } from '../support/arbitraries.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { outcomeOf } from '../support/gate.ts';
import { collectReports } from '../policy/kit.ts';
import { noting } from './limit-kit.ts';

describe('options', () => {
  it.each([...badNumbers({ min: 1, isInteger: true }), ['undefined', undefined]] as const)(
    'refuse a limit of %s',
    (_, limit) => {
      expect(() => createConcurrencyLimiter({ limit } as never)).toThrow(/^limit must be/);
    },
  );

  it.each(badNumbers({ min: 0, isInteger: true, isUnbounded: true }))('refuse a maxQueue of %s', (_, maxQueue) => {
    expect(() => createConcurrencyLimiter({ limit: 1, maxQueue } as never)).toThrow('maxQueue');
  });

  it.each(badFunctions)('refuse outcomeOf as %s', (_, outcomeOf) => {
    expect(() => createConcurrencyLimiter({ limit: 1, outcomeOf } as never)).toThrow('outcomeOf');
  });

  it.each(badNumbers({ min: 0, isUnbounded: true }))('of a wait refuse a maxWaitMs of %s', async (_, maxWaitMs) => {
    const limiter = createConcurrencyLimiter({ limit: 1 });
    await expect(limiter.acquire({ maxWaitMs } as never)).rejects.toThrow(/^maxWaitMs/);
    expect(limiter.inflight).toBe(0);
  });

  it('are undefined for their defaults', async () => {
    const options = { limit: 1, maxQueue: undefined, outcomeOf: undefined, clock: undefined };
    const limiter = createConcurrencyLimiter(options as never);
    await limiter.acquire({ signal: undefined, maxWaitMs: undefined });
    expect([limiter.inflight, limiter.limit, limiter.queued]).toEqual([1, 1, 0]);
  });
});

describe('permits', () => {
  it('as many permits are out at once as the limit says, and no more', () => {
    const limiter = createConcurrencyLimiter({ limit: 2 });
    const [first, second] = [limiter.tryAcquire(), limiter.tryAcquire()];
    expect([limiter.tryAcquire(), limiter.inflight]).toEqual([undefined, 2]);
    second!.release();
    expect([limiter.inflight, limiter.tryAcquire() !== undefined]).toEqual([1, true]);
    first!.release('dropped');
    expect(limiter.inflight).toBe(1);
  });

  it('a permit comes back once, whatever is called afterwards', () => {
    const algorithm = noting(5);
    const limiter = createConcurrencyLimiter({ limit: algorithm, clock: createVirtualClock() });
    const [permit] = [limiter.tryAcquire()!, limiter.tryAcquire()!];
    permit.release('ignored');
    permit.release('success');
    permit[Symbol.dispose]();
    expect([limiter.inflight, algorithm.samples]).toEqual([1, []]);
  });

  it('tell the algorithm how long the call ran, how many did, and whether it was dropped', () => {
    const algorithm = noting(5);
    const clock = createVirtualClock({ nowMs: 100 });
    const limiter = createConcurrencyLimiter({ limit: algorithm, clock });
    const permits = [0, 1, 2, 3].map(() => {
      clock.stall(10);
      return limiter.tryAcquire()!;
    });
    for (const outcome of ['success', 'dropped', 'ignored'] as const) permits.shift()!.release(outcome);
    permits.shift()![Symbol.dispose]();
    expect(algorithm.samples).toEqual([
      [30, 4, false, 140],
      [20, 3, true, 140],
      [0, 1, false, 140],
    ]);
  });

  it('a clock that was set back makes a call of no time, not of less', () => {
    const algorithm = noting(1);
    const clock = createVirtualClock({ nowMs: 100 });
    const permit = createConcurrencyLimiter({ limit: algorithm, clock }).tryAcquire()!;
    clock.setNow(50);
    permit.release();
    expect(algorithm.samples).toEqual([[0, 1, false, 50]]);
  });

  it('a part of a call in the limit is not used, and a limit below the calls that run takes none back', () => {
    const algorithm = noting(2.9);
    const limiter = createConcurrencyLimiter({ limit: algorithm });
    const permits = [limiter.tryAcquire()!, limiter.tryAcquire()!];
    expect([limiter.tryAcquire(), limiter.limit]).toEqual([undefined, 2.9]);
    algorithm.limit = 1;
    expect(limiter.inflight).toBe(2);
    permits[0]!.release();
    expect(limiter.tryAcquire()).toBeUndefined();
    permits[1]!.release();
    expect(limiter.tryAcquire()).toBeDefined();
  });

  it('nothing reads the clock or starts a timer before the first call, nor ever for a fixed limit', async () => {
    let readings = 0;
    const clock = { ...createVirtualClock(), now: () => ++readings };
    const adaptive = createConcurrencyLimiter({ limit: bbrLimit(), clock });
    expect(readings).toBe(0);
    adaptive.tryAcquire();
    expect(readings).toBe(1);
    const fixed = createConcurrencyLimiter({ limit: 1, clock, maxQueue: 1 });
    fixed.tryAcquire();
    const waiting = fixed.acquire();
    expect([fixed.queued, readings]).toEqual([1, 1]);
    await outcomeOf(waiting);
  });
});

describe('waiting', () => {
  it('waiting calls get permits in order of arrival, and no newcomer passes them', async () => {
    const limiter = createConcurrencyLimiter({ limit: 1, maxQueue: 10 });
    const order: number[] = [];
    const held = limiter.tryAcquire()!;
    const calls = [0, 1, 2].map(async (id) => {
      const permit = await limiter.acquire();
      order.push(id);
      // Handed on before the newcomer asks.
      permit.release();
      expect(limiter.tryAcquire() === undefined).toBe(id < 2);
    });
    expect([limiter.queued, limiter.tryAcquire()]).toEqual([3, undefined]);
    held.release();
    await Promise.all(calls);
    expect(order).toEqual([0, 1, 2]);
  });

  it('the call that finds permits and queue full is refused at once', async () => {
    const limiter = createConcurrencyLimiter({ limit: 1, maxQueue: 1 });
    await limiter.acquire();
    const waiting = limiter.acquire();
    for (const refuse of [() => limiter.acquire(), () => limiter.run(() => 'never')]) {
      const { reason } = (await outcomeOf<unknown>(refuse())) as { reason: RateLimitError };
      expect(reason).toBeInstanceOf(RateLimitError);
      expect([reason.code, reason.retryAfterMs, isRejection(reason)]).toEqual([
        'ERR_RATE_LIMIT_QUEUE_FULL',
        Number.NaN,
        true,
      ]);
    }
    expect((await outcomeOf(waiting)).state).toBe('pending');
  });

  it('a wait ends when maxWaitMs has passed, and takes no permit', async () => {
    const clock = createVirtualClock();
    const limiter = createConcurrencyLimiter({ limit: 1, maxQueue: 5, clock });
    const held = limiter.tryAcquire()!;
    const waiting = limiter.acquire({ maxWaitMs: 50 }).catch((error: { code: string }) => error.code);
    const patient = limiter.acquire({ maxWaitMs: Infinity });
    await clock.advance(49);
    expect(limiter.queued).toBe(2);
    await clock.advance(1);
    expect(limiter.queued).toBe(1);
    const late = limiter.acquire({ maxWaitMs: 0 });
    await expect(Promise.all([late, clock.advance(0)])).rejects.toMatchObject({ code: 'ERR_RATE_LIMIT_MAX_WAIT' });
    held.release();
    await patient;
    expect([limiter.inflight, clock.pendingTimers, await waiting]).toEqual([1, 0, 'ERR_RATE_LIMIT_MAX_WAIT']);
  });

  it('an abort ends a wait with the reason of the signal, and leaves no listener', async () => {
    const limiter = createConcurrencyLimiter({ limit: 1, maxQueue: 5 });
    const held = limiter.tryAcquire()!;
    const caller = countingSignal();
    const waiting = [limiter.acquire({ signal: caller.signal }), limiter.run(() => 1, { signal: caller.signal })];
    expect([caller.listeners, limiter.queued]).toEqual([2, 2]);
    const reason = { why: 'test' };
    caller.abort(reason);
    for (const call of waiting) await expect(call).rejects.toBe(reason);
    expect([caller.listeners, limiter.queued]).toEqual([0, 0]);
    await expect(limiter.acquire({ signal: caller.signal })).rejects.toBe(reason);
    held.release();
    expect(limiter.inflight).toBe(0);
  });

  it('a grant leaves no listener', async () => {
    const limiter = createConcurrencyLimiter({ limit: 1, maxQueue: 5 });
    const held = limiter.tryAcquire()!;
    const caller = countingSignal();
    const waiting = limiter.acquire({ signal: caller.signal });
    held.release();
    (await waiting).release();
    expect([caller.added, caller.listeners, limiter.inflight]).toEqual([1, 0, 0]);
  });

  it('a limit that has grown lets several go on at once', async () => {
    const algorithm = noting(1);
    const limiter = createConcurrencyLimiter({ limit: algorithm, maxQueue: 5 });
    const held = limiter.tryAcquire()!;
    const calls = [1, 2, 3, 4].map(() => limiter.acquire());
    algorithm.limit = 3;
    held.release();
    await Promise.all(calls.slice(0, 3));
    expect([limiter.inflight, limiter.queued]).toEqual([3, 1]);
  });

  it('an algorithm that throws is reported and stops nobody', async () => {
    const reports = collectReports();
    const sample = (): never => {
      throw new Error('faulty');
    };
    const limiter = createConcurrencyLimiter({ limit: { limit: 1, sample }, maxQueue: 5 });
    const held = limiter.tryAcquire()!;
    const waiting = limiter.acquire();
    held.release();
    await waiting;
    expect(reports).toEqual([new Error('faulty')]);
  });
});
