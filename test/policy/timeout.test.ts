import { describe, expect, it } from 'vitest';
import type { TimeoutEvent } from '../../src/policy/index.ts';
import { pipeline, retry, timeout, TimeoutError } from '../../src/policy/index.ts';
import { createVirtualClock } from '../../src/testing/index.ts';
import { gate, outcomeOf } from '../support/gate.ts';
import { collectReports, cooperativeSleep, sleep } from './kit.ts';

const strategies = ['cooperative', 'aggressive'] as const;

describe('the limit', () => {
  it.each([1, 1.5, 100, 2 ** 31 + 1000, 2 ** 40])(
    'of %d ms lets an answer through that comes before it',
    async (ms) => {
      const clock = createVirtualClock();
      const policy = timeout({ ms, clock });
      const call = policy.run(async () => {
        await sleep(clock, ms - 0.001);
        return 'in time';
      });
      await clock.advance(ms);
      expect(await call).toBe('in time');
    },
  );

  it.each([1, 1.5, 100, 2 ** 31 + 1000, 2 ** 40])('of %d ms passes at that time and not before', async (ms) => {
    const clock = createVirtualClock();
    const policy = timeout({ ms, strategy: 'aggressive', clock });
    const call = policy.run(() => new Promise(() => {}));
    await clock.advance(ms - 0.001);
    expect(await outcomeOf(call)).toEqual({ state: 'pending' });
    await clock.advance(1.001);
    expect(await outcomeOf(call)).toMatchObject({ state: 'rejected', reason: { code: 'ERR_TIMEOUT', ms } });
  });

  it('of Infinity never passes and starts no timer', async () => {
    const clock = createVirtualClock();
    const answer = gate<string>();
    const call = timeout({ ms: Infinity, clock }).run(() => answer.promise);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(1e15);
    expect(await outcomeOf(call)).toEqual({ state: 'pending' });
    answer.open('at last');
    expect(await call).toBe('at last');
  });

  it.each([2 ** 31 + 1000, Infinity])('of %d ms does not pass at once on the timers of the runtime', async (ms) => {
    const { setTimeout: before } = globalThis;
    const answer = gate<string>();
    const delays: number[] = [];
    globalThis.setTimeout = ((fn: () => void, delayMs: number) => {
      delays.push(delayMs);
      return before(fn, delayMs);
    }) as never;
    try {
      const call = timeout({ ms, strategy: 'aggressive' }).run(() => answer.promise);
      await new Promise((resolve) => {
        before(resolve, 20);
      });
      expect(await outcomeOf(call)).toEqual({ state: 'pending' });
      answer.open('answer');
      expect(await call).toBe('answer');
    } finally {
      globalThis.setTimeout = before;
    }
    // A longer delay than this fires after 1 ms, again and again.
    expect(delays).toEqual(ms < Infinity ? [2 ** 31 - 1] : []);
  });

  it('looks the timers of the runtime up when it needs them', async () => {
    const { setTimeout: before } = globalThis;
    const policy = timeout({ ms: 12_345 });
    const delays: unknown[] = [];
    globalThis.setTimeout = ((fn: () => void, ms: number) => {
      delays.push(ms);
      return before(fn, 0);
    }) as never;
    try {
      await policy.run(() => 1);
    } finally {
      globalThis.setTimeout = before;
    }
    expect(delays).toEqual([12_345]);
  });
});

