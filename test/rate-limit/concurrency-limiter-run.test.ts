import { describe, expect, it } from 'vitest';
import { pipeline, timeout, TimeoutError } from '../../src/policy/index.ts';
import type { PermitOutcome } from '../../src/rate-limit/index.ts';
import { createConcurrencyLimiter } from '../../src/rate-limit/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { countingSignal } from '../support/counting-signal.ts';
import { flush, gate, outcomeOf } from '../support/gate.ts';
import { collectReports } from '../policy/kit.ts';
import { noting } from './limit-kit.ts';

describe('run', () => {
  it('run takes a permit, and gives it back before its result is told', async () => {
    const limiter = createConcurrencyLimiter({ limit: 1 });
    const work = gate<string>();
    const call = limiter.run(() => work.promise);
    expect(limiter.inflight).toBe(1);
    const newcomer = call.then(() => limiter.run(() => 'newcomer'));
    work.open('done');
    expect([await call, await newcomer, limiter.inflight]).toEqual(['done', 'newcomer', 0]);
  });

  it('thousands of calls that end while they start overflow no stack', async () => {
    const limiter = createConcurrencyLimiter({ limit: 1, maxQueue: Infinity });
    const held = limiter.tryAcquire()!;
    const calls = Array.from({ length: 20_000 }, (_, id) => limiter.run(() => id));
    held.release();
    expect((await Promise.all(calls)).at(-1)).toBe(19_999);
  });

  it('a timeout counts as dropped, another failure not at all, unless told', async () => {
    const algorithm = noting(10);
    const clock = createVirtualClock();
    const limiter = createConcurrencyLimiter({ limit: algorithm, clock });
    const fail = (error: unknown) => (): never => {
      throw error;
    };
    await limiter.runOutcome(fail(new TimeoutError(5)));
    await limiter.runOutcome(fail(new Error('bad input')));
    await limiter.runOutcome(() => 'fine');
    const told = createConcurrencyLimiter({ limit: algorithm, clock, outcomeOf: (error) => error as PermitOutcome });
    for (const outcome of ['dropped', 'success', 'ignored']) await told.runOutcome(fail(outcome));
    expect(algorithm.samples.map(([, , dropped]) => dropped)).toEqual([true, false, true, false]);
    expect([limiter.inflight, told.inflight]).toEqual([0, 0]);
  });

  it('an outcomeOf that throws is reported, and the failure ignored', async () => {
    const reports = collectReports();
    const algorithm = noting(10);
    const outcomeOfError = (): never => {
      throw new Error('faulty');
    };
    const limiter = createConcurrencyLimiter({ limit: algorithm, outcomeOf: outcomeOfError });
    await expect(limiter.run(() => Promise.reject(new Error('failure')))).rejects.toThrow('failure');
    expect([reports.length, algorithm.samples.length, limiter.inflight]).toEqual([1, 0, 0]);
  });

  it('is a policy of a pipeline: a timeout inside it is heard, one around it ends the wait', async () => {
    const clock = createVirtualClock();
    const algorithm = noting(1);
    const limiter = createConcurrencyLimiter({ limit: algorithm, maxQueue: 1, clock });
    const inside = pipeline(limiter, timeout({ ms: 10, clock }));
    const stuck = outcomeOf(inside.run(({ signal }) => new Promise((_, reject) => (signal.onabort = reject))));
    const around = pipeline(timeout({ ms: 5, clock }), limiter);
    const waiting = outcomeOf(around.run(() => 'never'));
    await clock.advance(5);
    expect(limiter.queued).toBe(0);
    await clock.advance(5);
    await Promise.all([stuck, waiting]);
    await flush();
    expect(algorithm.samples).toEqual([[10, 1, true, 10]]);
    expect(limiter.inflight).toBe(0);
  });

  it('a call that has waited is bounded by the policies inside, and ended by its caller, as any other', async () => {
    const clock = createVirtualClock();
    const limiter = createConcurrencyLimiter({ limit: 1, maxQueue: 1, clock });
    const inside = pipeline(limiter, timeout({ ms: 10, clock }));
    const untilAborted = ({ signal }: { readonly signal: AbortSignal }): Promise<never> =>
      new Promise((_, reject) => (signal.onabort = () => reject(signal.reason)));
    for (const end of ['timeout', 'abort']) {
      const held = limiter.tryAcquire()!;
      const caller = new AbortController();
      const ended = inside.run(untilAborted, { signal: caller.signal }).catch((reason: unknown) => reason);
      held.release();
      await flush();
      if (end === 'abort') caller.abort('enough');
      else await clock.advance(10);
      expect(await ended).toEqual(end === 'abort' ? 'enough' : expect.any(TimeoutError));
      expect([limiter.inflight, limiter.queued]).toEqual([0, 0]);
    }
  });

  it('no newcomer passes those who wait, not even where the limit has grown meanwhile', async () => {
    const algorithm = noting(1);
    const limiter = createConcurrencyLimiter({ limit: algorithm, maxQueue: 5 });
    const held = limiter.tryAcquire()!;
    const order: string[] = [];
    const first = limiter.run(() => order.push('first'));
    algorithm.limit = 2;
    const newcomer = limiter.run(() => order.push('newcomer'));
    expect(limiter.queued).toBe(2);
    held.release();
    await Promise.all([first, newcomer]);
    expect(order).toEqual(['first', 'newcomer']);
  });

  it('a call that is aborted between its permit and its start gives it back to the next, and says nothing to the limit', async () => {
    const algorithm = noting(1);
    const limiter = createConcurrencyLimiter({ limit: algorithm, maxQueue: 5, clock: createVirtualClock() });
    const held = limiter.tryAcquire()!;
    const caller = countingSignal();
    let calls = 0;
    const aborted = limiter.run(() => ++calls, { signal: caller.signal });
    const next = limiter.run(() => 'next');
    held.release();
    caller.abort('enough');
    await expect(aborted).rejects.toBe('enough');
    expect([await next, calls, limiter.inflight, caller.listeners]).toEqual(['next', 0, 0, 0]);
    expect(algorithm.samples.length).toBe(2); // of the one held, and of the next
  });
});