describe('a call that has timed out', () => {
  it('has an error that says so', async () => {
    const clock = createVirtualClock();
    const call = timeout({ ms: 250, strategy: 'aggressive', clock }).run(() => new Promise(() => {}));
    const outcome = outcomeOf(call);
    await clock.advance(250);
    const { reason } = (await outcome.then(() => outcomeOf(call))) as { reason: TimeoutError };
    expect(reason).toBeInstanceOf(TimeoutError);
    expect([reason.name, reason.message, reason.code, reason.ms]).toEqual([
      'TimeoutError',
      'timed out after 250 ms',
      'ERR_TIMEOUT',
      250,
    ]);
    expect(reason.stack ?? '').not.toContain('timeout.test.ts');
  });

  it('a call that has timed out rejects with its TimeoutError, the reason of the inner signal, even if the operation answers late', async () => {
    for (const strategy of strategies) {
      for (const ending of ['value', 'other error', 'signal reason'] as const) {
        const clock = createVirtualClock();
        let inner: AbortSignal | undefined;
        const call = timeout({ ms: 100, strategy, clock }).run(async ({ signal }) => {
          inner = signal;
          await sleep(clock, 150);
          if (ending === 'value') return 'late';
          throw ending === 'other error' ? new Error('other') : signal.reason;
        });
        void call.catch(() => {});
        await clock.advance(100);
        expect(inner?.aborted).toBe(true);
        await clock.advance(50);
        const outcome = await outcomeOf(call);
        expect(outcome).toMatchObject({ state: 'rejected', reason: { code: 'ERR_TIMEOUT' } });
        expect((outcome as { reason: unknown }).reason).toBe(inner?.reason);
      }
    }
  });

  it('gives its error to a signal that is read after the limit too', async () => {
    const clock = createVirtualClock();
    const seen: unknown[] = [];
    const call = timeout({ ms: 10, clock }).run(async (ctx) => {
      await sleep(clock, 20);
      seen.push(ctx.signal.aborted, ctx.signal.reason);
    });
    const failed = call.catch((error: unknown) => error);
    await clock.advance(20);
    expect(seen).toEqual([true, await failed]);
  });

  it('a cooperative timeout waits for the operation to end, an aggressive one rejects at once', async () => {
    for (const strategy of strategies) {
      const clock = createVirtualClock();
      const call = timeout({ ms: 100, strategy, clock }).run(() => sleep(clock, 300));
      void call.catch(() => {});
      await clock.advance(100);
      expect((await outcomeOf(call)).state).toBe(strategy === 'aggressive' ? 'rejected' : 'pending');
      await clock.advance(199);
      expect((await outcomeOf(call)).state).toBe(strategy === 'aggressive' ? 'rejected' : 'pending');
      await clock.advance(1);
      expect((await outcomeOf(call)).state).toBe('rejected');
    }
  });

  it('is cooperative by default and ends with the operation that obeys its signal', async () => {
    const clock = createVirtualClock();
    const call = timeout({ ms: 100, clock }).run(({ signal }) => cooperativeSleep(clock, 1000, signal));
    void call.catch(() => {});
    await clock.advance(100);
    expect(await outcomeOf(call)).toMatchObject({ state: 'rejected', reason: { ms: 100 } });
    expect(clock.pendingTimers).toBe(0);
  });

  it('is told to the listener once, with the limit', async () => {
    const clock = createVirtualClock();
    const events: TimeoutEvent[] = [];
    const policy = timeout({ ms: 100, strategy: 'aggressive', clock, onEvent: (event) => events.push(event) });
    await policy.run(() => 'in time');
    const calls = [policy.runOutcome(() => sleep(clock, 500)), policy.runOutcome(() => sleep(clock, 50))];
    await clock.advance(1000);
    await Promise.all(calls);
    expect(events).toEqual([{ type: 'timeout', ms: 100 }]);
  });

  it('times out all the same when the listener throws', async () => {
    const reports = collectReports();
    const clock = createVirtualClock();
    const policy = timeout({
      ms: 10,
      strategy: 'aggressive',
      clock,
      onEvent: ({ type }) => {
        throw type;
      },
    });
    const calls = [1, 2].map(() => policy.runOutcome(() => sleep(clock, 50)));
    await clock.advance(10);
    expect((await Promise.all(calls)).map(({ ok }) => ok)).toEqual([false, false]);
    expect(reports).toEqual(['timeout', 'timeout']);
  });
});

describe('signals', () => {
  it('of two calls abort apart from each other', async () => {
    const clock = createVirtualClock();
    const policy = timeout({ ms: 100, strategy: 'aggressive', clock });
    const signals: AbortSignal[] = [];
    const start = (ms: number): Promise<unknown> =>
      policy.runOutcome(({ signal }) => {
        signals.push(signal);
        return sleep(clock, ms);
      });
    const first = start(500);
    await clock.advance(50);
    const second = start(80);
    await clock.advance(100);
    expect(await Promise.all([first, second])).toMatchObject([{ ok: false }, { ok: true }]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  it('do not abort when the operation has ended before the limit', async () => {
    const clock = createVirtualClock();
    let inner: AbortSignal | undefined;
    await timeout({ ms: 10, clock }).run(({ signal }) => {
      inner = signal;
    });
    await clock.advance(100);
    expect(inner?.aborted).toBe(false);
  });

  it('nested timeouts end by the shorter one, whose error comes through', async () => {
    for (const [outerMs, innerMs, ms] of [
      [100, 30, 30],
      [30, 100, 30],
    ] as const) {
      const clock = createVirtualClock();
      let reason: unknown;
      const policy = pipeline(timeout({ ms: outerMs, clock }), timeout({ ms: innerMs, clock }));
      const call = policy.run(async ({ signal }) => {
        await cooperativeSleep(clock, 500, signal).catch((error: unknown) => {
          reason = error;
          throw error;
        });
      });
      const failed = call.catch((error: unknown) => error);
      await clock.advance(30);
      expect(await failed).toBe(reason);
      expect(reason).toMatchObject({ code: 'ERR_TIMEOUT', ms });
    }
  });

  it.each(strategies)('a %s timeout reports the abort of the caller as what it is', async (strategy) => {
    const clock = createVirtualClock();
    const caller = new AbortController();
    const events: TimeoutEvent[] = [];
    const policy = timeout({ ms: 100, strategy, clock, onEvent: (event) => events.push(event) });
    const call = policy.run(({ signal }) => cooperativeSleep(clock, 500, signal), { signal: caller.signal });
    const reason = new Error('enough');
    await clock.advance(20);
    caller.abort(reason);
    expect(await outcomeOf(call)).toEqual({ state: 'rejected', reason });
    await clock.advance(1000);
    expect([events, clock.pendingTimers]).toEqual([[], 0]);
  });

  it('gives a retry a fresh limit and a fresh signal for each attempt', async () => {
    const clock = createVirtualClock();
    const signals = new Set<AbortSignal>();
    const policy = pipeline(retry({ maxAttempts: 3, backoff: () => 5, clock }), timeout({ ms: 10, clock }));
    const call = policy.run(({ signal }) => {
      signals.add(signal);
      return cooperativeSleep(clock, 100, signal);
    });
    const failed = expect(call).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await clock.advance(10 + 5 + 10 + 5 + 9);
    expect((await outcomeOf(call)).state).toBe('pending');
    await clock.advance(1);
    await failed;
    expect(signals.size).toBe(3);
  });
});
